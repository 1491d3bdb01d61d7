"""The people's side: up, run, get, logs, kill, down."""
import json
import os
import pathlib
import signal
import subprocess

import pytest

from harness.cluster import TEPUI, Cluster, free_port, free_ports, request
from harness.scheduler import Scheduler
from harness.wait import wait_for


def test_run_prints_and_exits_like_the_command(shared_cluster):
    done = shared_cluster.tepui("run", "--", "sh", "-c", "echo hello; echo oops >&2; exit 3")
    assert done.stdout == "hello\n"
    assert "oops" in done.stderr
    assert done.returncode == 3
    assert shared_cluster.tepui("run", "--", "true").returncode == 0


def test_run_many(shared_cluster):
    done = shared_cluster.tepui("run", "--instances=5", "--cpus=0.1", "--memory=32MB", "--name=many", "--env", "WHO=world", "--",
                                "sh", "-c", "echo hello $WHO")
    assert done.returncode == 0, done.stderr
    assert sorted(line.split("hello")[1] for line in done.stdout.splitlines()) == [" world"] * 5


def test_run_tells_why_nothing_starts(shared_cluster):
    child = subprocess.Popen([TEPUI, "run", "--cpus=1000", "--", "true"], stderr=subprocess.PIPE, text=True,
                             env={**os.environ, "TEPUI_MASTER": shared_cluster.address, "NO_COLOR": "1"})
    line = child.stderr.readline()
    while line and "cpus" not in line:
        line = child.stderr.readline()
    assert "1000" in line
    child.send_signal(signal.SIGINT)
    child.wait(20)


def test_run_interrupted_kills_its_task(shared_cluster):
    marker = shared_cluster.folder / "pid-of-run"
    child = subprocess.Popen([TEPUI, "run", "--", "sh", "-c", f"echo $$; touch {marker}; sleep 1000"], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True, env={**os.environ, "TEPUI_MASTER": shared_cluster.address})
    wait_for(marker.exists, "the task")
    child.send_signal(signal.SIGINT)
    assert child.wait(30) != 0
    wait_for(lambda: not [t for t in shared_cluster.tasks().get("tasks", []) if t["state"] == "TASK_RUNNING"], "the task's end")


def test_run_interrupted_twice_ends_though_its_master_hangs():
    with Cluster() as cluster:
        marker = cluster.folder / "started"
        child = subprocess.Popen([TEPUI, "run", "--", "sh", "-c", f"touch {marker}; sleep 1000"], stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE, text=True, env={**os.environ, "TEPUI_MASTER": cluster.address})
        try:
            wait_for(marker.exists, "the task")
            os.kill(cluster.master.pid, signal.SIGSTOP)
            child.send_signal(signal.SIGINT)
            line = child.stderr.readline()
            while line and "once more ends at once" not in line:
                line = child.stderr.readline()
            child.send_signal(signal.SIGINT)
            # Sooner than the KILL that is on its way is given up.
            assert child.wait(8) == 130
            assert "stays until its failover timeout" in child.stderr.read()
        finally:
            os.kill(cluster.master.pid, signal.SIGCONT)
            child.kill()
            child.wait()


def test_get_logs_kill(shared_cluster):
    framework = Scheduler(shared_cluster.port, name="cli-test")
    framework.run("web-1", "echo line one; sleep 1000")
    framework.wait_state("web-1", "TASK_RUNNING")
    table = shared_cluster.tepui("get", "tasks")
    assert table.returncode == 0
    assert [line for line in table.stdout.splitlines() if "web-1" in line and "RUNNING" in line]
    for kind in ["agents", "frameworks", "tasks", "offers", "roles"]:
        for form in ["table", "wide", "json"]:
            done = shared_cluster.tepui("get", kind, "-o", form)
            assert done.returncode == 0, (kind, form, done.stderr)
            if form == "json":
                json.loads(done.stdout)
    wait_for(lambda: shared_cluster.tepui("logs", "web-1").stdout == "line one\n", "the log")
    assert shared_cluster.tepui("kill", "web").returncode == 0
    framework.wait_state("web-1", "TASK_KILLED")
    missing = shared_cluster.tepui("kill", "no-such-task")
    assert missing.returncode == 3 and "no-such-task" in missing.stderr
    framework.teardown()


def test_a_task_is_named_by_its_id_a_part_of_it_or_its_name(shared_cluster):
    framework = Scheduler(shared_cluster.port, name="names")
    framework.run("svc-4711-a", "echo it is me; sleep 1000", name="frontend")
    framework.run("svc-4712-b", "sleep 1000", name="backend")
    for task in ("svc-4711-a", "svc-4712-b"):
        framework.wait_state(task, "TASK_RUNNING")
    try:
        for name in ("svc-4711-a", "svc-4711", "frontend"):
            done = shared_cluster.tepui("exec", name, "sh", "-c", "echo $MESOS_TASK_ID")
            assert (done.returncode, done.stdout) == (0, "svc-4711-a\n"), (name, done)
            wait_for(lambda name=name: shared_cluster.tepui("logs", name).stdout == "it is me\n", f"the log of {name}")
        for verb in ("exec", "logs"):
            several = shared_cluster.tepui(verb, "svc-471", *(["true"] if verb == "exec" else []))
            assert several.returncode == 1 and "svc-4711-a" in several.stderr and "svc-4712-b" in several.stderr, several
    finally:
        framework.teardown()
        framework.close()


USAGE = [
    (["frobnicate"], 2, "frobnicate"),
    (["get", "agentz"], 2, "agents"),
    (["master", "--work_dri=/tmp/x"], 2, "work_dir"),
    (["agent", "--mastr=127.0.0.1:5050"], 2, "master"),
    (["run"], 2, "COMMAND"),
]


@pytest.mark.parametrize("arguments,status,hint", USAGE, ids=[" ".join(row[0]) for row in USAGE])
def test_usage_errors_suggest(arguments, status, hint):
    done = subprocess.run([TEPUI, *arguments], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == status
    assert hint in done.stderr


def test_no_master_is_said_plainly():
    done = subprocess.run([TEPUI, "get", "agents", "--master", f"127.0.0.1:{free_port()}"], capture_output=True, text=True,
                          timeout=30, check=False)
    assert done.returncode == 1
    assert "127.0.0.1" in done.stderr and "refused" in done.stderr.lower()


def test_not_beyond_loopback_without_authentication(tmp_path):
    done = subprocess.run([TEPUI, "master", "--ip=0.0.0.0", f"--work_dir={tmp_path}"], capture_output=True, text=True, timeout=20,
                          check=False)
    assert done.returncode == 2
    assert "0.0.0.0" in done.stderr


def tepui_processes(work_dir):
    """Pids whose command line names the work directory."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if str(work_dir).encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def cgroups():
    return {str(p) for p in pathlib.Path("/sys/fs/cgroup").glob("*/tepui/**/") if p.is_dir()}


def mounts():
    return sorted(line.split()[4] for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines())


def up(work_dir, agents):
    port = free_ports(3)
    reader, writer = os.pipe()
    done = subprocess.run([TEPUI, "up", "--detach", f"--agents={agents}", f"--port={port}", f"--work-dir={work_dir}"],
                          capture_output=True, text=True, timeout=120, check=False, pass_fds=[writer])
    # Nothing that goes on holds what its starter had open: a script's pipe would never end.
    os.close(writer)
    os.set_blocking(reader, False)
    assert os.read(reader, 1) == b""
    os.close(reader)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"127.0.0.1:{port}" in done.stdout
    return port


def test_two_clusters_then_down_leaves_nothing(tmp_path):
    before_cgroups, before_mounts = cgroups(), mounts()
    first, second = tmp_path / "one", tmp_path / "two"
    ports = {first: up(first, 2), second: up(second, 1)}
    frameworks = []
    for port in ports.values():
        framework = Scheduler(port)
        framework.run("same-name", "sleep 1000")
        framework.wait_state("same-name", "TASK_RUNNING")
        frameworks.append(framework)
    down = subprocess.run([TEPUI, "down", f"--work-dir={first}"], capture_output=True, text=True, timeout=90, check=False)
    assert down.returncode == 0, down.stderr
    assert not tepui_processes(first)
    # The other cluster did not notice.
    assert request(ports[second], "GET", "/health")[0] == 200
    assert frameworks[1].states("same-name")[-1] == "TASK_RUNNING"
    down = subprocess.run([TEPUI, "down", f"--work-dir={second}"], capture_output=True, text=True, timeout=90, check=False)
    assert down.returncode == 0, down.stderr
    assert not tepui_processes(second)
    assert cgroups() == before_cgroups
    assert mounts() == before_mounts
    again = subprocess.run([TEPUI, "down", f"--work-dir={first}"], capture_output=True, text=True, timeout=30, check=False)
    assert again.returncode in (0, 3)


def test_up_in_the_foreground_ends_on_interrupt(tmp_path):
    port = free_ports(3)
    child = subprocess.Popen([TEPUI, "up", "--agents=1", f"--port={port}", f"--work-dir={tmp_path}"], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True)
    seen = ""
    while f"127.0.0.1:{port}" not in seen:
        line = child.stdout.readline()
        assert line, f"tepui up ended: {seen}"
        seen += line
    child.send_signal(signal.SIGINT)
    assert child.wait(60) == 0
    assert not tepui_processes(tmp_path)


def test_completion_and_help():
    for shell in ["bash", "zsh"]:
        done = subprocess.run([TEPUI, "completion", shell], capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode == 0 and "tepui" in done.stdout
    if os.path.exists("/bin/bash"):
        script = subprocess.run([TEPUI, "completion", "bash"], capture_output=True, text=True, check=True).stdout
        assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
    for verb in ["master", "agent", "up", "down", "run", "get", "logs", "kill"]:
        done = subprocess.run([TEPUI, verb, "--help"], capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode == 0
        assert "EXAMPLES" in done.stdout.upper(), verb
