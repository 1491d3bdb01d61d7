"""Tasks in the root filesystem of a Docker image: a real registry, a real OCI runtime, our own containerizer."""
import os
import pathlib

import pytest

from harness.cluster import Cluster, sandbox_file
from harness.registry import Image, Layer, Registry, busybox_layer
from harness.scheduler import Scheduler, framework_on
from harness.wait import wait_for

ISOLATION = ("cgroups/cpu,cgroups/mem,cgroups/pids,namespaces/pid,filesystem/linux,posix/rlimits,docker/runtime,"
             "volume/host_path")
AGENT = {"isolation": ISOLATION, "image_providers": "docker"}
SANDBOX = "/mnt/mesos/sandbox"


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    with Registry(tmp_path_factory.mktemp("registry")) as registry:
        base = busybox_layer()
        tar = base.tar()
        top = Layer().directory("srv").file("srv/motd", "from the image\n").remove("etc/group").tar()
        registry.push("base:v1", Image([tar]))
        registry.push("app:v1", Image([tar, top], {
            "User": "app", "WorkingDir": "/srv", "Env": ["PATH=/bin", "MODE=image", "KEPT=yes"],
            "Entrypoint": ["/bin/sh", "-c"],
            "Cmd": ["id -u; id -g; pwd; cat motd; echo $MODE $KEPT $MESOS_SANDBOX; echo ok > $MESOS_SANDBOX/file"]}))
        registry.push("deep:v1", Image([tar, *(Layer().file(f"layer-{i}", str(i)).tar() for i in range(60))]))
        yield registry


@pytest.fixture(scope="module")
def cluster(registry):
    with Cluster(agents=1, agent_flags={**AGENT, "docker_registry": f"http://{registry.host}"}) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def scheduler(cluster):
    with framework_on(cluster, "images") as framework:
        yield framework


def image(name, **container):
    return {"type": "MESOS", "mesos": {"image": {"type": "DOCKER", "docker": {"name": name}}}, **container}


def run(scheduler, task, command, name="base:v1", container=None, **fields):
    scheduler.run(task, command, container={**image(name), **(container or {})}, **fields)


def output(cluster, task, name="stdout"):
    return sandbox_file(cluster, cluster.agents[0], task, name)


def leftovers(cluster):
    """Of this agent: mounts, root filesystems and cgroups of containers."""
    work_dir = str(cluster.agents[0].work_dir)
    mounts = [line for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines() if work_dir in line]
    roots = os.listdir(cluster.agents[0].work_dir / "provisioner")
    tag = cluster.agents[0].state()["flags"]["cgroups_root"]
    groups = [path for top in pathlib.Path("/sys/fs/cgroup").iterdir() for path in (top / tag).glob("*/") if path.is_dir()]
    return mounts + roots + [str(group) for group in groups]


def wait_clean(cluster):
    wait_for(lambda: not leftovers(cluster), f"nothing left of containers: {leftovers(cluster)}")


def test_what_an_image_says_about_running_it(cluster, scheduler):
    run(scheduler, "says", {"shell": False}, "app:v1")
    scheduler.wait_state("says", "TASK_FINISHED")
    assert output(cluster, "says") == f"1234\n1235\n/srv\nfrom the image\nimage yes {SANDBOX}\n"
    assert output(cluster, "says", "file") == "ok\n"
    wait_clean(cluster)


def test_the_command_overrides_what_the_image_says(cluster, scheduler):
    environment = {"variables": [{"name": "MODE", "value": "mine"}]}
    run(scheduler, "overrides", {"value": "id -u; pwd; echo $MODE $KEPT; ls /etc", "user": "root", "environment": environment},
        "app:v1")
    scheduler.wait_state("overrides", "TASK_FINISHED")
    lines = output(cluster, "overrides").splitlines()
    assert lines[:3] == ["0", "/srv", "mine yes"]
    assert "passwd" in lines and "group" not in lines, "the upper layer removed it"


def test_without_a_working_directory_it_begins_in_the_sandbox(cluster, scheduler):
    run(scheduler, "begins", {"shell": False, "value": "/bin/sh", "arguments": ["sh", "-c", "pwd; ls -d /dev/*; echo $$; hostname"]})
    scheduler.wait_state("begins", "TASK_FINISHED")
    lines = output(cluster, "begins").splitlines()
    assert lines[0] == SANDBOX
    assert lines[-2] == "1", "the first process of its pid namespace"
    nodes = {line[5:] for line in lines if line.startswith("/dev/")}
    assert {"null", "zero", "full", "random", "urandom", "tty", "pts", "shm", "ptmx"} <= nodes
    assert not nodes & {"vda", "sda", "kmsg", "mem", "loop0"}


def test_many_layers(cluster, scheduler):
    run(scheduler, "deep", "cat /layer-0 /layer-59", "deep:v1")
    scheduler.wait_state("deep", "TASK_FINISHED")
    assert output(cluster, "deep") == "059"


def test_a_task_that_heeds_no_signal_ends_after_its_grace(cluster, scheduler):
    run(scheduler, "stubborn", "trap 'echo heard' TERM; echo up; while :; do sleep 0.1; done",
        kill_policy={"grace_period": {"nanoseconds": 500_000_000}})
    scheduler.wait_state("stubborn", "TASK_RUNNING")
    wait_for(lambda: "up" in output(cluster, "stubborn"), "the trap to be set")
    scheduler.kill("stubborn")
    scheduler.wait_state("stubborn", "TASK_KILLED")
    assert "heard" in output(cluster, "stubborn")
    wait_clean(cluster)


def test_it_outlives_a_killed_agent(cluster, scheduler):
    run(scheduler, "outlives", "echo up; while [ ! -e go ]; do sleep 0.1; done; exit 7")
    scheduler.wait_state("outlives", "TASK_RUNNING")
    wait_for(lambda: "up" in output(cluster, "outlives"), "its output")
    agent = cluster.agents[0]
    agent.kill9()
    agent.start()
    cluster.wait_agents(1)
    wait_for(lambda: "up" in output(cluster, "outlives"), "its sandbox again")
    state = agent.state()
    directory = next(e["directory"] for f in state["frameworks"] for e in f["executors"] if e["id"] == "outlives")
    (pathlib.Path(directory) / "go").touch()
    end = scheduler.wait_state("outlives", "TASK_FAILED")
    assert "status 7" in end["message"]
    wait_clean(cluster)


def test_a_check_runs_inside(cluster, scheduler):
    command = {"value": f"test -x /bin/busybox && test $(pwd) = {SANDBOX} && test -e inside && test ! -e /usr"}
    run(scheduler, "checked", "touch inside; sleep 1000",
        health_check={"type": "COMMAND", "command": command, "delay_seconds": 0.0, "interval_seconds": 0.1,
                      "grace_period_seconds": 10.0})
    wait_for(lambda: any(u.get("healthy") for u in list(scheduler.updates) if u["task_id"]["value"] == "checked"), "healthy")
    scheduler.kill("checked")
    scheduler.wait_state("checked", "TASK_KILLED")


def test_the_memory_limit_bites(cluster, scheduler):
    run(scheduler, "eats", "dd if=/dev/zero of=/dev/null bs=200M count=1")
    end = scheduler.wait_state("eats", "TASK_FAILED")
    assert end["reason"] == "REASON_CONTAINER_LIMITATION_MEMORY", end
    wait_clean(cluster)


@pytest.mark.parametrize("name, hint", [("nothing:v1", "nothing"), ("base:v9", "v9"), ("NOT A NAME", "NOT A NAME")])
def test_an_image_that_does_not_exist(cluster, scheduler, name, hint):
    task = "missing-" + hint.replace(" ", "-")
    run(scheduler, task, "true", name)
    end = scheduler.wait_state(task, "TASK_FAILED")
    assert end["reason"] == "REASON_CONTAINER_LAUNCH_FAILED" and hint in end["message"], end
    wait_clean(cluster)


def test_a_program_that_does_not_exist_is_told_in_the_runtimes_words(cluster, scheduler):
    run(scheduler, "no-program", {"shell": False, "value": "/bin/nothing"})
    end = scheduler.wait_state("no-program", "TASK_FAILED")
    assert end["reason"] == "REASON_CONTAINER_LAUNCH_FAILED", end
    assert "/bin/nothing" in end["message"] and "no such file" in end["message"], end
    wait_clean(cluster)


def test_an_appc_image_is_refused(cluster, scheduler):
    container = {"type": "MESOS", "mesos": {"image": {"type": "APPC", "appc": {"name": "x"}}}}
    scheduler.run("appc", "true", container=container)
    assert "Appc" in scheduler.wait_state("appc", "TASK_FAILED")["message"]


def test_a_volume_of_the_machine(cluster, scheduler, tmp_path):
    (tmp_path / "given").write_text("content")
    tmp_path.chmod(0o755)
    volume = {"mode": "RO", "container_path": "/data", "source": {"type": "HOST_PATH", "host_path": {"path": str(tmp_path)}}}
    run(scheduler, "volume", "cat /data/given; touch /data/more || echo refused", container={"volumes": [volume]})
    scheduler.wait_state("volume", "TASK_FINISHED")
    assert output(cluster, "volume") == "contentrefused\n"


ESCAPES = {
    "mount": "mount -t tmpfs none /tmp",
    "block device": "mknod /tmp/disk b 254 0 && head -c 1 /tmp/disk",
    "sysctl": "echo 1 > /proc/sys/kernel/sysrq",
    "sysrq": "echo b > /proc/sysrq-trigger",
    "release_agent": "mkdir /tmp/cg && mount -t cgroup -o devices none /tmp/cg",
    "kernel memory": "head -c 1 /proc/kcore | grep -q .",
    "host processes": "test $(ls -d /proc/[0-9]* | wc -l) -gt 8",
    "descriptors": "test $(ls /proc/1/fd | wc -l) -gt 4",
    "root of the host": "test -e /proc/1/root/work || ls /.. | grep -q lib64",
    "hostname": "hostname escaped",
    "runtime": "printf x >> /proc/1/exe",
    "sys": "mkdir /sys/fs/escaped",
}


def test_ways_out_lead_nowhere(cluster, scheduler):
    script = "".join(f"({command}) 2>/dev/null && echo 'way out: {name}'\n" for name, command in ESCAPES.items())
    run(scheduler, "escapes", script + "echo tried")
    scheduler.wait_state("escapes", "TASK_FINISHED")
    assert output(cluster, "escapes") == "tried\n"


def test_up_and_down_leaves_nothing(cluster, scheduler):
    count = 20
    for start in range(0, count, 5):
        offer = scheduler.wait_offer(1)
        tasks = [scheduler.task(offer, f"many-{i}", "true", container=image("base:v1")) for i in range(start, start + 5)]
        scheduler.accept(offer, tasks)
    for i in range(count):
        scheduler.wait_state(f"many-{i}", "TASK_FINISHED")
    wait_clean(cluster)


def test_tasks_of_a_pod_have_images_too(cluster, scheduler):
    offer = scheduler.wait_offer(0.5)
    executor = {"type": "DEFAULT", "executor_id": {"value": "pod"}, "framework_id": {"value": scheduler.id},
                "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}},
                              {"name": "mem", "type": "SCALAR", "scalar": {"value": 64}},
                              {"name": "disk", "type": "SCALAR", "scalar": {"value": 32}}]}
    tasks = [scheduler.task(offer, "pod-image", "cat /etc/passwd | wc -l", container=image("base:v1")),
             scheduler.task(offer, "pod-plain", "true")]
    scheduler.call("ACCEPT", {"offer_ids": [offer["id"]], "operations": [
        {"type": "LAUNCH_GROUP", "launch_group": {"executor": executor, "task_group": {"tasks": tasks}}}]})
    for task in ("pod-image", "pod-plain"):
        scheduler.wait_state(task, "TASK_FINISHED")
    wait_clean(cluster)


def test_run_in_the_manner_of_docker(registry):
    # Of its own: the other tests' scheduler holds all that their agent offers.
    with Cluster(agents=1, agent_flags={**AGENT, "docker_registry": f"http://{registry.host}"}) as cluster:
        done = cluster.tepui("run", "--image", "app:v1", "--env", "MODE=cli")
        assert done.returncode == 0 and f"cli yes {SANDBOX}" in done.stdout, done
        named = cluster.tepui("run", "--image", registry.name("base:v1"), "--workdir", "/etc", "--", "ls", "passwd")
        assert named.returncode == 0 and named.stdout == "passwd\n", named
        failed = cluster.tepui("run", "--image", "base:v1", "--", "sh", "-c", "exit 3")
        assert failed.returncode == 3, failed
        shared = cluster.folder / "shared"
        shared.mkdir()
        shared.chmod(0o755)
        cluster.folder.chmod(0o755)
        (shared / "given").write_text("given\n")
        mounted = cluster.tepui("run", "--image", "base:v1", "--volume", f"{shared}:/data:ro", "--", "sh", "-c",
                                "cat /data/given; touch /data/x || echo refused")
        assert mounted.returncode == 0 and mounted.stdout == "given\nrefused\n", mounted
        checked = cluster.tepui("run", "--image", "base:v1", "--health-cmd", "test -e /tmp/well", "--health-interval", "100ms",
                                "--health-retries", "2", "--health-start-period", "100ms", "--", "sh", "-c", "sleep 1000")
        assert checked.returncode not in (0, 2), checked  # Never healthy: killed.
        wait_clean(cluster)


def test_an_agent_without_the_isolator_refuses(registry):
    with Cluster(agents=1) as cluster:
        scheduler = Scheduler(cluster.port, "plain")
        run(scheduler, "refused", "true", registry.name("base:v1"))
        end = scheduler.wait_state("refused", "TASK_FAILED")
        assert "docker/runtime" in end["message"], end
        scheduler.teardown()
        scheduler.close()
