"""The demo of docs/operate/sharing.md, in short: what its text promises comes true."""
import sys

from harness.cluster import ROOT

sys.path.insert(0, str(ROOT / "examples" / "sharing"))

import mixed_workload as demo  # noqa: E402 - the path above is its own.


def test_three_roles_use_more_together_than_apart_and_keep_to_what_was_agreed():
    report = demo.run(seconds=12)
    shared, apart = report.utilisation("cpus"), report.partitioned("cpus")
    assert shared > apart + 0.1, f"{shared:.0%} together, {apart:.0%} apart"
    for sample in report.samples:
        for name, limit in demo.LIMIT.items():
            assert sample.held["test"].get(name, 0) <= limit, f"role test passed its limit: {sample}"
        others = sum(sample.held[role].get("cpus", 0) for role in ("batch", "test"))
        assert others <= demo.TOTAL["cpus"] - demo.GUARANTEE["cpus"], f"nothing was kept for services: {sample}"
    # Both claims were put to the test: there was more to do for both than they had.
    assert max(sample.allocated["test"].get("cpus", 0) for sample in report.samples) == demo.LIMIT["cpus"]
    assert max(sample.allocated["batch"].get("cpus", 0) for sample in report.samples) > demo.TOTAL["cpus"] / 2
    assert report.rush_wait_seconds is not None and report.rush_wait_seconds <= 3
