"""1,000 tasks up and down on one agent in cgroups and namespaces, beside bare containers on as many threads as there are cores."""
import os

from harness.cluster import Cluster

import _images
from _load import load, scaled
from _report import Report, at_least

AGENT = {"resources": "cpus:100;mem:64000;disk:4096"}
TASK = {"task_cpus": 0.01, "task_mem": 16}


def run(stay, tasks):
    """Bare containers before and after, so that both see the same machine."""
    bare = {"count": scaled(400, 40), "threads": os.cpu_count()}
    with Cluster(agents=1, agent_flags=AGENT) as cluster:
        before = load("floor", **bare)["containers_per_second"]
        found = load("launch", master=cluster.address, tasks=tasks, stay=stay, **TASK)
        after = load("floor", **bare)["containers_per_second"]
    return found, (before + after) / 2


def main():
    report = Report("launch")
    tasks = scaled(1_000, 20)
    params = {"tasks": tasks}

    found, bare = run(False, tasks)
    rate = found["destroys_per_second"]
    report.add("up and down", params, rate, "containers/s", p50=found["latency_us_p50"], p99=found["latency_us_p99"], floor=bare,
               ratio=rate / bare, bar=at_least(0.5), bar_of="ratio")
    report.add("launches", params, found["launches_per_second"], "launches/s", floor=bare,
               ratio=found["launches_per_second"] / bare, bar=at_least(300))

    found, bare = run(True, tasks)
    report.add("launches that stay", params, found["launches_per_second"], "launches/s", p50=found["latency_us_p50"],
               p99=found["latency_us_p99"], floor=bare, ratio=found["launches_per_second"] / bare, bar=at_least(300))
    report.add("destroys of all that stayed", params, found["destroys_per_second"], "destroys/s", floor=bare,
               ratio=found["destroys_per_second"] / bare, bar=at_least(45))
    images(report)
    report.write()


def images(report):
    """The same with a root filesystem of their own, beside bare `runc run` before and after."""
    tasks, bare = scaled(200, 10), scaled(60, 5)
    with _images.image() as image, Cluster(agents=1, agent_flags={**AGENT, **_images.AGENT}) as cluster:
        options = {"master": cluster.address, "program": _images.PROGRAM, "image": image, **TASK}
        load("launch", tasks=1, **options)  # Pulls.
        before, _ = _images.bare_runc(bare, os.cpu_count())
        found = load("launch", tasks=tasks, **options)
        after, _ = _images.bare_runc(bare, os.cpu_count())
    rate, floor = found["destroys_per_second"], (before + after) / 2
    report.add("up and down with an overlay image, beside runc run", {"tasks": tasks}, rate, "containers/s",
               p50=found["latency_us_p50"], p99=found["latency_us_p99"], floor=floor, ratio=rate / floor)


main()
