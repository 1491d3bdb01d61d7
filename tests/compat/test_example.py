"""mesos-go's `example-scheduler` with `example-executor`, as their authors published them, on a real cluster."""
import os
import pathlib
import subprocess

import pytest
from harness.cluster import free_port

BUILD = pathlib.Path(__file__).resolve().parents[2] / "build" / "compat"


@pytest.mark.parametrize("codec", ["json", "protobuf"])
def test_twenty_tasks_on_a_custom_executor(shared_cluster, codec):
    name = f"example-{codec}"
    arguments = ["-url", f"http://{shared_cluster.address}/api/v1/scheduler", "-codec", codec, "-name", name,
                 "-executor", BUILD / "example-executor", "-exec.image", "", "-server.address", "127.0.0.1",
                 "-server.port", str(free_port()), "-tasks", "20", "-cpu", "0.1", "-memory", "16", "-exec.cpu", "0.1",
                 "-exec.memory", "32", "-metrics.port", str(free_port()), "-failoverTimeout", "0s", "-verbose"]
    done = subprocess.run([BUILD / "example-scheduler", *arguments], capture_output=True, text=True, timeout=100,
                          env={**os.environ, "EXEC_IMAGE": ""}, check=False)
    said = done.stdout + done.stderr
    # It ends with status 1 also when all went well.
    assert "mission accomplished" in said, said[-4000:]
    assert said.count("TASK_FINISHED") >= 20, said[-4000:]
    for state in ("TASK_FAILED", "TASK_LOST", "TASK_ERROR", "TASK_DROPPED"):
        assert state not in said, said[-4000:]
