"""Allocation rounds in process: src/allocator/allocator_bench.cc, as rows like those of the other benchmarks."""
import json
import re
import subprocess

from harness.cluster import BUILD

from _report import ROOT, Report, at_most

CASES = {"Cold": "cold", "Declined": "declined", "Dirty1": "dirty1", "Idle": "idle"}
# Microseconds of a round with 10,000 agents and 1,000 frameworks. Mesos' figure is of its 1.8 release.
MESOS_COLD_US = 1_060_000
BARS = {"cold": (10_000, 1_000, 50_000), "dirty1": (10_000, 1_000, 2_000)}
IDLE_US = 10


def bar_of(case, agents, frameworks):
    if case == "idle":
        return at_most(IDLE_US)
    if case in BARS and BARS[case][:2] == (agents, frameworks):
        return at_most(BARS[case][2])
    return None


def main():
    program = BUILD / "src" / "allocator_bench"
    # Not part of what `./dev build` makes.
    subprocess.run([ROOT / "dev", "build", "release", "allocator_bench"], stdout=subprocess.DEVNULL, check=True)
    done = subprocess.run([program, "--benchmark_format=json", "--benchmark_filter=BM_(Cold|Declined|Dirty1|Idle)/",
                           "--benchmark_min_time=0.2"], stdout=subprocess.PIPE, check=True)
    report = Report("alloc")
    for run in json.loads(done.stdout)["benchmarks"]:
        name, agents, frameworks = re.match(r"BM_(\w+)/(\d+)/(\d+)", run["name"]).groups()
        agents, frameworks, case = int(agents), int(frameworks), CASES[name]
        figure = run["real_time"]
        params = {"agents": agents, "frameworks": frameworks}
        if "offers" in run:
            params |= {"offers": int(run["offers"]), "us_an_offer": round(figure / max(run["offers"], 1), 2)}
        peer = MESOS_COLD_US if (case, agents, frameworks) == ("cold", 10_000, 1_000) else None
        report.add(case, params, figure, "us", floor=peer, ratio=figure / peer if peer else None,
                   bar=bar_of(case, agents, frameworks))
    report.write()


main()
