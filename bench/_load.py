"""Runs tepui-load, the load generator beside these scripts."""
import contextlib
import json
import os
import signal
import subprocess

from harness.cluster import BUILD

LOAD = BUILD / "tepui-load"
NOOP = BUILD / "tepui-noop"
# A part of the workload, for a quick look; what is reported counts only with 1.
SCALE = float(os.environ.get("TEPUI_BENCH_SCALE", "1"))


def scaled(count, at_least=1):
    return max(at_least, round(count * SCALE))


def flags(options):
    """--name=value of each; a bare --name of what is True, nothing of what is False."""
    return [f"--{name.replace('_', '-')}" if value is True else f"--{name.replace('_', '-')}={value}"
            for name, value in options.items() if value is not False]


def load(command, *, deadline=120, **options):
    """Runs one sub-command to its end; what it found, by name."""
    arguments = [LOAD, command, f"--deadline={deadline}", *flags({"program": NOOP, **options})]
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, timeout=deadline + 30, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip() or f"tepui-load ended with status {done.returncode}")
    return json.loads(done.stdout)


@contextlib.contextmanager
def held_load(command, *, deadline=120, **options):
    """The same for a load that stays as it is until the block ends; gives what it found."""
    arguments = [LOAD, command, f"--deadline={deadline}", f"--program={NOOP}", "--hold", *flags(options)]
    with subprocess.Popen([str(a) for a in arguments], stdout=subprocess.PIPE, text=True) as running:
        try:
            line = running.stdout.readline()
            if not line:
                raise RuntimeError(f"tepui-load {command} failed")
            yield json.loads(line)
        finally:
            running.send_signal(signal.SIGTERM)


@contextlib.contextmanager
def simulated_agents(master, **options):
    """Agents without containers, registered when the block begins."""
    arguments = [LOAD, "simulate-agents", f"--master={master}", *flags(options)]
    with subprocess.Popen([str(a) for a in arguments], stdout=subprocess.PIPE, text=True) as agents:
        try:
            if agents.stdout.readline().strip() != "ready":
                raise RuntimeError("the simulated agents did not register")
            yield agents
        finally:
            agents.send_signal(signal.SIGTERM)
