"""What an agent leaves on its machine: all of it when it will come back, nothing when it ends for good."""
import os
import pathlib
import signal
import subprocess

import pytest

from harness.cluster import TEPUI, Cluster
from harness.registry import Image, Registry, busybox_layer
from harness.scheduler import Scheduler

HIERARCHIES = pathlib.Path("/sys/fs/cgroup")
PLAIN = "cgroups/cpu,cgroups/mem,cgroups/pids,namespaces/pid,filesystem/linux"


def found(root):
    """Cgroups called `root` in any hierarchy of this machine."""
    tops = [HIERARCHIES, *(path for path in HIERARCHIES.iterdir() if path.is_dir() and not path.is_symlink())]
    return {str(top / root) for top in tops if (top / root).is_dir()}


@pytest.fixture
def outer():
    """The name of a cgroup that agents are in, and of nothing else on this machine."""
    name = f"tepui-leaving-{os.getpid()}"
    yield name
    for path in found(name):
        for below in sorted(pathlib.Path(path).glob("**/"), reverse=True):
            below.rmdir()


def run(cluster, name, **fields):
    scheduler = Scheduler(cluster.port)
    scheduler.run(name, "sleep 1000", **fields)
    scheduler.wait_state(name, "TASK_RUNNING")
    return scheduler


def test_an_agent_that_leaves_leaves_no_cgroup(outer):
    with Cluster(agents=0, agent_flags={"isolation": PLAIN}) as cluster:
        first, second = (cluster.add_agent(cgroups_root=f"{outer}/{name}") for name in ("first", "second"))
        cluster.wait_agents(2)
        scheduler = run(cluster, "t")
        made = found(f"{outer}/first")
        assert len(made) >= 1
        for way in (lambda: first.end(signal.SIGTERM), first.kill9):
            way()
            assert found(f"{outer}/first") == made, "it will come back"
            first.start()
        cluster.wait_agents(2)
        scheduler.teardown()
        scheduler.close()
        assert first.end(signal.SIGUSR1) == 0
        assert found(f"{outer}/first") == set()
        assert found(outer), "the other agent is in it"
        assert second.end(signal.SIGUSR1) == 0
        assert found(outer) == set()


def test_what_others_made_stays(outer):
    theirs = [top / outer for top in HIERARCHIES.iterdir() if (top / "cgroup.procs").exists()] or [HIERARCHIES / outer]
    for path in theirs:
        path.mkdir()
    with Cluster(agents=1, agent_flags={"isolation": PLAIN, "cgroups_root": outer}) as cluster:
        run(cluster, "t").close()
        assert cluster.agents[0].end(signal.SIGUSR1) == 0
    assert found(outer) == {str(path) for path in theirs}


def test_an_agent_with_images_leaves_none_in_any_hierarchy(outer, tmp_path):
    flags = {"image_providers": "docker", "isolation": PLAIN + ",docker/runtime", "cgroups_root": f"{outer}/images"}
    with Registry(tmp_path) as registry, Cluster(agent_flags=flags) as cluster:
        registry.push("app:v1", Image([busybox_layer()]))
        image = {"type": "DOCKER", "docker": {"name": registry.name("app:v1")}}
        run(cluster, "t", container={"type": "MESOS", "mesos": {"image": image}}).close()
        assert cluster.agents[0].end(signal.SIGUSR1) == 0
        assert found(outer) == set()


def test_an_agent_that_cannot_start_leaves_no_cgroup(outer, tmp_path):
    flags = {"image_providers": "docker", "isolation": PLAIN + ",docker/runtime", "cgroups_root": f"{outer}/never", "work_dir": tmp_path,
             "userns_remap": "100000:10", "master": "127.0.0.1:1", "ip": "127.0.0.1", "port": 0}
    done = subprocess.run([TEPUI, "agent", *(f"--{name}={value}" for name, value in flags.items())],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0 and "images need 65536" in done.stderr + done.stdout, done
    assert found(outer) == set()
