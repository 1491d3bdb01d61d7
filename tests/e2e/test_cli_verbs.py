"""The verbs that look at a cluster, wait for it and clean it up, on a real one."""
import contextlib
import json
import os
import pty
import shutil
import signal
import socket
import subprocess
import threading

import pytest
import yaml

from harness.cluster import TEPUI, Cluster
from harness.scheduler import Scheduler
from harness.wait import DeadlineExceeded, wait_for


@pytest.fixture(scope="module")
def running():
    """A cluster with a framework "shop" that runs the task web-1, which has written files."""
    with Cluster(agent_flags={"attributes": "rack:r1"}) as cluster:
        framework = Scheduler(cluster.port, name="shop")
        framework.run("web-1", "mkdir -p logs/old; echo one > logs/a; printf 'b\\000b' > logs/old/b; ln -s /etc/passwd logs/link; "
                               "echo ready; sleep 1000")
        framework.wait_state("web-1", "TASK_RUNNING")
        wait_for(lambda: cluster.tepui("logs", "web-1").stdout == "ready\n", "the task's files")
        yield cluster, framework


@contextlib.contextmanager
def followed(cluster, *arguments):
    """Runs a verb that goes on; yields a function that waits for a line with some text, and the process."""
    child = subprocess.Popen([TEPUI, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             env={**os.environ, "TEPUI_MASTER": cluster.address, "NO_COLOR": "1"})
    lines = []

    def read(stream):
        for line in stream:
            lines.append(line.rstrip("\n"))

    readers = [threading.Thread(target=read, args=[stream], daemon=True) for stream in (child.stdout, child.stderr)]
    for reader in readers:
        reader.start()

    def wait_line(*texts, seconds=30):
        def found():
            return next((line for line in lines if all(text in line for text in texts)), None)
        wait_for(found, f"a line with {texts} among {lines}", seconds)
        return found()

    try:
        yield wait_line, child
    finally:
        child.send_signal(signal.SIGINT)
        child.wait(20)
        for reader in readers:
            reader.join(10)


def wait_stream(cluster, wait_line):
    """Waits until `tepui events -w` has its stream: a framework that comes and goes is told."""
    def told():
        Scheduler(cluster.port, name="probe").teardown()
        with contextlib.suppress(DeadlineExceeded):
            return wait_line("probe is removed", seconds=1)
        return None
    wait_for(told, "the event stream")


def test_describe_task_framework_agent(running):
    cluster, framework = running
    task = cluster.tepui("describe", "task", "web")
    assert task.returncode == 0, task.stderr
    assert "RUNNING since" in task.stdout and f"shop ({framework.id})" in task.stdout
    sandbox = next(line.split()[1] for line in task.stdout.splitlines() if line.startswith("Sandbox:"))
    assert os.path.exists(os.path.join(sandbox, "logs", "a"))
    assert "History:" in task.stdout
    agent = cluster.tepui("describe", "agent", "127.0.0.1")
    assert "rack=r1" in agent.stdout and "web-1" in agent.stdout
    assert any(line.split()[:2] == ["cpus", "4"] for line in agent.stdout.splitlines()), agent.stdout
    shop = cluster.tepui("describe", "framework", "shop")
    assert "ACTIVE" in shop.stdout and "web-1" in shop.stdout
    as_json = json.loads(cluster.tepui("describe", "task", "web-1", "-o", "json").stdout)
    assert as_json["task_id"]["value"] == "web-1"
    missing = cluster.tepui("describe", "agent", "nowhere")
    assert missing.returncode == 3 and "nowhere" in missing.stderr


def test_output_formats(running):
    cluster, framework = running
    assert cluster.tepui("get", "tasks", "-o", "jsonpath={[?(@.state==\"TASK_RUNNING\")].name}").stdout == "web-1\n"
    template = "jsonpath={range [*]}{.framework_info.name}={.active}{\"\\n\"}{end}"
    assert cluster.tepui("get", "frameworks", "-o", template).stdout == "shop=true\n"
    assert cluster.tepui("get", "frameworks", "-o", "name").stdout == framework.id + "\n"
    text = cluster.tepui("get", "agents", "-o", "yaml").stdout
    expected = json.loads(cluster.tepui("get", "agents", "-o", "json").stdout)
    assert yaml.safe_load(text) == expected


def test_get_executors_lists(running):
    cluster, _ = running
    done = cluster.tepui("get", "executors", "-o", "json")
    assert done.returncode == 0, done.stderr
    assert isinstance(json.loads(done.stdout), list)


def test_files_ls_cat_get(running, tmp_path):
    cluster, framework = running
    listed = cluster.tepui("files", "ls", "web:logs")
    assert listed.returncode == 0, listed.stderr
    names = [line.split()[-1] for line in listed.stdout.splitlines()[1:]]
    assert sorted(names) == ["a", "link", "old/"] or sorted(names) == ["a", "old/"]
    assert cluster.tepui("files", "ls", "web:logs/a").stdout.splitlines()[1].endswith(" a")
    assert cluster.tepui("files", "cat", "web-1:logs/a").stdout == "one\n"
    assert cluster.tepui("files", "cat", "web-1:logs/old/b").stdout == "b\0b"
    got = cluster.tepui("files", "get", "web-1:logs", tmp_path)
    assert got.returncode == 0, got.stderr
    assert (tmp_path / "logs" / "a").read_text() == "one\n"
    assert (tmp_path / "logs" / "old" / "b").read_bytes() == b"b\0b"
    assert not (tmp_path / "logs" / "link").is_symlink()
    again = cluster.tepui("files", "get", "web-1:logs", tmp_path)
    assert again.returncode == 1 and "--force" in again.stderr
    assert cluster.tepui("files", "get", "--force", "web-1:logs", tmp_path).returncode == 0
    one = cluster.tepui("files", "get", "web-1:logs/a", tmp_path)
    assert one.returncode == 0 and (tmp_path / "a").read_text() == "one\n"
    framework.run("ct:1:0:job", "echo colons")
    framework.wait_state("ct:1:0:job", "TASK_FINISHED")
    assert cluster.tepui("files", "cat", "ct:1:0:job:stdout").stdout == "colons\n"
    missing = cluster.tepui("files", "cat", "web-1:nothing")
    assert missing.returncode == 3, missing.stderr
    outside = cluster.tepui("files", "cat", "web-1:../../../../../../../../../etc/passwd")
    assert outside.returncode != 0 and "root:" not in outside.stdout


def test_top_once(running):
    cluster, _ = running
    done = cluster.tepui("top")  # No terminal: once.
    assert done.returncode == 0, done.stderr
    agent = next(line for line in done.stdout.splitlines() if line.startswith("127.0.0.1"))
    assert "ACTIVE" in agent and "?" not in agent and "4.00" in agent
    assert any(line.startswith("shop") for line in done.stdout.splitlines())


def test_top_redraws_on_a_terminal(running):
    cluster, _ = running
    controller, terminal = pty.openpty()
    child = subprocess.Popen([TEPUI, "top", "--interval=1secs"], stdout=terminal, stderr=terminal, stdin=terminal,
                             env={**os.environ, "TEPUI_MASTER": cluster.address})
    os.close(terminal)
    seen = b""
    try:
        while seen.count(b"\x1b[2J") < 2:
            seen += os.read(controller, 4096)
    finally:
        child.send_signal(signal.SIGINT)
        child.wait(20)
        os.close(controller)
    assert b"shop" in seen


def test_events_tell_what_happens(running):
    cluster, framework = running
    now = cluster.tepui("events")
    assert now.returncode == 0, now.stderr
    assert any("web-1 of shop is RUNNING on 127.0.0.1" in line for line in now.stdout.splitlines()), now.stdout
    with followed(cluster, "events", "-w", "--kind", "task", "--framework", "shop") as (wait_line, _), \
            followed(cluster, "events", "-w", "-o", "json", "--kind", "task_updated") as (wait_json, _):
        wait_json('"SUBSCRIBED"')
        started = [0]

        def event_seen():
            # The streams are up as soon as one of these tasks is told by both.
            started[0] += 1
            name = f"job-{started[0]}"
            framework.run(name, "exit 3")
            framework.wait_state(name, "TASK_FAILED")
            wait_line(f"{name} of shop is FAILED", "status 3")
            record = json.loads(wait_json('"TASK_UPDATED"', f'"{name}"', '"TASK_FAILED"'))
            return record["task_updated"]["state"] == "TASK_FAILED"
        assert event_seen()


def test_events_go_on_after_the_master_was_restarted():
    with Cluster() as cluster:
        framework = Scheduler(cluster.port, name="again")
        framework.run("a", "sleep 1000")
        framework.wait_state("a", "TASK_RUNNING")
        with followed(cluster, "events", "-w") as (wait_line, child):
            wait_stream(cluster, wait_line)
            cluster.master.kill9()
            wait_line("the event stream broke")
            cluster.master.start()
            cluster.wait_healthy()
            third = Scheduler(cluster.port, name="third")
            wait_line("third is ACTIVE", seconds=40)
            assert child.poll() is None
            third.teardown()


class Proxy:
    """Passes connections on to a port, until it is cut: then it breaks them all and takes no new ones until mended."""

    def __init__(self, port):
        self.target, self.open, self.pairs = port, True, []
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.server.accept()
                if not self.open:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self.target))
                self.pairs += [near, far]
                for source, sink in [(near, far), (far, near)]:
                    threading.Thread(target=self._pass, args=[source, sink], daemon=True).start()

    def _pass(self, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self):
        self.open = False
        for end in self.pairs:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.cut()
        self.server.close()


def test_events_go_on_where_they_broke(running):
    cluster, _ = running
    proxy = Proxy(cluster.port)
    with contextlib.closing(proxy), \
            followed(cluster, "events", "-w", "--kind", "framework", "--master", f"127.0.0.1:{proxy.port}") as (wait_line, _):
        wait_stream(cluster, wait_line)
        proxy.cut()
        wait_line("the event stream broke")
        between = Scheduler(cluster.port, name="between")
        between.teardown()
        wait_for(lambda: "between" not in cluster.tepui("get", "frameworks").stdout, "the end of the framework")
        proxy.open = True
        # It came and went while nobody listened, so no snapshot has it.
        wait_line("between is ACTIVE")
        wait_line("between is removed")


def test_wait(running):
    cluster, framework = running
    assert cluster.tepui("wait", "--for", "running", "task", "web").stdout == "web-1\n"
    assert cluster.tepui("wait", "--for", "active", "agent", "127.0.0.1").returncode == 0
    assert cluster.tepui("wait", "--for", "TASK_RUNNING", "task", "nobody").returncode == 3
    late = cluster.tepui("wait", "--for", "ended", "--timeout", "500ms", "task", "web-1")
    assert late.returncode == 4 and "RUNNING" in late.stderr
    framework.run("short", "until [ -e go ]; do sleep 0.05; done; exit 7")
    framework.wait_state("short", "TASK_RUNNING")
    sandbox = json.loads(cluster.tepui("describe", "task", "short", "-o", "json").stdout)
    assert sandbox["state"] == "TASK_RUNNING"
    page = cluster.tepui("describe", "task", "short").stdout
    directory = next(line.split()[1] for line in page.splitlines() if line.startswith("Sandbox:"))
    results = []

    def wait_in_background(state):
        results.append((state, cluster.tepui("wait", "--for", state, "--timeout", "30secs", "task", "short")))

    waiters = [threading.Thread(target=wait_in_background, args=[state]) for state in ("ended", "finished")]
    for waiter in waiters:
        waiter.start()
    open(os.path.join(directory, "go"), "w", encoding="ascii").close()
    for waiter in waiters:
        waiter.join(40)
    outcome = {state: done for state, done in results}
    assert outcome["ended"].returncode == 0
    assert outcome["finished"].returncode == 1 and "FAILED" in outcome["finished"].stderr


def test_get_watch_prints_changes(running):
    cluster, framework = running
    with followed(cluster, "get", "tasks", "-w") as (wait_line, _):
        wait_line("ID", "STATE")
        wait_line("web-1", "RUNNING")
        framework.run("watched", "exit 0")
        wait_line("watched", "FINISHED")
    with followed(cluster, "get", "tasks", "-w", "-o", "jsonpath={.task_id.value}:{.state}") as (wait_line, _):
        wait_line("web-1:TASK_RUNNING")


def test_teardown_and_gone_ask_first():
    with Cluster(agents=2) as cluster:
        framework = Scheduler(cluster.port, name="doomed")
        framework.run("t", "sleep 1000")
        framework.wait_state("t", "TASK_RUNNING")
        refused = cluster.tepui("teardown", "doomed", stdin=subprocess.DEVNULL)
        assert refused.returncode == 2 and "--yes" in refused.stderr
        assert cluster.tepui("get", "frameworks", "-o", "name").stdout.strip() == framework.id
        done = cluster.tepui("teardown", "--yes", "doomed")
        assert done.returncode == 0 and done.stdout.strip() == framework.id, done.stderr
        assert cluster.tepui("wait", "--for", "removed", "--timeout", "20secs", "framework", framework.id).returncode in (0, 3)
        again = cluster.tepui("teardown", "--yes", framework.id)
        assert again.returncode == 1 and "completed" in again.stderr
        agent_id = cluster.tepui("get", "agents", "-o", "name").stdout.split()[0]
        assert cluster.tepui("gone", agent_id, stdin=subprocess.DEVNULL).returncode == 2
        gone = cluster.tepui("gone", "--yes", agent_id)
        assert gone.returncode == 0, gone.stderr
        wait_for(lambda: agent_id not in cluster.tepui("get", "agents", "-o", "name").stdout, "the agent's end")


def test_man_pages_without_warnings():
    assert shutil.which("groff"), "groff-base is part of Debian's standard installation"
    verbs = subprocess.run([TEPUI, "__complete", ""], capture_output=True, text=True, check=True).stdout.split()
    assert {"run", "describe", "events", "man", "master"} <= set(verbs)
    for arguments in [[], *([verb] for verb in verbs)]:
        page = subprocess.run([TEPUI, "man", *arguments], capture_output=True, text=True, check=True).stdout
        shown = subprocess.run(["groff", "-man", "-Tutf8", "-P-cbou", "-ww", "-rLL=92n"], input=page, capture_output=True, text=True,
                               check=True)
        assert shown.stderr == "", (arguments, shown.stderr)
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "EXAMPLES"]:
            assert section in shown.stdout, (arguments, section)


COMPLETE = """
source <("$TEPUI" completion bash)
COMP_WORDS=("$TEPUI" {words}); COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
_tepui
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def complete(cluster, words):
    done = subprocess.run(["bash", "--norc", "-c", COMPLETE.format(words=words)], capture_output=True, text=True, timeout=30,
                          env={**os.environ, "TEPUI": str(TEPUI), "TEPUI_MASTER": cluster.address}, check=True)
    return done.stdout.split()


def test_completion_in_bash(running):
    cluster, framework = running
    assert complete(cluster, "des") == ["describe"]
    assert complete(cluster, "get ta") == ["tasks"]
    assert complete(cluster, "get tasks --wa") == ["--watch"]
    assert complete(cluster, "top --sort ''") == ["cpu", "mem", "name"]
    assert "web-1" in complete(cluster, "kill web")
    assert framework.id in complete(cluster, "describe framework ''")
    assert "shop" in complete(cluster, "events --framework sh")
    assert complete(cluster, "kill --master 127.0.0.1:1 ''") == []
