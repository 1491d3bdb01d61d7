"""Volumes of tasks on the host's file system: host paths, sandbox paths shared by a pod, external ones of a plugin."""
import contextlib
import http.server
import json
import os
import pathlib
import pwd
import shutil
import signal
import socketserver
import tempfile
import threading

import pytest
from harness.cluster import Cluster, request, sandbox_file
from harness.scheduler import Scheduler, scalar
from harness.wait import wait_for


class Plugin(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """A volume plugin as Docker's are: a directory for each volume, and who has it mounted."""
    daemon_threads = True

    def __init__(self, socket, folder):
        self.folder, self.users, self.calls = folder, {}, []
        super().__init__(str(socket), PluginCall)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def get_request(self):
        connection, _ = super().get_request()
        return connection, ("plugin", 0)


class PluginCall(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        plugin, verb = self.server, self.path.rpartition(".")[2]
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        plugin.calls.append((verb, body))
        folder = plugin.folder / body["Name"]
        answer = {"Err": ""}
        if verb == "Create" and body["Name"] == "broken":
            answer["Err"] = "no room for it"
        elif verb == "Create":
            folder.mkdir(exist_ok=True)
        elif verb == "Mount":
            plugin.users.setdefault(body["Name"], set()).add(body["ID"])
            answer["Mountpoint"] = str(folder)
        elif verb == "Unmount":
            plugin.users.setdefault(body["Name"], set()).discard(body["ID"])
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="tepui-volumes-"))
    path.chmod(0o755)  # Tasks of other users must come here.
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def plugin(folder):
    (folder / "plugins").mkdir()
    (folder / "external").mkdir()
    with Plugin(folder / "plugins" / "pretend.sock", folder / "external") as server:
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def cluster(folder, plugin):
    flags = {"isolation": "cgroups/cpu,cgroups/mem,namespaces/pid,filesystem/linux,docker/volume",
             "docker_plugin_dir": folder / "plugins", "host_path_volume_force_creation": folder / "made"}
    with Cluster(agent_flags=flags) as running:
        yield running


@pytest.fixture
def scheduler(cluster):
    framework = Scheduler(cluster.port)
    yield framework
    framework.teardown()
    framework.close()


def container(*volumes):
    return {"type": "MESOS", "volumes": list(volumes)}


def host(path, at, mode="RW"):
    return {"mode": mode, "container_path": str(at), "source": {"type": "HOST_PATH", "host_path": {"path": str(path)}}}


def wait_registered(agent):
    def registered():
        with contextlib.suppress(OSError, ValueError, KeyError):
            return json.loads(request(agent.port, "GET", "/metrics/snapshot")[2])["slave/registered"] == 1
        return False
    wait_for(registered, "registration of the restarted agent")


def mounts(*folders):
    """Where something is mounted beneath the folders: others mount things on this machine too."""
    points = [line.split()[4] for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines()]
    return sorted(point for point in points if point.startswith(tuple(str(folder) for folder in folders)))


def run_to(scheduler, state, name, command, *volumes, **fields):
    scheduler.run(name, command, container=container(*volumes), **fields)
    return scheduler.wait_state(name, state)


def test_a_host_path_is_seen_in_the_sandbox_and_nothing_is_left_on_the_host(cluster, scheduler, folder):
    data = folder / "data"
    data.mkdir()
    (data / "in").write_text("from the host")
    before = mounts(folder, cluster.agents[0].work_dir)
    run_to(scheduler, "TASK_FINISHED", "rw", "cat in/volume/in && echo back > in/volume/out && ls -d in", host(data, "in/volume"))
    assert sandbox_file(cluster, cluster.agents[0], "rw").startswith("from the host")
    assert (data / "out").read_text() == "back\n"
    assert mounts(folder, cluster.agents[0].work_dir) == before


def test_read_only_means_it_and_absolute_paths_must_exist(cluster, scheduler, folder):
    (folder / "ro").mkdir()
    (folder / "there").mkdir()
    run_to(scheduler, "TASK_FINISHED", "ro", "! touch ro/x", host(folder / "ro", "ro", "RO"))
    assert not list((folder / "ro").iterdir())
    (folder / "ro" / "file").write_text("x")
    run_to(scheduler, "TASK_FINISHED", "absolute", f"test -f {folder}/there/file", host(folder / "ro", folder / "there"))
    refused = run_to(scheduler, "TASK_FAILED", "nowhere", "true", host(folder / "ro", folder / "not-there"))
    assert refused["reason"] == "REASON_CONTAINER_LAUNCH_FAILED"
    assert "does not exist on this host" in refused["message"]


def test_a_missing_host_path_is_made_only_where_the_operator_says(cluster, scheduler, folder):
    run_to(scheduler, "TASK_FINISHED", "made", "echo x > v/x", host(folder / "made" / "a", "v"))
    assert (folder / "made" / "a" / "x").exists()
    refused = run_to(scheduler, "TASK_FAILED", "missing", "true", host(folder / "unmade", "v"))
    assert "--host_path_volume_force_creation" in refused["message"]
    assert not (folder / "unmade").exists()


def test_a_volume_opens_no_way_that_its_user_does_not_have(cluster, scheduler, folder):
    nobody = pwd.getpwnam("nobody")
    closed = folder / "closed" / "open"
    closed.mkdir(parents=True)
    (folder / "closed").chmod(0o700)
    command = {"value": "true", "user": "nobody"}
    refused = run_to(scheduler, "TASK_FAILED", "closed", command, host(closed, "v"))
    assert "may not enter" in refused["message"]
    theirs = folder / "theirs"
    theirs.mkdir()
    os.chown(theirs, nobody.pw_uid, nobody.pw_gid)
    (theirs / "link").symlink_to("/root")
    os.lchown(theirs / "link", nobody.pw_uid, nobody.pw_gid)
    refused = run_to(scheduler, "TASK_FAILED", "linked", "true", host(theirs / "link", "v"))
    assert "symbolic link" in refused["message"]
    # Its own /etc is its own, and no set-uid program takes it for the host's.
    (folder / "etc").mkdir()
    task = {"value": "grep NoNewPrivs /proc/self/status", "user": "nobody"}
    run_to(scheduler, "TASK_FINISHED", "etc", task, host(folder / "etc", "/opt"))
    assert sandbox_file(cluster, cluster.agents[0], "etc").split()[1] == "1"


def test_tasks_of_a_pod_share_a_directory(cluster, scheduler):
    shared = {"mode": "RW", "container_path": "shared",
              "source": {"type": "SANDBOX_PATH", "sandbox_path": {"type": "PARENT", "path": "common"}}}
    offer = scheduler.wait_offer(cpus=0.4)
    executor = {"type": "DEFAULT", "executor_id": {"value": "sharing"}, "framework_id": {"value": scheduler.id},
                "resources": [scalar("cpus", 0.1), scalar("mem", 32), scalar("disk", 32)]}
    waiting = "until test -s shared/word; do sleep 0.05; done; cat shared/word"
    tasks = [scheduler.task(offer, "writer", "echo hello > shared/tmp && mv shared/tmp shared/word", container=container(shared)),
             scheduler.task(offer, "reader", {"value": waiting, "user": "nobody"}, container=container(shared))]
    scheduler.call("ACCEPT", {"offer_ids": [offer["id"]], "filters": {"refuse_seconds": 0.0}, "operations": [
        {"type": "LAUNCH_GROUP", "launch_group": {"executor": executor, "task_group": {"tasks": tasks}}}]})
    with scheduler._lock:
        scheduler.offers.pop(offer["id"]["value"], None)
    scheduler.wait_state("writer", "TASK_FINISHED")
    scheduler.wait_state("reader", "TASK_FINISHED")


def external(name):
    return {"mode": "RW", "container_path": "volume",
            "source": {"type": "DOCKER_VOLUME", "docker_volume": {
                "driver": "pretend", "name": name, "driver_options": {"parameter": [{"key": "size", "value": "1g"}]}}}}


def test_an_external_volume_is_counted_over_a_crash_of_the_agent(cluster, scheduler, plugin):
    run_to(scheduler, "TASK_RUNNING", "one", "echo 1 > volume/one; sleep 600", external("db"))
    run_to(scheduler, "TASK_RUNNING", "two", "until test -s volume/one; do sleep 0.05; done; echo 2 > volume/two; sleep 600",
           external("db"))
    wait_for(lambda: (plugin.folder / "db" / "two").exists(), "the second task to see the first one's file")
    assert len(plugin.users["db"]) == 2
    assert ("Create", {"Name": "db", "Opts": {"size": "1g"}}) in plugin.calls
    cluster.agents[0].kill9()
    cluster.agents[0].start()
    wait_registered(cluster.agents[0])
    scheduler.kill("one")
    scheduler.wait_state("one", "TASK_KILLED")
    assert len(plugin.users["db"]) == 1, "the other one still has it"
    scheduler.kill("two")
    scheduler.wait_state("two", "TASK_KILLED")
    assert plugin.users["db"] == set()


def test_what_a_plugin_refuses_is_told(cluster, scheduler, plugin):
    refused = run_to(scheduler, "TASK_FAILED", "broken", "true", external("broken"))
    assert "no room for it" in refused["message"]
    assert not plugin.users.get("broken")


def test_what_no_isolator_handles_is_refused_by_its_name(cluster, folder):
    agent = cluster.add_agent(isolation="posix/cpu,posix/mem", resources="cpus:7;mem:512;disk:512")
    cluster.wait_agents(2)
    framework = Scheduler(cluster.port)
    try:
        offer = framework.wait_offer(cpus=5)
        framework.accept(offer, [framework.task(offer, "t", "true", container=container(host(folder, "v")))])
        assert "needs the isolator volume/host_path in --isolation" in framework.wait_state("t", "TASK_FAILED")["message"]
    finally:
        framework.teardown()
        framework.close()
        agent.end(signal.SIGUSR1)
        cluster.agents.remove(agent)
