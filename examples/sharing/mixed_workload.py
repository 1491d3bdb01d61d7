"""Services, batch jobs and tests on one cluster: starts one on this machine, lets three frameworks share it, prints who used what.

    ./dev demo [SECONDS]

The roles: `services` has a guarantee and little to do but for a rush in the middle; `batch` always has more to do and no claim at
all; `test` comes in bursts that want more than its limit. What came of it is compared with three clusters of a third each.
The tasks only sleep: what counts here is who holds which resources.
"""
import dataclasses
import json
import sys
import threading
import time

from harness.cluster import Cluster, call, request
from harness.scheduler import TERMINAL, Scheduler
from harness.wait import wait_for

AGENTS, AGENT = 3, {"cpus": 4.0, "mem": 2048.0}
TOTAL = {name: AGENTS * amount for name, amount in AGENT.items()}
ROLES = ("services", "batch", "test")
GUARANTEE = {"cpus": 3.0, "mem": 1152.0}  # Of role services.
LIMIT = {"cpus": 3.0, "mem": 768.0}  # Of role test.
SAMPLE_SECONDS = 0.5


@dataclasses.dataclass(frozen=True)
class Shape:
    """What all tasks of a role look like; `seconds` of None: until they are killed."""
    cpus: float
    mem: float
    seconds: float | None

    def fits(self, resources):
        return int(min(resources.get("cpus", 0) / self.cpus, resources.get("mem", 0) / self.mem) + 1e-9)


SHAPES = {"services": Shape(1.0, 384, None), "batch": Shape(1.0, 128, 2), "test": Shape(0.5, 128, 1)}


class Workload(Scheduler):
    """Keeps `wanted` tasks waiting for offers. Suppresses its role while it wants nothing, revives it when it does again."""

    def __init__(self, port, role):
        self.shape, self.wanted, self.launched, self.running = SHAPES[role], 0, 0, set()
        self.suppressed = self.leaving = False
        self.plan = threading.RLock()
        super().__init__(port, role, roles=[role], capabilities=("MULTI_ROLE", "PARTITION_AWARE", "RESERVATION_REFINEMENT"))

    def demand(self):
        with self.plan:
            return self.wanted + len(self.running)

    def want(self, count):
        """So many more; what is not launched yet can be taken back with a negative count."""
        with self.plan:
            self.wanted = max(0, self.wanted + count)
            if self.suppressed and self.wanted > 0:
                self.suppressed = False
                self.call("REVIVE", {})

    def end(self, count):
        with self.plan:
            for task in sorted(self.running)[:count]:
                self.kill(task)

    def _on_event(self, event):
        super()._on_event(event)
        if event["type"] == "SUBSCRIBED":
            self.id = event["subscribed"]["framework_id"]["value"]  # The first offers may follow at once.
        elif event["type"] == "OFFERS":
            for offer in event["offers"]["offers"]:
                self._answer(offer)
        elif event["type"] == "UPDATE":
            self._note(event["update"]["status"])

    def _answer(self, offer):
        free = {r["name"]: r["scalar"]["value"] for r in offer["resources"] if r["type"] == "SCALAR"}
        with self.plan:
            if self.leaving:
                return
            count = min(self.wanted, self.shape.fits(free))
            tasks = [self._next_task(offer) for _ in range(count)]
            self.wanted -= count
            if count:
                return self.accept(offer, tasks)
            with self._lock:
                self.offers.pop(offer["id"]["value"], None)
            self.call("DECLINE", {"offer_ids": [offer["id"]], "filters": {"refuse_seconds": 1.0}})
            if self.wanted == 0 and not self.suppressed:
                self.suppressed = True
                self.call("SUPPRESS", {})

    def teardown(self):
        with self.plan:
            self.leaving = True  # Offers that are on the way are the master's again.
            super().teardown()

    def _next_task(self, offer):
        self.launched += 1
        name = f"{offer['allocation_info']['role']}-{self.launched}"
        self.running.add(name)
        seconds = 3600 if self.shape.seconds is None else self.shape.seconds
        return self.task(offer, name, f"exec sleep {seconds}", self.shape.cpus, self.shape.mem)

    def _note(self, status):
        with self.plan:
            if self.leaving or status["state"] not in TERMINAL or status["task_id"]["value"] not in self.running:
                return
            self.running.discard(status["task_id"]["value"])
            if status["state"] not in ("TASK_FINISHED", "TASK_KILLED"):
                self.want(1)  # Its offer was taken back: another one has to do it.


@dataclasses.dataclass
class Sample:
    second: float
    allocated: dict  # Role to resource to what its tasks have.
    held: dict  # The same with its offers.
    demand: dict  # Role to how many tasks it has or wants.

    def used(self, resource):
        return sum(amounts.get(resource, 0) for amounts in self.allocated.values())

    def partitioned(self, resource):
        """What would be used, if each role had a third for itself and wanted the same."""
        third = {name: amount / len(ROLES) for name, amount in TOTAL.items()}
        return sum(min(self.demand[role], SHAPES[role].fits(third)) * getattr(SHAPES[role], resource) for role in ROLES)


@dataclasses.dataclass
class Report:
    samples: list
    rush_wait_seconds: float  # From the begin of the rush until services had all that is guaranteed.
    finished: dict  # Role to tasks.

    def mean(self, value):
        return sum(value(sample) for sample in self.samples) / len(self.samples)

    def utilisation(self, resource, role=None):
        def value(sample):
            return sample.used(resource) if role is None else sample.allocated[role].get(resource, 0)
        return self.mean(value) / TOTAL[resource]

    def partitioned(self, resource):
        return self.mean(lambda sample: sample.partitioned(resource)) / TOTAL[resource]


def set_shares(cluster):
    def amounts(of):
        return {name: {"value": value} for name, value in of.items()}
    call(cluster.port, {"type": "UPDATE_QUOTA", "update_quota": {"quota_configs": [
        {"role": "services", "guarantees": amounts(GUARANTEE)}, {"role": "test", "limits": amounts(LIMIT)}]}})
    call(cluster.port, {"type": "UPDATE_WEIGHTS", "update_weights": {"weight_infos": [
        {"role": "services", "weight": 4.0}, {"role": "test", "weight": 2.0}]}})


def take_sample(cluster, workloads, second):
    shown = {role["name"]: role for role in json.loads(request(cluster.port, "GET", "/roles")[2])["roles"]}
    return Sample(second, {role: shown.get(role, {}).get("allocated", {}) for role in ROLES},
                  {role: shown.get(role, {}).get("resources", {}) for role in ROLES},
                  {role: workload.demand() for role, workload in workloads.items()})


def run(seconds, show=lambda sample: None):
    """`show` is given each sample as it is taken."""
    with Cluster(agents=AGENTS, agent_flags={"resources": ";".join(f"{n}:{v:g}" for n, v in AGENT.items())}) as cluster:
        set_shares(cluster)
        workloads = {role: Workload(cluster.port, role) for role in ROLES}
        services, batch, test = workloads.values()
        services.want(2)
        batch.want(100_000)
        wait_for(lambda: len(services.running) == 2 and len(batch.running) >= 6, "all to be at work")
        begun = time.monotonic()
        bursts = [(part * seconds, lambda: test.want(max(8, int(seconds / 2)))) for part in (0.1, 0.4, 0.7)]
        rush = (seconds / 3, lambda: services.want(3))
        calm = (2 * seconds / 3, lambda: services.end(3))
        plan = sorted([*bursts, rush, calm], key=lambda entry: entry[0])
        samples, rush_wait = [], None
        while (at := time.monotonic() - begun) < seconds:
            while plan and plan[0][0] <= at:
                plan.pop(0)[1]()
            samples.append(take_sample(cluster, workloads, at))
            show(samples[-1])
            if rush_wait is None and at >= rush[0] and samples[-1].allocated["services"].get("cpus", 0) >= GUARANTEE["cpus"]:
                rush_wait = max(0.0, at - rush[0])
            time.sleep(SAMPLE_SECONDS)
        finished = {role: len([u for u in w.updates if u["state"] == "TASK_FINISHED"]) for role, w in workloads.items()}
        for workload in workloads.values():
            workload.teardown()
            workload.close()
        return Report(samples, rush_wait, finished)


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 40.0
    print(f"{AGENTS} agents of {AGENT['cpus']:g} CPUs and {AGENT['mem']:g} MB; services are guaranteed {GUARANTEE['cpus']:g} CPUs, "
          f"test may have {LIMIT['cpus']:g}\n\nCPUs in use by tasks:\n{'':>7}" + "".join(f"{role:>10}" for role in ROLES) + f"{'all':>8}")
    last = [-1.0]

    def show(sample):
        if sample.second - last[0] < 1:
            return
        last[0] = sample.second
        cpus = [sample.allocated[role].get("cpus", 0) for role in ROLES]
        print(f"{sample.second:>5.0f} s" + "".join(f"{c:>10.1f}" for c in cpus) + f"{sum(cpus) / TOTAL['cpus']:>8.0%}", flush=True)

    report = run(seconds, show)
    print(f"\nIn the mean:\n{'':>7}" + "".join(f"{role:>10}" for role in ROLES) + f"{'all':>8}   with a third for each")
    for name in TOTAL:
        parts = "".join(f"{report.utilisation(name, role):>10.0%}" for role in ROLES)
        print(f"{name:>7}{parts}{report.utilisation(name):>8.0%}   {report.partitioned(name):.0%}")
    print("\nTasks finished: " + ", ".join(f"{role} {count}" for role, count in report.finished.items() if count))
    if report.rush_wait_seconds is not None:
        print(f"When the rush came, services had what is guaranteed to them after {report.rush_wait_seconds:.1f} s")


if __name__ == "__main__":
    main()
