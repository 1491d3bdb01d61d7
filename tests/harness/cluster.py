"""Real masters and agents on free loopback ports, each with a work directory of its own."""
import contextlib
import http.client
import json
import os
import pathlib
import random
import shutil
import signal as signals
import socket
import subprocess
import tempfile
import urllib.parse

from harness.wait import wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TEPUI_BUILD", ROOT / "build" / "release"))
TEPUI = BUILD / "tepui"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def free_ports(count):
    """The first of so many free ports in a row; below those that connections get, one of which may come in between."""
    for first in random.sample(range(20_000, 32_000), 1_000):
        with contextlib.ExitStack() as probes:
            try:
                for port in range(first, first + count):
                    probes.enter_context(socket.socket()).bind(("127.0.0.1", port))
                return first
            except OSError:
                continue
    raise AssertionError(f"no {count} free ports in a row")


def request(port, method, path, body=None, headers=None, timeout=20):
    """One HTTP exchange; returns (status, headers as dict with lower-case names, body bytes)."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    with contextlib.closing(connection):
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()


def call(port, body, path="/api/v1"):
    """An operator call in JSON; returns the decoded answer, or fails with what was answered."""
    status, _, data = request(port, "POST", path, json.dumps(body), {"Content-Type": "application/json"})
    assert status == 200, f"{body['type']} answered {status}: {data[:300]!r}"
    return json.loads(data) if data else {}


class Process:
    """A daemon of ours. kill9() and start() again make a crash and a restart."""

    def __init__(self, name, arguments, log):
        self.name, self.arguments, self.log = name, [str(a) for a in arguments], log
        self.child = None
        self.start()

    def start(self):
        with open(self.log, "ab") as log:
            environment = {k: v for k, v in os.environ.items() if not k.startswith(("MESOS_", "TEPUI_"))}
            self.child = subprocess.Popen(self.arguments, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment)

    @property
    def pid(self):
        return self.child.pid

    def alive(self):
        return self.child is not None and self.child.poll() is None

    def signal(self, number):
        if self.alive():
            self.child.send_signal(number)

    def freeze(self):
        """Stops all of its threads; returns when none runs any more, which on a busy machine takes its time."""
        self.signal(signals.SIGSTOP)

        def stopped():
            states = [path.read_text().rpartition(")")[2].split()[0]
                      for path in pathlib.Path(f"/proc/{self.pid}/task").glob("*/stat")]
            return states and all(state == "T" for state in states)
        wait_for(stopped, f"{self.name} to stop")

    def kill9(self):
        self.signal(signals.SIGKILL)
        self.child.wait(20)

    def end(self, number=signals.SIGTERM, seconds=20):
        """Signals and waits; the exit status. A process that does not end in time is killed, and that is a failure."""
        self.signal(number)
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait(20)
            raise AssertionError(f"{self.name} did not end {seconds} s after signal {number}; see {self.log}") from None

    def log_text(self):
        return pathlib.Path(self.log).read_text(errors="replace")


class Agent(Process):
    def __init__(self, cluster, index, flags):
        self.port = free_port()
        self.work_dir = cluster.folder / f"agent-{index}"
        self.work_dir.mkdir()
        arguments = [TEPUI, "agent", f"--master=127.0.0.1:{cluster.port}", "--ip=127.0.0.1", f"--port={self.port}",
                     f"--work_dir={self.work_dir}"]
        arguments += [f"--{name}={value}" for name, value in flags.items()]
        super().__init__(f"agent {index}", arguments, cluster.folder / f"agent-{index}.log")

    def state(self):
        return json.loads(request(self.port, "GET", "/state")[2])


class Cluster:
    """A master and agents. Use as a context manager: at its end nothing is left running."""

    DEFAULT_AGENT_FLAGS = {"resources": "cpus:4;mem:2048;disk:4096;ports:[31000-32000]", "hostname": "127.0.0.1"}

    def __init__(self, agents=1, master_flags=None, agent_flags=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tepui-test-"))
        self.folder.chmod(0o755)  # Tasks of other users must reach their sandboxes.
        self.port = free_port()
        self.agent_flags = {**self.DEFAULT_AGENT_FLAGS, **(agent_flags or {})}
        arguments = [TEPUI, "master", "--ip=127.0.0.1", f"--port={self.port}", f"--work_dir={self.folder / 'master'}"]
        arguments += [f"--{name}={value}" for name, value in (master_flags or {}).items()]
        (self.folder / "master").mkdir()
        self.agents = []
        self.master = Process("master", arguments, self.folder / "master.log")
        try:
            self.wait_healthy()
            for _ in range(agents):
                self.add_agent()
            self.wait_agents(agents)
        except BaseException:
            self.dump_logs()
            self.close()
            raise

    def add_agent(self, **flags):
        agent = Agent(self, len(self.agents), {**self.agent_flags, **flags})
        self.agents.append(agent)
        return agent

    def wait_healthy(self):
        def healthy():
            assert self.master.alive(), f"the master ended:\n{self.master.log_text()[-2000:]}"
            with contextlib.suppress(OSError):
                # It is healthy before it has read its registry; all but /health is 503 till then.
                return all(request(self.port, "GET", path)[0] == 200 for path in ("/health", "/metrics/snapshot"))
            return False
        wait_for(healthy, "the master's /health and the end of its recovery")

    def active_agents(self):
        with contextlib.suppress(OSError, AssertionError, http.client.HTTPException):
            return [a for a in call(self.port, {"type": "GET_AGENTS"})["get_agents"].get("agents", []) if a.get("active")]
        return []

    def wait_agents(self, count, seconds=30):
        wait_for(lambda: len(self.active_agents()) == count, f"{count} active agents", seconds)

    def state(self):
        return json.loads(request(self.port, "GET", "/state")[2])

    def tasks(self):
        return call(self.port, {"type": "GET_TASKS"})["get_tasks"]

    def metric(self, name):
        return json.loads(request(self.port, "GET", "/metrics/snapshot")[2])[name]

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def tepui(self, *arguments, timeout=60, **options):
        """Runs a verb of the CLI against this cluster; returns the finished process with its text."""
        environment = {**os.environ, "TEPUI_MASTER": self.address, "NO_COLOR": "1"}
        return subprocess.run([TEPUI, *map(str, arguments)], capture_output=True, text=True, timeout=timeout,
                              env=environment, check=False, **options)

    def dump_logs(self):
        for process in [self.master, *self.agents]:
            print(f"--- {process.name}\n{process.log_text()[-4000:]}")

    def close(self):
        for agent in self.agents:
            if agent.alive():
                # SIGUSR1: the agent ends its containers, unregisters and goes.
                agent.end(signals.SIGUSR1)
            else:
                agent.start()
                agent.end(signals.SIGUSR1)
        if self.master.alive():
            self.master.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is not None:
            self.dump_logs()
        self.close()


def sandbox_file(cluster, agent, task_id, name="stdout"):
    """A file of a task's sandbox, read over the agent's HTTP API."""
    state = agent.state()
    for framework in state["frameworks"] + state["completed_frameworks"]:
        for executor in framework["executors"] + framework["completed_executors"]:
            if executor["id"] == task_id:
                query = urllib.parse.urlencode({"path": executor["directory"] + "/" + name, "offset": 0, "length": 65536})
                status, _, body = request(agent.port, "GET", "/files/read?" + query)
                assert status == 200, (status, body)
                return json.loads(body)["data"]
    raise AssertionError(f"agent {agent.name} knows no task {task_id}")
