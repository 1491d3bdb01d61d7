"""mesos-go's `msh`, as its authors published it, runs commands on a real cluster."""
import pathlib
import subprocess

import pytest

MSH = pathlib.Path(__file__).resolve().parents[2] / "build" / "compat" / "msh"


def msh(cluster, *arguments, timeout=60):
    return subprocess.run([MSH, "-master", cluster.address, *arguments], capture_output=True, text=True, timeout=timeout,
                          check=False)


def test_runs_a_command_to_its_end(shared_cluster):
    marker = shared_cluster.folder / "msh-was-here"
    done = msh(shared_cluster, "-cpus", "0.1", "-memory", "32", "--", "touch", str(marker))
    assert done.returncode == 0, done.stdout + done.stderr
    assert marker.exists()
    completed = shared_cluster.tasks()["completed_tasks"]
    assert [t["state"] for t in completed if t["name"] == "msh"] == ["TASK_FINISHED"]


def test_tells_a_failure(shared_cluster):
    done = msh(shared_cluster, "-cpus", "0.1", "-memory", "32", "--", "false")
    assert done.returncode != 0
    assert "TASK_FAILED" in done.stdout + done.stderr


@pytest.mark.parametrize("run", range(3))
def test_several_at_once(shared_cluster, run):
    children = [subprocess.Popen([MSH, "-master", shared_cluster.address, "-cpus", "0.1", "-memory", "32", "--", "sh", "-c",
                                  f"exit {0 if i % 2 == 0 else 3}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                for i in range(4)]
    statuses = [child.wait(60) for child in children]
    assert [status == 0 for status in statuses] == [True, False, True, False], (run, statuses)


def test_runs_a_pod_to_its_end(shared_cluster):
    marker = shared_cluster.folder / "msh-pod-was-here"
    done = msh(shared_cluster, "-pod", "-task_name", "msh-pod", "-cpus", "0.1", "-memory", "32", "--", "touch", str(marker))
    assert done.returncode == 0, done.stdout + done.stderr
    assert marker.exists()
    task = next(t for t in shared_cluster.tasks()["completed_tasks"] if t["name"] == "msh-pod")
    assert task["state"] == "TASK_FINISHED"
    # A pod: its executor is not named as the task, and its container is nested.
    assert task["executor_id"]["value"] != task["task_id"]["value"]
    assert task["statuses"][-1]["container_status"]["container_id"]["parent"]["value"]


def test_tells_the_failure_of_a_pod(shared_cluster):
    done = msh(shared_cluster, "-pod", "-cpus", "0.1", "-memory", "32", "--", "sh", "-c", "exit 3")
    assert done.returncode != 0
    assert "TASK_FAILED" in done.stdout + done.stderr
