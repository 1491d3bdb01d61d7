"""A registry with an image of the no-op program, and bare `runc run` of the same program beside it."""
import concurrent.futures
import contextlib
import json
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

from harness.registry import Image, Layer, Registry

from _load import NOOP

PROGRAM = "/noop"
AGENT = {"isolation": "cgroups/cpu,cgroups/mem,cgroups/pids,namespaces/pid,filesystem/linux,posix/rlimits,docker/runtime",
         "image_providers": "docker"}


@contextlib.contextmanager
def image():
    """The name of an image of two layers, on a registry of its own."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tepui-bench-images-"))
    try:
        with Registry(folder) as registry:
            layers = [Layer().directory("etc").file("etc/hosts", "").tar(), Layer().program(PROGRAM[1:], NOOP).tar()]
            registry.push("noop:v1", Image(layers, {"Cmd": [PROGRAM]}))
            yield registry.name("noop:v1")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def bare_runc(count, threads):
    """Containers per second and the median of `runc run` in ms: a plain directory, no limits, `runc spec`'s own configuration."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tepui-bench-runc-"))
    try:
        (folder / "rootfs").mkdir()
        shutil.copy(NOOP, folder / "rootfs" / PROGRAM[1:])
        subprocess.run(["runc", "spec"], cwd=folder, check=True)
        config = json.loads((folder / "config.json").read_text())
        config["process"].update(terminal=False, args=[PROGRAM])
        # Without a path each gets a cgroup of its own.
        config["linux"]["namespaces"] = [n for n in config["linux"]["namespaces"] if n["type"] not in ("network", "cgroup")]
        (folder / "config.json").write_text(json.dumps(config))

        def run(number):
            begun = time.perf_counter()
            subprocess.run(["runc", "--root", folder / "state", "run", f"bare-{number}"], cwd=folder, check=True, timeout=60,
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            return (time.perf_counter() - begun) * 1e3

        begun = time.perf_counter()
        with concurrent.futures.ThreadPoolExecutor(threads) as pool:
            times = list(pool.map(run, range(count)))
        return count / (time.perf_counter() - begun), statistics.median(times)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
