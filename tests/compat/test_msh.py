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
