"""One framework, and ten, launch 100,000 no-op tasks on 1,000 simulated agents over TCP. The registry is on disk."""
from harness.cluster import Cluster

from _load import load, scaled, simulated_agents
from _report import Report, at_least

AGENTS = 1_000
TASKS = 100_000
TASK_CPUS, TASK_MEM = 0.1, 32
# Tasks a second of the nearest peer that was measured over its own API (HyperQueue).
PEER = 10_000


def run(report, case, *, frameworks, slots, stay):
    agents, tasks = scaled(AGENTS, 10), scaled(TASKS, 100)
    with Cluster(agents=0) as cluster:
        with simulated_agents(cluster.address, agents=agents, connections=8, cpus=TASK_CPUS * slots, mem=TASK_MEM * slots,
                              stay=stay):
            found = load("tasks", master=cluster.address, tasks=tasks, frameworks=frameworks, connections=16 // frameworks or 1,
                         master_pid=cluster.master.pid, task_cpus=TASK_CPUS, task_mem=TASK_MEM, deadline=300)
    params = {"agents": agents, "tasks": tasks, "frameworks": frameworks, "slots_an_agent": slots}
    rate = found["tasks_per_second"]
    report.add(case, params, rate, "tasks/s", p50=found["latency_us_p50"], p99=found["latency_us_p99"], floor=PEER,
               ratio=rate / PEER, bar=at_least(10_000))
    per_core = found["tasks_per_cpu_second"]
    report.add(f"{case}, master CPU", params, per_core, "tasks per server core-second", ratio=per_core / 20_000,
               bar=at_least(20_000))


def main():
    report = Report("tasks")
    run(report, "all at once", frameworks=1, slots=100, stay=True)
    run(report, "turnover", frameworks=1, slots=20, stay=False)
    run(report, "turnover", frameworks=10, slots=20, stay=False)
    report.write()


main()
