"""Commands, files and logs of tasks of type DOCKER with a real Docker Engine, as of any other task's; what updates tell of them."""
import base64
import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess

import pytest

from harness.cluster import TEPUI, Cluster, request
from harness.dockerd import IMAGE, Dockerd
from harness.scheduler import Scheduler
from harness.terminal import check_exec_with_terminal
from harness.wait import wait_for


@pytest.fixture(scope="module")
def dockerd():
    with Dockerd() as engine:
        yield engine


@pytest.fixture(scope="module")
def cluster(dockerd):
    flags = {"containerizers": "mesos,docker", "docker_socket": dockerd.socket, "docker_remove_delay": "0secs"}
    with Cluster(agent_flags=flags) as running:
        yield running


@pytest.fixture(scope="module")
def framework(cluster):
    made = Scheduler(cluster.port, name="docker")
    yield made
    made.teardown()
    made.close()


@pytest.fixture(scope="module")
def web(framework):
    """The TASK_RUNNING of a task that goes on."""
    framework.run("web", {"value": "echo hello from web; export A=b; exec sleep 1000",
                          "environment": {"variables": [{"name": "GREETING", "value": "hi"}]}},
                  container={"type": "DOCKER", "docker": {"image": IMAGE}})
    return framework.wait_state("web", "TASK_RUNNING")


def processes(mark):
    """Processes of a program with these arguments."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip() == mark:
                found.append(int(folder.name))
    return found


def test_running_tells_what_docker_says_of_it(dockerd, cluster, web):
    container = dockerd.containers()[0]
    told = json.loads(base64.b64decode(web["data"]))
    assert [each["Id"] for each in told] == [container["Id"]]
    assert told[0]["State"]["Running"] is True and told[0]["Config"]["Image"] == IMAGE
    status = web["container_status"]
    assert status["container_id"]["value"] and status["executor_pid"] == told[0]["State"]["Pid"]
    address = status["network_infos"][0]["ip_addresses"][0]["ip_address"]
    inside = told[0]["NetworkSettings"]["Networks"]
    expected = [network["IPAddress"] for network in inside.values() if network["IPAddress"]] or ["127.0.0.1"]
    assert address in expected
    assert web["labels"]["labels"] == [{"key": "Docker.NetworkSettings.IPAddress", "value": address}]
    # Data is for the framework alone: it is in no state.
    assert "NetworkSettings\\\"" not in json.dumps(cluster.agents[0].state())


def test_exec_in_the_container(cluster, web):
    done = cluster.tepui("exec", "web", "sh", "-c", "echo out $GREETING; cat /proc/1/comm; echo err >&2; exit 3")
    assert (done.returncode, done.stdout, done.stderr) == (3, "out hi\nsleep\n", "err\n")
    data = "line\n" * 100000
    assert cluster.tepui("exec", "-i", "web", "cat", input=data).stdout == data
    assert cluster.tepui("exec", "web", "cat").stdout == ""  # No input without -i.
    missing = cluster.tepui("exec", "web", "/no/such/program")
    assert missing.returncode != 0 and "no/such/program" in missing.stdout + missing.stderr


def test_exec_with_a_terminal(cluster, web):
    check_exec_with_terminal(cluster, "web", f"sleep 93{os.getpid()}", processes)


def test_signals_and_ends(cluster, web):
    environment = {**os.environ, "TEPUI_MASTER": cluster.address}
    trap = "trap 'echo got; exit 4' TERM; echo ready; while :; do sleep 0.05; done"
    child = subprocess.Popen([TEPUI, "exec", "web", "sh", "-c", trap], stdout=subprocess.PIPE, env=environment)
    assert child.stdout.readline() == b"ready\n"
    child.terminate()
    assert child.stdout.read() == b"got\n"
    assert child.wait(30) == 4
    # Who is cut off takes the command and its children along.
    mark = f"sleep 94{os.getpid()}"
    child = subprocess.Popen([TEPUI, "exec", "web", "sh", "-c", f"echo ready; {mark}; true"], stdout=subprocess.PIPE, env=environment)
    assert child.stdout.readline() == b"ready\n"
    wait_for(lambda: processes(mark), "its command")
    child.send_signal(signal.SIGKILL)
    child.wait(30)
    wait_for(lambda: not processes(mark), "the end of its command")


def test_files_and_logs(cluster, web, tmp_path):
    assert cluster.tepui("logs", "web").stdout == "hello from web\n"
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a").write_text("one")
    done = cluster.tepui("cp", tmp_path / "folder", "web:/mnt/mesos/sandbox/")
    assert done.returncode == 0, done.stderr
    assert cluster.tepui("exec", "web", "sh", "-c", "cat $MESOS_SANDBOX/folder/a").stdout == "one"
    assert cluster.tepui("exec", "web", "sh", "-c", "echo two > $MESOS_SANDBOX/folder/b").returncode == 0
    # Beneath the sandbox too, where the image says that commands start elsewhere.
    (tmp_path / "c").write_text("three")
    done = cluster.tepui("cp", tmp_path / "c", "web:folder/")
    assert done.returncode == 0, done.stderr
    done = cluster.tepui("cp", "web:folder", tmp_path / "back")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "back/folder/b").read_text() == "two\n" and (tmp_path / "back/folder/c").read_text() == "three"
    # What is in the image alone comes out too.
    done = cluster.tepui("cp", "web:/etc/passwd", tmp_path / "passwd")
    assert done.returncode == 0, done.stderr
    assert re.match("root:x:0:0", (tmp_path / "passwd").read_text())


def test_sessions_end_with_their_container(cluster, framework):
    framework.run("short", "exec sleep 1000", container={"type": "DOCKER", "docker": {"image": IMAGE}})
    framework.wait_state("short", "TASK_RUNNING")
    environment = {**os.environ, "TEPUI_MASTER": cluster.address}
    child = subprocess.Popen([TEPUI, "exec", "short", "sh", "-c", "echo ready; sleep 1000"], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, env=environment)
    assert child.stdout.readline() == b"ready\n"
    framework.kill("short")
    framework.wait_state("short", "TASK_KILLED")
    assert child.wait(30) != 0


def test_nothing_else_is_launched_in_it(cluster, web):
    parent = web["container_status"]["container_id"]
    body = {"type": "LAUNCH_NESTED_CONTAINER",
            "launch_nested_container": {"container_id": {"value": "inner", "parent": parent}, "command": {"value": "true"}}}
    status, _, answer = request(cluster.agents[0].port, "POST", "/api/v1", json.dumps(body), {"Content-Type": "application/json"})
    assert status != 200 and b"only commands of a session" in answer, (status, answer)
