"""Three updates of each of 100,000 running tasks on 1,000 simulated agents, acknowledged by one framework, at full and at half load.
The registry is on disk."""
from harness.cluster import Cluster

from _load import load, scaled
from _report import Report, at_most

AGENTS = 1_000
SLOTS = 100
TASK_CPUS, TASK_MEM = 0.1, 32
UPDATES = 3


def main():
    report = Report("updates")
    agents = scaled(AGENTS, 10)
    tasks = agents * SLOTS
    with Cluster(agents=0) as cluster:
        found = load("updates", master=cluster.address, master_pid=cluster.master.pid, tasks=tasks, updates=UPDATES, agents=agents,
                     connections=8, cpus=TASK_CPUS * SLOTS, mem=TASK_MEM * SLOTS, task_cpus=TASK_CPUS, task_mem=TASK_MEM, deadline=300)
        # A task is told of by one update when it starts, then by those that are measured; more were sent twice.
        sent_twice = cluster.metric("master/messages_status_update") - tasks * (1 + 2 * UPDATES)
    params = {"agents": agents, "tasks": tasks, "updates_a_task": UPDATES}
    rate = found["updates_per_second"]
    report.add("as fast as it goes", params, rate, "updates/s", p50=found["full_us_p50"], p99=found["full_us_p99"])
    report.add("master CPU", params, found["updates_per_cpu_second"], "updates per server core-second")
    report.add("half load", {**params, "updates_per_second": round(rate / 2)}, found["half_us_p99"] / 1000, "ms p99",
               p50=found["half_us_p50"], p99=found["half_us_p99"], bar=at_most(20))
    report.add("retries", params, found["retries"] + sent_twice, "updates that an agent would send, or sent, again", bar=at_most(0))
    report.write()


main()
