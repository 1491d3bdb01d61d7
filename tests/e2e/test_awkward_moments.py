"""Agents and Docker Engines that are killed while containers with images come and go: each task is told once what became of it, and
nothing is left."""
import os
import pathlib
import signal as signals
import tempfile

import pytest

from harness.cluster import Cluster
from harness.dockerd import IMAGE, Dockerd
from harness.registry import Image, Layer, Registry, busybox_layer
from harness.scheduler import TERMINAL, framework_on
from harness.wait import wait_for

ISOLATION = "cgroups/cpu,cgroups/mem,cgroups/pids,namespaces/pid,filesystem/linux,docker/runtime"
STAY = "trap 'exit 0' TERM; while :; do sleep 0.1; done"


def registered(cluster):
    wait_for(lambda: len(cluster.active_agents()) == 1, "the agent to be back", 60)


def restart(cluster):
    cluster.agents[0].kill9()
    cluster.agents[0].start()
    registered(cluster)


def each_ends_once(scheduler, tasks):
    """Kills what runs on; every task then has one terminal state, and says no more after it."""
    def settled(task):
        states = scheduler.states(task)
        return states and states[-1] in {"TASK_RUNNING", *TERMINAL}
    wait_for(lambda: all(settled(task) for task in tasks), f"news of all: {[scheduler.states(t)[-1:] for t in tasks]}", 60)
    for task in tasks:
        if scheduler.states(task)[-1] not in TERMINAL:
            scheduler.kill(task)
    wait_for(lambda: all(set(scheduler.states(task)) & TERMINAL for task in tasks), "the end of all", 60)
    with scheduler._lock:
        # The master's own have no uuid; one that answers a kill which came too late tells no news.
        updates = {u.get("uuid", id(u)): u for u in scheduler.updates if u.get("reason") != "REASON_RECONCILIATION"}.values()
    for task in tasks:
        mine = [u["state"] for u in updates if u["task_id"]["value"] == task]
        assert sum(state in TERMINAL for state in mine) == 1 and mine[-1] in TERMINAL, (task, mine)


def seen(scheduler, state, count):
    """Whether so many tasks were said to be in a state."""
    with scheduler._lock:
        return len({u["task_id"]["value"] for u in scheduler.updates if u["state"] == state}) >= count


@pytest.fixture(scope="module")
def images():
    """An agent and the name of an image that it can have."""
    assert os.geteuid() == 0, "images need root"
    with tempfile.TemporaryDirectory() as folder, Registry(pathlib.Path(folder) / "registry") as registry, \
            Cluster(agents=1, agent_flags={"isolation": ISOLATION, "image_providers": "docker"}) as cluster:
        registry.push("app:v1", Image([busybox_layer(), Layer().file("srv", "x")]))
        yield cluster, registry.name("app:v1")


def left_of_images(agent):
    """Mounts, root filesystems and cgroups of the agent's containers."""
    work_dir = str(agent.work_dir)
    found = [line for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines() if work_dir in line]
    found += os.listdir(agent.work_dir / "provisioner")
    group = agent.state()["flags"]["cgroups_root"]
    return found + [str(path) for top in pathlib.Path("/sys/fs/cgroup").iterdir() for path in (top / group).glob("*/") if path.is_dir()]


def launch(scheduler, names, **fields):
    offer = scheduler.wait_offer(len(names) * 0.1)
    scheduler.accept(offer, [scheduler.task(offer, name, STAY if "stay" in name else "true", mem=32, **fields) for name in names])


@pytest.mark.parametrize("moment, when", [
    ("accepted", lambda scheduler: True),
    ("first", lambda scheduler: seen(scheduler, "TASK_STARTING", 1)),
    ("half", lambda scheduler: seen(scheduler, "TASK_RUNNING", 4)),
    ("ends", lambda scheduler: seen(scheduler, "TASK_FINISHED", 1)),
])
def test_an_agent_killed_while_images_become_containers(images, moment, when):
    cluster, name = images
    with framework_on(cluster) as scheduler:
        container = {"type": "MESOS", "mesos": {"image": {"type": "DOCKER", "docker": {"name": name}}}}
        names = [f"{moment}-{kind}-{number}" for number in range(4) for kind in ("stay", "ends")]
        launch(scheduler, names, container=container)
        wait_for(lambda: when(scheduler), f"the moment to kill: {moment}")
        restart(cluster)
        each_ends_once(scheduler, names)
        wait_for(lambda: not left_of_images(cluster.agents[0]), "nothing left of the containers")


def test_an_agent_killed_while_containers_with_images_are_ended(images):
    cluster, name = images
    with framework_on(cluster) as scheduler:
        container = {"type": "MESOS", "mesos": {"image": {"type": "DOCKER", "docker": {"name": name}}}}
        names = [f"killed-stay-{number}" for number in range(6)]
        launch(scheduler, names, container=container)
        wait_for(lambda: seen(scheduler, "TASK_RUNNING", 6), "all of them running")
        for task in names:
            scheduler.kill(task)
        wait_for(lambda: seen(scheduler, "TASK_KILLED", 1), "the first to end")
        restart(cluster)
        each_ends_once(scheduler, names)
        wait_for(lambda: not left_of_images(cluster.agents[0]), "nothing left of the containers")


@pytest.fixture(scope="module")
def engine():
    with Dockerd() as dockerd:
        flags = {"containerizers": "mesos,docker", "docker_socket": dockerd.socket, "docker_remove_delay": "0secs"}
        with Cluster(agents=1, agent_flags=flags) as cluster:
            yield dockerd, cluster


DOCKER = {"container": {"type": "DOCKER", "docker": {"image": IMAGE}}}


def nothing_left(dockerd):
    wait_for(lambda: not dockerd.containers(), "no container to be left in the Engine", 40)


@pytest.mark.parametrize("victim", ["engine", "agent", "both"])
def test_a_kill_while_the_engine_makes_containers(engine, victim):
    dockerd, cluster = engine
    with framework_on(cluster) as scheduler:
        names = [f"{victim}-{kind}-{number}" for number in range(3) for kind in ("stay", "ends")]
        launch(scheduler, names, **DOCKER)
        wait_for(lambda: seen(scheduler, "TASK_RUNNING", 1), "the first of them running")
        if victim != "agent":
            dockerd.kill9()
        if victim != "engine":
            cluster.agents[0].kill9()
        if victim != "agent":
            dockerd.start()
        if victim != "engine":
            cluster.agents[0].start()
            registered(cluster)
        each_ends_once(scheduler, names)
        nothing_left(dockerd)


def test_an_engine_killed_while_it_stops_a_container(engine):
    dockerd, cluster = engine
    with framework_on(cluster) as scheduler:
        launch(scheduler, ["slow-stay"], **DOCKER)
        scheduler.wait_state("slow-stay", "TASK_RUNNING")
        dockerd.signal(signals.SIGSTOP)  # The kill comes to an Engine that does not answer any more ...
        scheduler.kill("slow-stay", kill_policy={"grace_period": {"nanoseconds": 0}})
        scheduler.wait_state("slow-stay", "TASK_KILLING")
        dockerd.kill9()                  # ... and never will.
        dockerd.start()
        scheduler.wait_state("slow-stay", "TASK_KILLED", seconds=60)
        each_ends_once(scheduler, ["slow-stay"])
        nothing_left(dockerd)
