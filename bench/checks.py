"""1,000 tasks with a health check each on one agent: its CPU time for a look, beside a bare loop of such looks in the same run, and
its memory, beside that with as many tasks that nobody looks at."""
import asyncio
import contextlib
import os
import pathlib
import tempfile
import threading
import time

from harness.cluster import Cluster
from harness.scheduler import Scheduler
from harness.wait import wait_for

from _load import NOOP, load, scaled
from _memory import descendants, named, proportional, settled
from _report import Report, at_most

CGROUPS = pathlib.Path("/sys/fs/cgroup")
SECONDS = 10  # Of looks that are counted.
MEGABYTE = 1 << 20


class Site:
    """Answers 200 to whatever comes and counts the connections."""

    def __init__(self):
        self.count = 0
        self.loop = asyncio.new_event_loop()
        ready = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self.thread.start()
        ready.wait(10)

    def _run(self, ready):
        site = self

        class Answer(asyncio.Protocol):
            def connection_made(self, transport):
                site.count += 1
                self.transport = transport

            def data_received(self, data):
                if data.endswith(b"\r\n\r\n"):
                    self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    self.transport.close()

        async def serve():
            server = await self.loop.create_server(Answer, "127.0.0.1", 0, backlog=1024)
            self.port = server.sockets[0].getsockname()[1]

        self.loop.run_until_complete(serve())
        ready.set()
        self.loop.run_forever()

    def looks(self):
        return self.count

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)


class Marks:
    """A file that each command makes one byte longer."""

    def __init__(self, folder):
        self.path = pathlib.Path(folder) / "looks"
        self.path.touch()
        self.command = f"printf . >> {self.path}"

    def looks(self):
        return self.path.stat().st_size


def cpu_of(pid):
    """User and system time of a process, without its children, in seconds."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run_time(pid):
    """The same to the nanosecond, for a process of one thread."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return int(pathlib.Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    return 0.0


def cgroup_cpu(task):
    """What all the containers of the agent of a task's process used so far, in seconds: commands of checks are within them."""
    for line in pathlib.Path(f"/proc/{task}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        top = "/".join(path.split("/")[:3]).lstrip("/")
        if "cpuacct" in controllers.split(","):
            return int((CGROUPS / "cpuacct" / top / "cpuacct.usage").read_text()) / 1e9
        if controllers == "" and (CGROUPS / top / "cpu.stat").exists():
            return int((CGROUPS / top / "cpu.stat").read_text().split()[1]) / 1e6
    raise RuntimeError(f"process {task} is in no cgroup that counts CPU time")


class Spent:
    """CPU seconds so far of an agent, and with its shims and containers."""

    def __init__(self, agent):
        below = descendants(agent)
        self.agent = cpu_of(agent)
        shims = sum(run_time(pid) for pid in named(below, "tepui-shim"))
        tasks = named(below, NOOP.name)
        self.all = self.agent + shims + (cgroup_cpu(tasks[0]) if tasks else 0.0)


@contextlib.contextmanager
def tasks_on(cluster, count, check):
    """`count` tasks that do nothing; healthy when the block begins, if they have a check."""
    scheduler = Scheduler(cluster.port, name="checks")
    command = {"shell": False, "value": str(NOOP), "arguments": [str(NOOP), "stay"]}
    fields = {"cpus": 0.01, "mem": 16, **({"health_check": check} if check else {})}
    begun = 0
    while begun < count:
        offer = scheduler.wait_offer(0.01)
        names = [f"t{number}" for number in range(begun, min(count, begun + 100))]
        scheduler.accept(offer, [scheduler.task(offer, name, command, **fields) for name in names])
        begun += len(names)

    def there():
        with scheduler._lock:  # Its list grows meanwhile.
            updates = list(scheduler.updates)
        return len({u["task_id"]["value"] for u in updates
                    if u["state"] == "TASK_RUNNING" and (not check or u.get("healthy"))}) == count
    try:
        wait_for(there, f"{count} tasks that run" + (" and are healthy" if check else ""), 300)
        yield
    finally:
        scheduler.teardown()
        scheduler.close()


def measure(count, check=None, looks=lambda: 0):
    """Looks, CPU seconds of the agent and with all that it started, and bytes of the agent, over SECONDS."""
    flags = {"resources": "cpus:100;mem:64000;disk:4096"}
    with Cluster(agents=1, agent_flags=flags) as cluster, tasks_on(cluster, count, check) if count else contextlib.nullcontext():
        agent = cluster.agents[0].pid
        memory = settled(agent)
        spent, looked, begun = Spent(agent), looks(), time.monotonic()
        time.sleep(SECONDS)
        looked, now, seconds = looks() - looked, Spent(agent), time.monotonic() - begun
        return {"looks": looked, "agent": now.agent - spent.agent, "all": now.all - spent.all, "seconds": seconds,
                "bytes": max(memory, proportional(agent))}


def health(kind, interval, **fields):
    return {"type": kind, "delay_seconds": 0.0, "interval_seconds": interval, "timeout_seconds": 20.0, "grace_period_seconds": 60.0,
            "consecutive_failures": 1000, **fields}


def report_looks(report, kind, params, found, floor_us):
    whole = found["agent"] if kind != "COMMAND" else found["all"]
    figure = whole / found["looks"] * 1e6
    report.add(f"CPU of a {kind} look", {**params, "looks/s": round(found["looks"] / found["seconds"])}, figure, "us", floor=floor_us,
               ratio=figure / floor_us)


def main():
    report = Report("checks")
    count = scaled(1_000, 10)
    none = measure(0)
    plain = measure(count)
    report.add("an agent without tasks", {"tasks": 0}, none["bytes"] / MEGABYTE, "MB")
    report.add("an agent with tasks that nobody looks at", {"tasks": count}, plain["bytes"] / MEGABYTE, "MB",
               ratio=plain["bytes"] / none["bytes"])

    with contextlib.closing(Site()) as site, tempfile.TemporaryDirectory() as folder:
        marks = Marks(folder)
        kinds = {
            "HTTP": (site, 1.0, {"http": {"port": site.port, "path": "/health"}}, {"port": site.port}),
            "TCP": (site, 1.0, {"tcp": {"port": site.port}}, {"port": site.port}),
            "COMMAND": (marks, 10.0, {"command": {"value": marks.command}}, {"shell": marks.command}),
        }
        for kind, (counter, interval, fields, bare) in kinds.items():
            options = {"kind": kind.lower(), "count": scaled(2_000, 100), **bare}
            before = load("probes", **options)["cpu_us"]
            found = measure(count, health(kind, interval, **fields), counter.looks)
            floor = (before + load("probes", **options)["cpu_us"]) / 2
            params = {"tasks": count, "interval": f"{interval:g} s"}
            report_looks(report, kind, params, found, floor)
            # Of one core; the floor is what the bare looks would take of it.
            cores = found["agent"] / found["seconds"]
            report.add(f"CPU of the agent, {kind}", params, 100 * cores, "% of a core",
                       floor=100 * found["looks"] * floor / 1e6 / found["seconds"],
                       ratio=cores / (found["looks"] * floor / 1e6 / found["seconds"]))
            report.add(f"memory of the agent, {kind}", params, found["bytes"] / MEGABYTE, "MB", floor=plain["bytes"] / MEGABYTE,
                       ratio=found["bytes"] / plain["bytes"], bar=at_most(1.5), bar_of="ratio")
    report.write()


main()
