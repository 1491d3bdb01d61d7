"""Tasks of type DOCKER with a real Docker Engine: their life, their limits, and what dies in between."""
import contextlib
import http.client
import json
import pathlib
import signal as signals

import pytest

from harness.cluster import Cluster, request, sandbox_file
from harness.dockerd import BRIDGE_ADDRESS, IMAGE, Dockerd
from harness.scheduler import Scheduler
from harness.wait import wait_for


@pytest.fixture(scope="module")
def dockerd():
    with Dockerd() as engine:
        yield engine


@pytest.fixture(scope="module")
def shared_cluster(dockerd):
    flags = {"containerizers": "mesos,docker", "docker_socket": dockerd.socket, "docker_remove_delay": "0secs"}
    with Cluster(agent_flags=flags) as running:
        yield running


@pytest.fixture
def agent(shared_cluster):
    return shared_cluster.agents[0]


def docker(network=None, container=None, **fields):
    """The fields of a task that make it a Docker container."""
    info = {"image": IMAGE, **fields}
    if network:
        info["network"] = network
    return {"container": {"type": "DOCKER", "docker": info, **(container or {})}}


def output(cluster, agent, task, name="stdout"):
    with contextlib.suppress(AssertionError, OSError, http.client.HTTPException):
        return sandbox_file(cluster, agent, task, name)
    return ""


def wait_output(cluster, agent, task, text, name="stdout"):
    return wait_for(lambda: text in output(cluster, agent, task, name) and output(cluster, agent, task, name),
                    f"{text!r} in {name} of {task}")


def sandbox_of(agent, task):
    return next(pathlib.Path(agent.work_dir).glob(f"slaves/*/frameworks/*/executors/{task}/runs/*"))


def wait_gone(dockerd):
    wait_for(lambda: not dockerd.containers(), "no container to be left in the Engine")


def test_runs_to_its_end_with_logs_environment_and_sandbox(shared_cluster, agent, scheduler, dockerd):
    command = {"value": "echo out $GREETING $MESOS_TASK_ID; echo err >&2; pwd; echo made > $MESOS_SANDBOX/file; exit 3",
               "environment": {"variables": [{"name": "GREETING", "value": "hello"}]}}
    scheduler.run("ends", command, **docker(parameters=[{"key": "workdir", "value": "/tmp"},
                                                        {"key": "label", "value": "team=a"}]))
    scheduler.wait_state("ends", "TASK_RUNNING")
    failed = scheduler.wait_state("ends", "TASK_FAILED")
    assert "status 3" in failed["message"], failed
    assert sandbox_file(shared_cluster, agent, "ends") == "out hello ends\n/tmp\n"
    assert sandbox_file(shared_cluster, agent, "ends", "stderr") == "err\n"
    assert (sandbox_of(agent, "ends") / "file").read_text() == "made\n"
    wait_gone(dockerd)


def test_bad_requests_fail_with_the_reason(scheduler, dockerd):
    scheduler.run("noimage", "true", container={"type": "DOCKER", "docker": {"image": "127.0.0.1:1/nope:1"}})
    assert "cannot pull the image '127.0.0.1:1/nope:1'" in scheduler.wait_state("noimage", "TASK_FAILED")["message"]
    scheduler.run("noprogram", {"shell": False, "value": "/nonono"}, **docker())
    assert "/nonono" in scheduler.wait_state("noprogram", "TASK_FAILED")["message"]
    scheduler.run("badoption", "true", **docker(parameters=[{"key": "frobnicate", "value": "1"}]))
    assert "'frobnicate'" in scheduler.wait_state("badoption", "TASK_FAILED")["message"]
    wait_gone(dockerd)


def test_kill_with_grace(shared_cluster, agent, scheduler):
    scheduler.run("polite", "trap 'echo bye; exit 0' TERM; echo up; while true; do sleep 0.1; done", **docker())
    wait_output(shared_cluster, agent, "polite", "up")
    assert scheduler.wait_state("polite", "TASK_RUNNING")["container_status"]["executor_pid"] > 0
    scheduler.kill("polite")
    scheduler.wait_state("polite", "TASK_KILLED")
    assert "bye" in output(shared_cluster, agent, "polite")
    scheduler.run("stubborn", "trap '' TERM; echo up; while true; do sleep 0.1; done", **docker())
    wait_output(shared_cluster, agent, "stubborn", "up")
    scheduler.kill("stubborn", kill_policy={"grace_period": {"nanoseconds": 200_000_000}})
    scheduler.wait_state("stubborn", "TASK_KILLED")


def test_volumes_and_memory_limit(shared_cluster, agent, scheduler, tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / "given").write_text("from the host\n")
    volumes = [{"mode": "RO", "container_path": "/data", "host_path": str(tmp_path)},
               {"mode": "RW", "container_path": "/scratch", "host_path": "scratch/a"}]
    scheduler.run("volumes", "cat /data/given; echo x > /data/y || echo refused; echo kept > /scratch/f",
                  **docker(container={"volumes": volumes}))
    scheduler.wait_state("volumes", "TASK_FINISHED")
    assert output(shared_cluster, agent, "volumes") == "from the host\nrefused\n"
    assert (sandbox_of(agent, "volumes") / "scratch/a/f").read_text() == "kept\n"

    scheduler.run("hungry", "exec tail /dev/zero", **docker(
        parameters=[{"key": "memory-swap", "value": "33554432"}]))
    hit = scheduler.wait_state("hungry", "TASK_FAILED")
    assert hit.get("reason") == "REASON_CONTAINER_LIMITATION_MEMORY", hit


SYS_ADMIN = 1 << 21


def all_powers():
    bounding = next(line for line in pathlib.Path("/proc/self/status").read_text().splitlines() if line.startswith("CapBnd"))
    return int(bounding.split()[1], 16) == (2 << int(pathlib.Path("/proc/sys/kernel/cap_last_cap").read_text())) - 1


def test_rights_volumes_of_a_driver_and_use(shared_cluster, agent, scheduler, dockerd):
    effective = "grep CapEff /proc/self/status; sleep 1000"
    scheduler.run("plain", effective, **docker())
    plain = int(wait_output(shared_cluster, agent, "plain", "CapEff").split()[1], 16)
    assert plain & SYS_ADMIN == 0
    scheduler.run("mighty", "grep CapEff /proc/self/status", **docker(privileged=True))
    if all_powers():
        scheduler.wait_state("mighty", "TASK_FINISHED")
        assert int(output(shared_cluster, agent, "mighty").split()[1], 16) & SYS_ADMIN
    else:  # A machine that has not all of them itself can give none that is privileged.
        assert "unable to apply caps" in scheduler.wait_state("mighty", "TASK_FAILED")["message"]

    def used():
        for entry in json.loads(request(agent.port, "GET", "/monitor/statistics")[2]):
            if entry["executor_id"] == "plain" and entry["statistics"].get("mem_rss_bytes", 0) > 0:
                return entry["statistics"]
        return None
    found = wait_for(used, "what the task uses")
    assert found["mem_limit_bytes"] >= 32 << 20 and "cpus_user_time_secs" in found, found
    scheduler.kill("plain", kill_policy={"grace_period": {"nanoseconds": 0}})
    scheduler.wait_state("plain", "TASK_KILLED")

    volume = {"mode": "RW", "container_path": "/kept",
              "source": {"type": "DOCKER_VOLUME", "docker_volume": {"driver": "local", "name": "tepui-kept"}}}
    scheduler.run("writes", "echo kept > /kept/file", **docker(container={"volumes": [volume]}))
    scheduler.wait_state("writes", "TASK_FINISHED")
    scheduler.run("reads", "cat /kept/file", **docker(container={"volumes": [volume]}))
    scheduler.wait_state("reads", "TASK_FINISHED")
    assert output(shared_cluster, agent, "reads") == "kept\n"
    wait_gone(dockerd)
    assert dockerd.call("DELETE", "/volumes/tepui-kept")[0] == 204


def test_bridge_with_a_published_port(agent, scheduler, dockerd):
    if not dockerd.bridge:
        pytest.skip("this machine lets no test make a bridge and NAT rules")
    port = 31007
    ports = {"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": port, "end": port}]}}
    resources = [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}},
                 {"name": "mem", "type": "SCALAR", "scalar": {"value": 32}}, ports]
    page = "mkdir /tmp/www; echo page > /tmp/www/index.html; exec httpd -f -p 80 -h /tmp/www"
    # The check looks at the container's own address: nobody listens at port 80 of the host.
    check = {"type": "HTTP", "http": {"port": 80, "path": "/"}, "delay_seconds": 0.0, "interval_seconds": 0.1,
             "timeout_seconds": 5.0, "grace_period_seconds": 30.0, "consecutive_failures": 3}
    scheduler.run("web", page, resources=resources, health_check=check, **docker(
        "BRIDGE", port_mappings=[{"host_port": port, "container_port": 80, "protocol": "tcp"}]))
    running = scheduler.wait_state("web", "TASK_RUNNING")
    address = running["container_status"]["network_infos"][0]["ip_addresses"][0]["ip_address"]
    assert address.startswith(BRIDGE_ADDRESS.rsplit(".", 1)[0]), running
    wait_for(lambda: any(u.get("healthy") for u in list(scheduler.updates)), "healthy")

    def fetch():
        with contextlib.suppress(OSError, http.client.HTTPException):
            return request(port, "GET", "/")[2]
        return None
    assert wait_for(fetch, "the page behind the published port") == b"page\n"
    scheduler.kill("web")
    scheduler.wait_state("web", "TASK_KILLED")


def test_health_check_runs_in_the_container(scheduler):
    check = {"type": "COMMAND", "command": {"value": "test -e /bin/busybox && test -e $MESOS_SANDBOX/ok"},
             "delay_seconds": 0.0, "interval_seconds": 0.1, "timeout_seconds": 10.0, "grace_period_seconds": 0.0,
             "consecutive_failures": 3}
    scheduler.run("healthy", "touch $MESOS_SANDBOX/ok; sleep 2; rm $MESOS_SANDBOX/ok; sleep 1000",
                  health_check=check, kill_policy={"grace_period": {"nanoseconds": 0}}, **docker())
    wait_for(lambda: any(u.get("healthy") for u in list(scheduler.updates)), "healthy")
    scheduler.wait_state("healthy", "TASK_KILLED")
    assert any(u.get("healthy") is False for u in scheduler.updates)


COUNT = "i=0; while test ! -e $MESOS_SANDBOX/stop; do i=$((i+1)); echo $i; sleep 0.05; done; exit 7"


def expect_count(cluster, agent, task):
    """Every line once and in order."""
    lines = output(cluster, agent, task).split()
    assert lines == [str(i + 1) for i in range(len(lines))]


def test_agent_killed_adopts_and_its_logs_go_on(shared_cluster, agent, scheduler, dockerd):
    scheduler.run("adopted", COUNT, **docker())
    scheduler.run("ended", "while test ! -e $MESOS_SANDBOX/stop; do sleep 0.05; done; echo last; exit 5", **docker())
    wait_output(shared_cluster, agent, "adopted", "3\n")
    scheduler.wait_state("ended", "TASK_RUNNING")
    before = {c["Id"] for c in dockerd.containers()}
    ended, adopted = sandbox_of(agent, "ended"), sandbox_of(agent, "adopted")
    orphan = dockerd.call("POST", "/containers/create?name=orphan", {
        "Image": IMAGE, "Cmd": ["sleep", "1000"], "HostConfig": {"NetworkMode": "none"},
        "Labels": {"tepui.work_dir": str(agent.work_dir), "tepui.container": "nobody"}})[1]["Id"]
    dockerd.call("POST", f"/containers/{orphan}/start")
    agent.kill9()
    (ended / "stop").touch()
    wait_for(lambda: any(c["State"] == "exited" for c in dockerd.containers()), "the end of one while the agent is away")
    agent.start()
    shared_cluster.wait_agents(1)
    assert "status 5" in scheduler.wait_state("ended", "TASK_FAILED")["message"]
    assert output(shared_cluster, agent, "ended") == "last\n"
    wait_for(lambda: orphan not in {c["Id"] for c in dockerd.containers()}, "the orphan to be removed")
    assert {c["Id"] for c in dockerd.containers() if c["State"] == "running"} < before
    (adopted / "stop").touch()
    assert "status 7" in scheduler.wait_state("adopted", "TASK_FAILED")["message"]
    assert scheduler.states("adopted").count("TASK_FAILED") == 1
    expect_count(shared_cluster, agent, "adopted")


def test_engine_stopped_for_a_while_blocks_nothing(shared_cluster, agent, scheduler, dockerd):
    scheduler.run("waits", "sleep 1000", **docker())
    scheduler.wait_state("waits", "TASK_RUNNING")
    dockerd.signal(signals.SIGSTOP)
    try:
        scheduler.kill("waits", kill_policy={"grace_period": {"nanoseconds": 0}})
        # The agent and its other tasks go on.
        scheduler.run("other", "true")
        scheduler.wait_state("other", "TASK_FINISHED")
        assert json.loads(request(agent.port, "GET", "/monitor/statistics", timeout=5)[2]) is not None
        assert "TASK_KILLED" not in scheduler.states("waits")
    finally:
        dockerd.signal(signals.SIGCONT)
    scheduler.wait_state("waits", "TASK_KILLED")


def test_engine_killed_and_started_again(shared_cluster, agent, scheduler, dockerd):
    scheduler.run("survives", COUNT, **docker())
    wait_output(shared_cluster, agent, "survives", "3\n")
    dockerd.kill9()
    scheduler.run("early", "echo hi", **docker())  # Waits for the Engine.
    dockerd.start()
    scheduler.wait_state("early", "TASK_FINISHED")
    count = len(output(shared_cluster, agent, "survives").split())
    wait_for(lambda: len(output(shared_cluster, agent, "survives").split()) > count, "more lines after the restart")
    (sandbox_of(agent, "survives") / "stop").touch()
    assert "status 7" in scheduler.wait_state("survives", "TASK_FAILED")["message"]
    expect_count(shared_cluster, agent, "survives")
    wait_gone(dockerd)


def test_without_live_restore_a_restart_ends_tasks(dockerd, shared_cluster, agent):
    framework = Scheduler(shared_cluster.port)
    framework.run("dies", "sleep 1000", **docker())
    framework.wait_state("dies", "TASK_RUNNING")
    dockerd.kill9()
    dockerd.live_restore = False
    try:
        dockerd.start()
        framework.wait_state("dies", "TASK_FAILED")
        assert framework.states("dies").count("TASK_FAILED") == 1
    finally:
        dockerd.live_restore = True
        framework.teardown()
        framework.close()


def test_agents_without_docker_say_so():
    with Cluster() as cluster:
        framework = Scheduler(cluster.port)
        framework.run("refused", "true", **docker())
        assert "--containerizers" in framework.wait_state("refused", "TASK_FAILED")["message"]
        framework.teardown()
        framework.close()
