"""Runs many seeds of the simulator on all cores, in pieces; says how far it is, and which seeds fail."""

import concurrent.futures
import os
import re
import subprocess
import sys
import time

PIECE = 100
FAILURES_MAX = 20  # After so many something is broken, and more of it tells nothing.


def run_piece(program: str, first: int, count: int) -> tuple[int, list[str], str]:
    """Seeds done, a text for each failing one, and what ended the program if it did not end itself."""
    done = subprocess.run(
        [program, "--gtest_filter=*Invariants*", f"--from={first}", f"--seeds={count}"],
        capture_output=True, text=True, check=False)
    failures = re.findall(r"^seed \d+ \(replay:.*(?:\n  .*)*", done.stdout, re.MULTILINE)
    if done.returncode not in (0, 1):
        return count, failures, f"seeds {first} to {first + count - 1}: ended with {done.returncode}: {done.stderr[-500:]}"
    if done.returncode == 1 and not failures:
        return count, failures, f"seeds {first} to {first + count - 1}: {done.stdout[-500:]}"
    return count, failures, ""


def main() -> int:
    program, first, seeds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    begun = time.monotonic()
    done = failed = 0
    pieces = [(at, min(PIECE, first + seeds - at)) for at in range(first, first + seeds, PIECE)]
    workers = os.cpu_count() or 1
    shown = begun
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        waiting = [pool.submit(run_piece, program, *piece) for piece in pieces]
        for future in concurrent.futures.as_completed(waiting):
            if future.cancelled():
                continue
            count, failures, end = future.result()
            done += count
            for text in failures + ([end] if end else []):
                failed += 1
                print(text.replace("sim_test", "build/release/tests/sim_test"), flush=True)
            if failed >= FAILURES_MAX:
                for other in waiting:
                    other.cancel()
            now = time.monotonic()
            if now - shown >= 10 or done == seeds:
                shown = now
                rate = done / (now - begun)
                print(f"{done} of {seeds} seeds, {failed} failed, {rate:.0f} a second, "
                      f"{(seeds - done) / rate:.0f} s to go", flush=True)
    os.unlink(program)
    print(f"{done} seeds from {first} on {workers} cores in {time.monotonic() - begun:.0f} s: "
          f"{failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
