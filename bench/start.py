"""One no-op task at a time on an idle agent: ACCEPT to TASK_RUNNING at the scheduler, the floor measured in between."""
from harness.cluster import Cluster

import _images
from _load import load, scaled
from _report import Report, at_most


def main():
    report = Report("start")
    tasks = scaled(300, 20)
    with Cluster(agents=1) as cluster:
        found = load("start", master=cluster.address, tasks=tasks, task_cpus=0.1, task_mem=64)
    params = {"tasks": tasks}
    p50, p99, floor = found["start_us_p50"], found["start_us_p99"], found["floor_wait_us_p50"]
    report.add("ACCEPT to TASK_RUNNING", params, p50, "us", p50=p50, p99=p99, floor=floor, ratio=p50 / floor,
               bar=at_most(3), bar_of="ratio")
    report.add("the same, p99", params, p99 / 1000, "ms", p99=p99, floor=found["floor_wait_us_p99"],
               ratio=p99 / found["floor_wait_us_p99"], bar=at_most(20))
    floor_exec = found["floor_exec_us_p50"]
    report.add("beside the floor up to its exec only", params, p50, "us", floor=floor_exec, ratio=p50 / floor_exec)
    for name, case in (("to_running", "ACCEPT to TASK_RUNNING made at the agent"),
                       ("to_scheduler", "from there to TASK_RUNNING at the scheduler")):
        span = found[f"{name}_us_p50"]
        report.add(case, params, span, "us", p50=span, p99=found[f"{name}_us_p99"], ratio=span / p50)
    image(report)
    report.write()


def image(report):
    """The same with a root filesystem of its own, beside bare `runc run` before and after."""
    tasks, bare = scaled(60, 5), scaled(30, 3)
    with _images.image() as name, Cluster(agents=1, agent_flags=_images.AGENT) as cluster:
        options = {"master": cluster.address, "program": _images.PROGRAM, "image": name, "task_cpus": 0.1, "task_mem": 64}
        load("launch", tasks=1, **options)  # Pulls.
        _, before = _images.bare_runc(bare, 1)
        found = load("launch", tasks=tasks, **{**options, "task_cpus": 4})  # One at a time: an agent has four.
        _, after = _images.bare_runc(bare, 1)
    p50, floor = found["latency_us_p50"] / 1000, (before + after) / 2
    report.add("ACCEPT to TASK_RUNNING with an overlay image, beside runc run", {"tasks": tasks}, p50, "ms",
               p50=found["latency_us_p50"], p99=found["latency_us_p99"], floor=floor, ratio=p50 / floor)


main()
