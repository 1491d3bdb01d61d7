"""Disks: quotas of sandboxes, their collection, rotation of logs, and disks that are full."""
import contextlib
import json
import os
import pathlib
import shutil
import subprocess

import pytest
from harness.cluster import TEPUI, Cluster, request
from harness.scheduler import framework_on, scalar
from harness.wait import wait_for


def disk(megabytes):
    return [scalar("cpus", 0.1), scalar("mem", 32), scalar("disk", megabytes)]


@pytest.fixture(scope="module")
def cluster():
    flags = {"isolation": "cgroups/cpu,cgroups/mem,namespaces/pid,filesystem/linux,disk/du",
             "container_disk_watch_interval": "50ms", "enforce_container_disk_quota": "true",
             "container_log_size": "64KB", "container_log_files": 3}
    with Cluster(agent_flags=flags) as running:
        yield running


@pytest.fixture
def scheduler(cluster):
    with framework_on(cluster) as framework:
        yield framework


def sandbox(agent, task):
    state = agent.state()
    for framework in state["frameworks"] + state["completed_frameworks"]:
        for executor in framework["executors"] + framework["completed_executors"]:
            if executor["id"] == task:
                return pathlib.Path(executor["directory"])
    return None


def test_a_task_that_takes_more_than_its_disk_is_ended(cluster, scheduler):
    scheduler.run("full", "dd if=/dev/zero of=big bs=1M count=5 2>/dev/null; sleep 600", resources=disk(2))
    update = scheduler.wait_state("full", "TASK_FAILED")
    assert update["reason"] == "REASON_CONTAINER_LIMITATION_DISK"
    assert "exceeds quota (2.0MB)" in update["message"]
    assert 2 <= float(update["message"].split("(")[1].split("MB")[0]) < 6
    assert [r["scalar"]["value"] for r in update["limitation"]["resources"] if r["name"] == "disk"] == [2.0]


def test_what_it_takes_is_told_and_a_volume_is_not_its_own(cluster, scheduler, tmp_path):
    volume = {"mode": "RW", "container_path": "v", "source": {"type": "HOST_PATH", "host_path": {"path": str(tmp_path)}}}
    scheduler.run("told", "dd if=/dev/zero of=own bs=1M count=3 2>/dev/null; dd if=/dev/zero of=v/theirs bs=1M count=20 2>/dev/null;"
                  " touch done; sleep 600", resources=disk(10), container={"type": "MESOS", "volumes": [volume]})
    scheduler.wait_state("told", "TASK_RUNNING")
    wait_for(lambda: (sandbox(cluster.agents[0], "told") / "done").exists(), "its files")
    assert (tmp_path / "theirs").stat().st_size == 20 << 20

    def statistics():
        for entry in json.loads(request(cluster.agents[0].port, "GET", "/monitor/statistics")[2]):
            if entry["executor_id"] == "told" and entry["statistics"].get("disk_used_bytes", 0) >= 3 << 20:
                return entry["statistics"]
        return None
    told = wait_for(statistics, "disk_used_bytes of three MB")
    assert told["disk_limit_bytes"] == 10 << 20
    assert told["disk_used_bytes"] < 4 << 20
    assert scheduler.states("told")[-1] == "TASK_RUNNING"
    scheduler.kill("told")
    scheduler.wait_state("told", "TASK_KILLED")


def lines_to_logs(count):
    return f"i=0; while [ $i -lt {count} ]; do printf '%0100d\\n' $i; printf '%0100d\\n' $i >&2; i=$((i+1)); done"


def test_logs_are_rotated_as_the_agent_says_or_the_task(cluster, scheduler):
    scheduler.run("logs", lines_to_logs(4000))  # 400 KB each.
    scheduler.wait_state("logs", "TASK_FINISHED")
    own = {"CONTAINER_LOGGER_MAX_STDOUT_SIZE": "16KB", "CONTAINER_LOGGER_LOGROTATE_STDOUT_OPTIONS": "rotate 4"}
    variables = [{"name": name, "value": value} for name, value in own.items()]
    scheduler.run("own", {"value": lines_to_logs(4000), "environment": {"variables": variables}})
    scheduler.wait_state("own", "TASK_FINISHED")

    def sizes(task, stream):
        return {f.name: f.stat().st_size for f in sandbox(cluster.agents[0], task).glob(stream + "*")}
    for task, stream, files, limit in (("logs", "stdout", 3, 64), ("logs", "stderr", 3, 64), ("own", "stdout", 5, 16),
                                       ("own", "stderr", 3, 64)):
        found = sizes(task, stream)
        assert len(found) == files, (task, found)
        assert max(found.values()) <= limit << 10, (task, found)
    last = (sandbox(cluster.agents[0], "own") / "stdout").read_text().split()[-1]
    assert int(last) == 3999
    scheduler.run("wrong", {"value": "true", "environment": {"variables": [
        {"name": "CONTAINER_LOGGER_MAX_STDOUT_SIZE", "value": "much"}]}})
    assert "CONTAINER_LOGGER_MAX_STDOUT_SIZE" in scheduler.wait_state("wrong", "TASK_FAILED")["message"]


def test_following_a_log_loses_nothing_when_it_is_rotated(cluster, scheduler):
    # Slow enough for a reader that looks five times a second: less than a file's length between two looks.
    paced = "i=0; while [ $i -lt 1500 ]; do printf '%0100d\\n' $i; i=$((i+1)); [ $((i%20)) -ne 0 ] || sleep 0.02; done"
    scheduler.run("followed", f"until test -e go; do sleep 0.05; done; {paced}; sleep 600")
    scheduler.wait_state("followed", "TASK_RUNNING")
    environment = {**os.environ, "TEPUI_MASTER": cluster.address}
    with subprocess.Popen([TEPUI, "logs", "-f", "followed"], stdout=subprocess.PIPE, env=environment, text=True) as child:
        (sandbox(cluster.agents[0], "followed") / "go").touch()
        seen = []
        for line in child.stdout:
            seen.append(int(line))
            if seen[-1] == 1499:
                break
        child.kill()
    assert seen == list(range(1500))
    assert (sandbox(cluster.agents[0], "followed") / "stdout.1").exists(), "it was rotated"
    scheduler.kill("followed")
    scheduler.wait_state("followed", "TASK_KILLED")


@contextlib.contextmanager
def small_disk(megabytes):
    """A file system of its own."""
    path = pathlib.Path(f"/tmp/tepui-small-disk-{os.getpid()}")
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "tepui-test", path], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", path], check=True)
        path.rmdir()


@contextlib.contextmanager
def cluster_on(path, **flags):
    """An agent whose work directory is there."""
    running = Cluster(agents=0)
    try:
        (path / "work").mkdir()
        agent = running.add_agent(**flags)
        agent.end()
        shutil.rmtree(agent.work_dir)
        agent.work_dir.symlink_to(path / "work")
        agent.start()
        running.wait_agents(1)
        yield running, agent
    except BaseException:
        running.dump_logs()
        raise
    finally:
        running.close()


def metric(agent, name):
    return json.loads(request(agent.port, "GET", "/metrics/snapshot")[2])[name]


def test_old_sandboxes_go_when_the_disk_fills_and_not_before():
    with small_disk(64) as path, cluster_on(path, gc_delay="1hrs", disk_watch_interval="50ms") as (running, agent):
        with framework_on(running) as scheduler:
            scheduler.run("old", "dd if=/dev/zero of=big bs=1M count=20 2>/dev/null")
            scheduler.wait_state("old", "TASK_FINISHED")
            old = sandbox(agent, "old")
            wait_for(lambda: metric(agent, "slave/executor_directory_max_allowed_age_secs") < 3000, "a look at the disk")
            assert old.exists() and metric(agent, "gc/path_removals_pending") == 1
            (path / "filler").write_bytes(b"x" * (40 << 20))
            wait_for(lambda: not old.exists(), "removal of the old sandbox")
            wait_for(lambda: metric(agent, "gc/path_removals_succeeded") == 1, "the removal to be counted")
            assert metric(agent, "gc/path_removals_pending") == 0
            (path / "filler").unlink()


def test_a_full_disk_fails_tasks_and_not_the_agent():
    with small_disk(48) as path, cluster_on(path, disk_watch_interval="1hrs") as (running, agent):
        with framework_on(running) as scheduler:
            scheduler.run("before", "sleep 600")
            scheduler.wait_state("before", "TASK_RUNNING")
            # In its own sandbox: only that task notices.
            scheduler.run("hungry", "dd if=/dev/zero of=big bs=1M; test -s big && exit 7")
            assert "7" in scheduler.wait_state("hungry", "TASK_FAILED")["message"]
            # Not a byte is left: neither sandboxes nor checkpoints can be made.
            with open(path / "filler", "ab", buffering=0) as filler:
                with contextlib.suppress(OSError):
                    while True:
                        filler.write(b"x" * 4096)
            scheduler.run("none", "sleep 600")

            def over():
                states = scheduler.states("none")
                return states and states[-1] in ("TASK_FAILED", "TASK_ERROR", "TASK_LOST", "TASK_DROPPED")
            failed = wait_for(lambda: over() or not agent.alive(), "the launch on a full disk to fail")
            assert failed and agent.alive(), agent.log_text()[-2000:]
            assert scheduler.states("before")[-1] == "TASK_RUNNING"
            (path / "filler").unlink()
            (sandbox(agent, "hungry") / "big").unlink()
            scheduler.run("after", "true")
            scheduler.wait_state("after", "TASK_FINISHED")
