"""kill -9 of a master with 10,000 agents and 100,000 running tasks, and with 40,000 and 400,000, then a new one from the same registry
on disk. The agents are simulated and share eight TCP connections; they look for the master again every 20 ms."""
import contextlib
import http.client
import threading
import time

from harness.cluster import Cluster
from harness.scheduler import Scheduler

from _load import held_load, load, scaled, simulated_agents
from _memory import peak
from _report import Report, at_most

SLOTS = 10
TASK_CPUS, TASK_MEM = 0.1, 32


def first_offer(cluster, begin, found):
    """A new framework subscribes as soon as it can; when its first offer comes."""
    while "failed" not in found:
        try:
            scheduler = Scheduler(cluster.port, name="after")
            scheduler.wait_event("OFFERS", seconds=300)
            found["first_offer"] = time.monotonic() - begin
            return
        except (OSError, http.client.HTTPException, AssertionError):
            time.sleep(0.02)  # The master is not there, or reads its registry (503).


def fail_over(cluster, agents):
    """(seconds until all agents are back, seconds until an offer, peak bytes of the new master)."""
    cluster.master.kill9()
    begin = time.monotonic()
    cluster.master.start()
    found = {}
    offers = threading.Thread(target=first_offer, args=(cluster, begin, found), daemon=True)
    offers.start()
    try:
        if agents.stdout.readline().strip() != "ready":
            raise RuntimeError("the simulated agents did not come back")
        back = time.monotonic() - begin
        offers.join(300)
    except BaseException:
        found["failed"] = True
        raise
    return back, found["first_offer"], peak(cluster.master.pid)


def run(report, agents, *, history, bar_seconds):
    tasks = agents * SLOTS
    with contextlib.ExitStack() as stack:
        cluster = stack.enter_context(Cluster(agents=0))
        # Room for one task more than run, so that there is something to offer.
        agents_process = stack.enter_context(simulated_agents(
            cluster.address, agents=agents, connections=8, cpus=TASK_CPUS * (SLOTS + 1), mem=TASK_MEM * (SLOTS + 1), stay=True,
            come_back=True))
        common = {"master": cluster.address, "tasks": tasks, "connections": 4, "deadline": 600, "master_pid": cluster.master.pid,
                  "task_cpus": TASK_CPUS, "task_mem": TASK_MEM}
        if history:  # As many tasks ran and ended before. Agents bring no ended tasks: the registry's frameworks are what is left.
            load("tasks", task_name="ends", **common)
        stack.enter_context(held_load("tasks", **common))
        back, offer, peak_bytes = fail_over(cluster, agents_process)
        tasks_back = sum(cluster.metric(f"master/{state}") for state in ("tasks_running", "tasks_staging", "tasks_starting"))
        assert tasks_back == tasks, f"{tasks_back} of {tasks} tasks came back"
    params = {"agents": agents, "tasks": tasks, "ended_before": tasks if history else 0}
    report.add("all registered again", params, back, "s", ratio=back / bar_seconds, bar=at_most(bar_seconds))
    report.add("first offer", params, offer, "s")
    report.add("peak memory of the new master", params, peak_bytes / (1 << 20), "MB")


def main():
    report = Report("failover")
    for agents, bar_seconds in ((10_000, 2), (40_000, 6)):
        for history in (False, True):
            run(report, scaled(agents, 10), history=history, bar_seconds=bar_seconds)
    report.write()


main()
