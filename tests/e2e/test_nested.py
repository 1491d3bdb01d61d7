"""Containers that operators launch: nested, sessions, standalone; terminals; `tepui exec`, `attach` and `cp` over them."""
import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import uuid

import pytest
from harness.cluster import ROOT, TEPUI, Cluster, call, request
from harness.golden import launch_group
from harness.recordio import Stream, Upload
from harness.scheduler import Scheduler
from harness.terminal import Terminal, check_exec_with_terminal
from harness.wait import wait_for

def processes(mark):
    """Processes whose command line has `mark`."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"):
                found.append(int(folder.name))
    return found


class Box:
    """A cluster with a task "web", a pod of two (one with a terminal), and what tests ask of them."""

    def __init__(self):
        self.cluster = Cluster(agents=1)
        self.framework = Scheduler(self.cluster.port, name="nested")
        tty = {"type": "MESOS", "tty_info": {"window_size": {"rows": 24, "columns": 80}}}
        offer = self.framework.wait_offer(cpus=1)
        self.framework.accept(offer, [
            self.framework.task(offer, "web", "echo hello; exec sleep 1000"),
            self.framework.task(offer, "console", "stty -echo; while read x; do echo said:$x; stty size; done",
                                container=tty)])
        for task in ("web", "console"):
            self.framework.wait_state(task, "TASK_RUNNING")
        launch_group(self.framework, self.framework.wait_offer(cpus=0.5), "pod", {"one": "sleep 1000", "two": "sleep 1000"})
        for task in ("one", "two"):
            self.framework.wait_state(task, "TASK_RUNNING")

    @property
    def port(self):
        return self.cluster.agents[0].port

    def container(self, task):
        return self.framework.wait_state(task, "TASK_RUNNING")["container_status"]["container_id"]

    def within(self, task):
        return {"value": uuid.uuid4().hex, "parent": self.container(task)}

    def ask(self, kind, container_id, **fields):
        body = {"type": kind, kind.lower(): {"container_id": container_id, **fields}}
        status, _, data = request(self.port, "POST", "/api/v1", json.dumps(body), {"Content-Type": "application/json"})
        return status, json.loads(data) if status == 200 and data else data

    def launch(self, task, command, **fields):
        container_id = self.within(task)
        status, text = self.ask("LAUNCH_NESTED_CONTAINER", container_id, command={"value": command}, **fields)
        assert status == 200, text
        return container_id

    def session(self, task, command, **fields):
        container_id = self.within(task)
        stream = Stream(self.port, {"type": "LAUNCH_NESTED_CONTAINER_SESSION", "launch_nested_container_session": {
            "container_id": container_id, "command": {"value": command}, **fields}})
        return container_id, stream

    def wait(self, container_id):
        status, answer = self.ask("WAIT_NESTED_CONTAINER", container_id)
        assert status == 200, answer
        return answer["wait_nested_container"]

    def tepui(self, *arguments, **options):
        environment = {**os.environ, "TEPUI_MASTER": f"127.0.0.1:{self.cluster.port}", "NO_COLOR": "1"}
        return subprocess.run([TEPUI, *arguments], capture_output=True, env=environment, timeout=60, **options)

    def close(self):
        self.framework.teardown()
        self.framework.close()
        self.cluster.close()


@pytest.fixture(scope="module")
def box():
    made = Box()
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("task", ["web", "one"])
def test_a_nested_container_from_launch_to_removal(box, task):
    marker = uuid.uuid4().hex
    container_id = box.launch(task, f"trap '' TERM; echo {marker}; while :; do sleep 0.05; done")
    again, _ = box.ask("LAUNCH_NESTED_CONTAINER", container_id, command={"value": "true"})
    assert again == 202
    shown = call(box.port, {"type": "GET_CONTAINERS", "get_containers": {"show_nested": True}})["get_containers"]["containers"]
    mine = [c for c in shown if c["container_id"]["value"] == container_id["value"]]
    assert mine and mine[0]["container_status"]["container_id"] == container_id
    logs = list(pathlib.Path(box.cluster.agents[0].work_dir).rglob(f"containers/{container_id['value']}/stdout"))
    assert len(logs) == 1
    wait_for(lambda: logs[0].read_text() == f"{marker}\n", "its log")
    assert box.ask("REMOVE_NESTED_CONTAINER", container_id)[0] == 500  # It runs.
    assert box.ask("KILL_NESTED_CONTAINER", container_id, signal=15)[0] == 200
    assert box.ask("KILL_NESTED_CONTAINER", container_id)[0] == 200
    assert box.wait(container_id) == {"exit_status": 9}
    status, text = box.ask("KILL_NESTED_CONTAINER", container_id)
    assert status == 404 and text
    assert box.ask("REMOVE_NESTED_CONTAINER", container_id) == (200, b"")
    wait_for(lambda: not logs[0].parent.exists(), "the removal of its sandbox")
    assert box.ask("WAIT_NESTED_CONTAINER", container_id)[0] == 404


def test_the_recorded_conversation(box):
    """What Mesos was asked in one sitting, asked of ours, with the ids of our containers."""
    recorded = json.loads((ROOT / "api" / "golden" / "nested-containers.json").read_text())
    names = {}

    def ours(value):
        """A recorded request with our ids; a container of an operator gets a fresh one."""
        if isinstance(value, list):
            return [ours(each) for each in value]
        if not isinstance(value, dict):
            # Mesos' sleep is the first of its namespace, which SIGTERM does not reach; ours is not.
            return "trap '' TERM; echo deaf; while :; do sleep 0.05; done" if value == "sleep 1000" else value
        own = value.get("value", "")
        if own.startswith("aa55c7ed"):
            return box.container("one")
        if own.startswith("faf48d5e"):
            return box.container("console")
        if own.startswith("e2ea91d7"):
            return box.container("one")["parent"]
        fresh = {"value": names.setdefault(own, uuid.uuid4().hex)} if len(own) == 32 else {}
        return {**{key: ours(each) for key, each in value.items()}, **fresh}

    streams = {}
    for case in recorded:
        asked, what = ours(case["request"]), case["case"]
        if isinstance(asked, list):
            streams["typed"] = Stream(box.port, {"type": "ATTACH_CONTAINER_OUTPUT", "attach_container_output": {
                "container_id": box.container("console")}})
            upload = Upload(box.port, asked[0]["attach_container_input"]["container_id"])
            for record in asked[1:]:
                upload.record(record["attach_container_input"])
            assert upload.finish() == case["status"], what
        elif "Message-Accept" in case["request_headers"]:
            stream = streams.pop("typed") if "while input is typed" in what else Stream(box.port, asked)
            assert stream.status == case["status"], what
            if stream.status == 200:
                assert {name: stream.headers.get(name) for name in case["headers"]} == case["headers"], what
                wanted = [record for record in case["body"] if record != "END"]
                while len(stream.records) < len(wanted):
                    got = stream.next()
                    assert set(got) == set(wanted[0]) and set(got["data"]) == set(wanted[0]["data"]), what
                stream.cut()
        else:
            status, headers, body = request(box.port, "POST", "/api/v1", json.dumps(asked), case["request_headers"])
            assert status == case["status"], (what, body)
            assert headers.get("content-type") == case["headers"].get("content-type"), what
            if what.endswith("to be killed"):
                own = asked["launch_nested_container"]["container_id"]["value"]
                log = next(pathlib.Path(box.cluster.agents[0].work_dir).rglob(f"containers/{own}/stdout"))
                wait_for(lambda: log.read_text() == "deaf\n", "its deafness")  # noqa: B023
            if set(case["body"]) == {"bytes"}:
                assert bool(body) == bool(case["body"]["bytes"]), what
            else:
                assert json.loads(body) == case["body"], what


def test_levels_and_shared_limits(box):
    outer = box.launch("one", "sleep 1000")
    inner = {"value": "inner", "parent": outer}
    assert box.ask("LAUNCH_CONTAINER", inner, command={"value": "exit 4"})[0] == 200
    status, answer = box.ask("WAIT_CONTAINER", inner)
    assert (status, answer["wait_container"]) == (200, {"exit_status": 1024})
    own = {"value": "own", "parent": outer}
    resources = [{"name": "mem", "type": "SCALAR", "scalar": {"value": 32}}]
    assert box.ask("LAUNCH_CONTAINER", own, command={"value": "true"}, resources=resources)[0] == 400  # Shared cgroups.
    assert box.ask("LAUNCH_CONTAINER", own, resources=resources, container={
        "type": "MESOS", "linux_info": {"share_cgroups": False}}, command={
        "value": "head -c 100000000 /dev/zero | tail"})[0] == 200
    status, answer = box.ask("WAIT_CONTAINER", own)
    assert answer["wait_container"]["reason"] == "REASON_CONTAINER_LIMITATION_MEMORY"
    assert answer["wait_container"]["state"] == "TASK_FAILED"
    assert box.ask("KILL_CONTAINER", outer)[0] == 200
    assert box.wait(outer)["exit_status"] == 9


def test_standalone(box):
    alone = {"value": uuid.uuid4().hex}
    status, text = box.ask("LAUNCH_CONTAINER", alone, command={"value": "echo alone; exit 5"}, resources=[
        {"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}}, {"name": "mem", "type": "SCALAR", "scalar": {"value": 32}}])
    assert status == 200, text
    assert box.ask("WAIT_CONTAINER", alone)[1]["wait_container"] == {"exit_status": 1280}
    sandbox = box.cluster.agents[0].work_dir / "containers" / alone["value"]
    assert (sandbox / "stdout").read_text() == "alone\n"
    assert box.ask("REMOVE_CONTAINER", alone)[0] == 200
    wait_for(lambda: not sandbox.exists(), "the removal of its sandbox")


def test_refusals(box):
    nobody = {"value": "x", "parent": {"value": "nobody"}}
    status, text = box.ask("LAUNCH_NESTED_CONTAINER", nobody, command={"value": "true"})
    assert status == 400 and text
    assert box.ask("WAIT_NESTED_CONTAINER", nobody)[0] == 404
    assert box.ask("KILL_NESTED_CONTAINER", {"value": "x", "parent": box.container("web")})[0] == 404
    assert box.ask("LAUNCH_NESTED_CONTAINER", {"value": "a.b", "parent": box.container("web")}, command={"value": "true"})[0] == 400
    assert box.ask("WAIT_NESTED_CONTAINER", {"value": "alone"})[0] == 400
    body = json.dumps({"type": "ATTACH_CONTAINER_INPUT", "attach_container_input": {"type": "CONTAINER_ID"}})
    headers = {"Content-Type": "application/json"}
    assert request(box.port, "POST", "/api/v1", body, headers)[0] == 415
    health = json.dumps({"type": "WAIT_NESTED_CONTAINER", "wait_nested_container": {"container_id": nobody}})
    assert request(box.port, "POST", "/api/v1", health, {**headers, "Accept": "application/recordio"})[0] == 406
    assert request(box.port, "POST", "/api/v1", health, {**headers, "Message-Accept": "application/json"})[0] == 406
    assert Stream(box.port, {"type": "ATTACH_CONTAINER_OUTPUT", "attach_container_output": {
        "container_id": box.container("web")}}).status == 500  # It has no terminal.
    assert Upload(box.port, nobody).status() == 404


def test_a_session(box):
    container_id, stream = box.session("one", "echo out; echo err >&2; exit 3")
    assert stream.status == 200
    assert stream.headers["content-type"] == "application/recordio"
    assert stream.headers["message-content-type"] == "application/json"
    assert stream.headers["transfer-encoding"] == "chunked"
    stream.all()
    assert sorted(json.dumps(r) for r in stream.records[:-1]) == [
        '{"type": "DATA", "data": {"type": "STDERR", "data": "ZXJyCg=="}}',
        '{"type": "DATA", "data": {"type": "STDOUT", "data": "b3V0Cg=="}}']
    assert box.wait(container_id) == {"exit_status": 3 << 8}


def test_a_session_is_talked_to(box):
    container_id, stream = box.session("web", "cat; echo end")
    upload = Upload(box.port, container_id)
    upload.type("first\n")
    stream.until("first\n")
    assert Upload(box.port, container_id).status() == 409  # One writes at a time.
    upload.type("second\n")
    upload.type("")
    assert upload.finish() == 200
    assert stream.all() == "first\nsecond\nend\n"


def test_a_cut_connection_ends_the_sessions_processes(box):
    mark = f"sleep 98{os.getpid()}"
    _, stream = box.session("web", f"setsid {mark} & echo ready; exec {mark}")
    stream.until("ready")
    wait_for(lambda: len(processes(mark)) >= 2, "the session's processes")
    stream.cut()
    wait_for(lambda: not processes(mark), "their end")


def test_attach_to_a_terminal(box):
    container = box.container("console")
    stream = Stream(box.port, {"type": "ATTACH_CONTAINER_OUTPUT", "attach_container_output": {"container_id": container}})
    assert stream.status == 200, stream.error
    upload = Upload(box.port, container)
    upload.resize(30, 100)
    upload.type("typed line\n")
    stream.until("30 100")
    assert "said:typed line\r\n" in stream.text()
    upload.type("")  # A terminal has no such end.
    assert upload.finish() == 200
    stream.cut()
    assert box.framework.states("console")[-1] == "TASK_RUNNING"


def test_many_sessions_leave_nothing(box):
    mark = f"sleep 97{os.getpid()}"
    streams = [box.session("web", f"echo in; read x; echo $x; ({mark} &)") for _ in range(30)]
    for container_id, stream in streams:
        stream.until("in")
    for container_id, stream in streams:
        upload = Upload(box.port, container_id)
        upload.type(container_id["value"] + "\n")
        assert stream.all() == f"in\n{container_id['value']}\n"
        upload.socket.close()
    assert not processes(mark)
    assert not processes("tepui-probe")


def test_a_large_output_waits_for_its_reader(box):
    _, stream = box.session("web", "head -c 30000000 /dev/zero | tr '\\0' x")
    assert len(stream.all()) == 30000000


def test_an_agent_that_was_killed(box):
    kept = box.launch("one", "trap 'exit 6' USR1; echo ready; while :; do sleep 0.05; done")
    log = next(pathlib.Path(box.cluster.agents[0].work_dir).rglob(f"containers/{kept['value']}/stdout"))
    wait_for(lambda: log.read_text() == "ready\n", "its log")
    mark = f"sleep 96{os.getpid()}"
    _, stream = box.session("web", f"exec {mark}")
    wait_for(lambda: processes(mark), "the session")
    box.cluster.agents[0].kill9()
    wait_for(lambda: not processes(mark), "the end of the session")
    box.cluster.agents[0].start()
    box.cluster.wait_agents(1)
    assert box.ask("KILL_NESTED_CONTAINER", kept, signal=int(signal.SIGUSR1))[0] == 200
    assert box.wait(kept) == {"exit_status": 6 << 8}
    assert box.ask("REMOVE_NESTED_CONTAINER", kept)[0] == 200


def test_exec_with_a_terminal(box):
    check_exec_with_terminal(box.cluster, "web", f"sleep 95{os.getpid()}", processes)


def test_exec_without_one(box):
    assert box.tepui("exec", "web", "sh", "-c", "echo out; echo err >&2; exit 3").stdout == b"out\n"
    done = box.tepui("exec", "-i", "web", "cat", input=b"bytes\0\n" * 100000)
    assert (done.returncode, done.stdout) == (0, b"bytes\0\n" * 100000), done.stderr
    assert box.tepui("exec", "web", "cat").stdout == b""  # No input without -i.
    assert box.tepui("exec", "web", "sh", "-c", "kill -9 $$").returncode == 137
    nobody = box.tepui("exec", "nobody", "true")
    assert nobody.returncode == 3 and b"nobody" in nobody.stderr
    ambiguous = box.tepui("exec", "", "true")
    assert ambiguous.returncode != 0


def test_exec_passes_signals(box):
    environment = {**os.environ, "TEPUI_MASTER": f"127.0.0.1:{box.cluster.port}"}
    child = subprocess.Popen([TEPUI, "exec", "web", "sh", "-c", "trap 'echo got; exit 4' TERM; echo ready; while :; do sleep 0.05; done"],
                             stdout=subprocess.PIPE, env=environment)
    assert child.stdout.readline() == b"ready\n"
    child.terminate()
    assert child.stdout.read() == b"got\n"
    assert child.wait(30) == 4


def test_attach_and_detach(box):
    terminal = Terminal(box.cluster, "attach", "console", rows=41, columns=121)
    terminal.type("me\n")
    terminal.until(r"said:me\r\n41 121")
    terminal.type("\x10\x11")
    assert terminal.end() == 0
    assert "detached" in terminal.text
    refused = box.tepui("attach", "web")
    assert refused.returncode != 0 and b"terminal" in refused.stderr


def test_cp(box, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a").write_text("one")
    (tmp_path / "folder" / "b").write_bytes(os.urandom(300000))
    done = box.tepui("cp", str(tmp_path / "folder"), "web:")
    assert done.returncode == 0, done.stderr
    assert box.tepui("exec", "web", "cat", "folder/a").stdout == b"one"
    assert box.tepui("cp", str(tmp_path / "folder" / "a"), "web:renamed").returncode == 0
    assert box.tepui("exec", "web", "cat", "renamed").stdout == b"one"
    back = tmp_path / "back"
    done = box.tepui("cp", "web:folder", str(back))
    assert done.returncode == 0, done.stderr
    assert (back / "folder" / "b").read_bytes() == (tmp_path / "folder" / "b").read_bytes()
    done = box.tepui("cp", "web:/etc/passwd", str(tmp_path / "passwd"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "passwd").read_text() == pathlib.Path("/etc/passwd").read_text()
    missing = box.tepui("cp", "web:/no/such", str(tmp_path / "x"))
    assert missing.returncode != 0 and not (tmp_path / "x").exists()


def test_nothing_is_left(box):
    """After all of the above: no supervisor, and cgroups of the living containers only."""
    wait_for(lambda: not processes("tepui-probe"), "the end of all sessions")
