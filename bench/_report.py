"""Prints what a benchmark found, with its bar, and writes build/bench/NAME.json."""
import json
import pathlib

from _load import SCALE

ROOT = pathlib.Path(__file__).resolve().parents[1]


class Bar:
    """What a figure must reach: at least, or at most, some number."""

    def __init__(self, kind, value):
        self.kind, self.value = kind, value

    def verdict(self, figure):
        if self.kind == "at least":
            return "meets the bar" if figure >= self.value else f"misses the bar by {100 * (1 - figure / self.value):.0f} %"
        return "meets the bar" if figure <= self.value else f"misses the bar by {100 * (figure / self.value - 1):.0f} %"

    def __str__(self):
        return f"{self.kind} {number(self.value)}"


def at_least(value):
    return Bar("at least", value)


def at_most(value):
    return Bar("at most", value)


def number(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


class Report:
    def __init__(self, bench):
        self.bench, self.rows = bench, []

    def add(self, case, params, figure, unit, *, p50=None, p99=None, floor=None, ratio=None, bar=None, bar_of=None,
            latency_unit="us"):
        """p50 and p99 are latencies, in microseconds unless said otherwise. `bar` judges `bar_of` of the row, or its figure."""
        row = {"bench": self.bench, "case": case, "params": params, "figure": figure, "unit": unit, "p50": p50,
               "p99": p99, "floor": floor, "ratio": ratio}
        self.rows.append(row)
        workload = ", ".join(f"{name} {value}" for name, value in params.items())
        print(f"{self.bench} {case} ({workload})")
        print(f"  {number(figure)} {unit}; p50 {number(p50)} {latency_unit}, p99 {number(p99)} {latency_unit}; floor or peer {number(floor)}, "
              f"ratio {number(ratio)}")
        if bar:
            print(f"  {bar_of or unit} {bar}: {bar.verdict(row[bar_of or 'figure'])}")

    def write(self):
        folder = ROOT / "build" / "bench"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.bench}.json"
        path.write_text(json.dumps(self.rows, indent=1) + "\n")
        if SCALE != 1:
            print(f"  (a part of the workload: {SCALE} of it)")
        print(f"  rows are in {path.relative_to(ROOT)}")
