"""What a master holds for each agent and each task, against their size as protobuf; what an agent and its shims hold for 0, 100 and
1,000 containers. The registry is on disk."""
import contextlib
import json

from harness.cluster import Cluster, request

from _load import held_load, scaled, simulated_agents
from _memory import descendants, named, proportional, settled
from _report import Report, at_most

TASK_CPUS, TASK_MEM = 0.1, 32
MEGABYTE = 1 << 20


def serialised(cluster, call):
    """The answer's length in protobuf."""
    status, _, body = request(cluster.port, "POST", "/api/v1", json.dumps({"type": call}),
                              {"Content-Type": "application/json", "Accept": "application/x-protobuf"}, timeout=300)
    assert status == 200, (status, body[:200])
    return len(body)


def measure_agents(report, agents):
    with Cluster(agents=0) as cluster:
        empty = settled(cluster.master.pid)
        with simulated_agents(cluster.address, agents=agents, connections=8, cpus=1, mem=1024, stay=True):
            grown = settled(cluster.master.pid) - empty
            size = serialised(cluster, "GET_AGENTS") / agents
    figure = grown / agents
    report.add("an agent at the master", {"agents": agents}, figure, "bytes", floor=size, ratio=figure / size, bar=at_most(1.5),
               bar_of="ratio")


def measure_tasks(report, agents, tasks):
    slots = -(-tasks // agents)
    with contextlib.ExitStack() as stack:
        cluster = stack.enter_context(Cluster(agents=0))
        stack.enter_context(simulated_agents(cluster.address, agents=agents, connections=8, cpus=TASK_CPUS * slots,
                                             mem=TASK_MEM * slots, stay=True))
        before = settled(cluster.master.pid)
        stack.enter_context(held_load("tasks", master=cluster.address, tasks=tasks, connections=4, deadline=600,
                                      master_pid=cluster.master.pid, task_cpus=TASK_CPUS, task_mem=TASK_MEM))
        grown = settled(cluster.master.pid) - before
        size = serialised(cluster, "GET_TASKS") / tasks
    figure = grown / tasks
    report.add("a running task at the master", {"agents": agents, "tasks": tasks}, figure, "bytes", floor=size, ratio=figure / size,
               bar=at_most(1.5), bar_of="ratio")


def measure_containers(report, containers):
    """Of real containers, whose tasks do nothing."""
    resources = {"resources": f"cpus:{max(1, containers)};mem:{64 * max(1, containers)};disk:4096"}
    with contextlib.ExitStack() as stack:
        cluster = stack.enter_context(Cluster(agents=1, agent_flags=resources))
        if containers:
            stack.enter_context(held_load("tasks", master=cluster.address, tasks=containers, deadline=300, stay=True,
                                          master_pid=cluster.master.pid, task_cpus=0.01, task_mem=16))
        agent = cluster.agents[0].pid
        # A container's init is the shim's own child and runs the same program: both are its price.
        shims = named(descendants(agent), "tepui-shim")
        agent_bytes = settled(agent)
        shim_bytes = sum(proportional(pid) for pid in shims)
    params = {"containers": containers}
    report.add("a real agent", params, agent_bytes / MEGABYTE, "MB")
    if containers:
        figure = shim_bytes / containers / MEGABYTE
        report.add("shim and init of a container", {**params, "processes": len(shims)}, figure, "MB", ratio=figure, bar=at_most(1))
        # The peer: Apache Mesos, as measured on such a machine.
        both = (agent_bytes + shim_bytes) / containers / MEGABYTE
        report.add("agent and shims, a container", params, both, "MB", floor=10.7, ratio=both / 10.7)


def main():
    report = Report("footprint")
    for agents in (1_000, 10_000, 50_000):
        measure_agents(report, scaled(agents, 10))
    for tasks in (100_000, 1_000_000):
        measure_tasks(report, scaled(10_000, 10), scaled(tasks, 100))
    for containers in (0, 100, 1_000):
        measure_containers(report, containers and scaled(containers, 2))
    report.write()


main()
