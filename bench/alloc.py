"""Allocation rounds in process: src/allocator/allocator_bench.cc, as rows like those of the other benchmarks. p50 is in
milliseconds here."""
import json
import re
import subprocess

from harness.cluster import BUILD

from _report import ROOT, Report, at_most

CASES = {"Cold": "cold", "Declined": "declined", "Dirty1": "dirty1", "Idle": "idle"}
# Milliseconds of a round with 10,000 agents and 1,000 frameworks. Mesos' figure is of its 1.8 release.
MESOS_COLD_MS = 1_060
BARS_MS = {"cold": 50, "dirty1": 2}
IDLE_MS = 0.010


def bar_of(case, params):
    if case == "idle":
        return at_most(IDLE_MS)
    if case in BARS_MS and (params["agents"], params["frameworks"]) == (10_000, 1_000):
        return at_most(BARS_MS[case])
    return None


def main():
    program = BUILD / "src" / "allocator_bench"
    # Not part of what `./dev build` makes.
    subprocess.run([ROOT / "dev", "build", "release", "allocator_bench"], stdout=subprocess.DEVNULL, check=True)
    done = subprocess.run([program, "--benchmark_format=json", "--benchmark_filter=BM_(Memory|Cold|Declined|Dirty1|Idle)/"],
                          stdout=subprocess.PIPE, check=True)
    report = Report("alloc")
    for run in json.loads(done.stdout)["benchmarks"]:
        name, *sizes = re.match(r"BM_(\w+)/(?:\w+:)?(\d+)/(?:\w+:)?(\d+)/(?:\w+:)?(\d+)/(?:\w+:)?(\d+)", run["name"]).groups()
        agents, frameworks, roles, quota = map(int, sizes)
        params = {"agents": agents, "frameworks": frameworks, "roles": roles, "quota": bool(quota)}
        if name == "Memory":
            report.add("memory", params, run["bytes_an_agent"], "bytes an agent")
            continue
        case, figure = CASES[name], run["p50_ms"]
        extra = {}
        if run["offers"]:
            extra = {"offers": round(run["offers"]), "us_an_offer": round(1000 * figure / run["offers"], 2),
                     "heap_allocations_an_offer": round(run["heap"] / run["offers"], 1)}
        peer = MESOS_COLD_MS if (case, agents, frameworks) == ("cold", 10_000, 1_000) else None
        report.add(case, params | extra, figure, "ms a round", p50=figure, latency_unit="ms", floor=peer,
                   ratio=figure / peer if peer else None, bar=bar_of(case, params))
    report.write()


main()
