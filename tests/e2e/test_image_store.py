"""The agent's image store: what is pulled, seen, kept, pruned, and what faults of registries and of the agent leave behind."""
import json
import os
import pathlib

import pytest

from harness.cluster import Cluster, call, request
from harness.registry import Image, Layer, Registry, busybox_layer
from harness.scheduler import Scheduler
from harness.wait import wait_for

ISOLATION = "cgroups/cpu,cgroups/mem,cgroups/pids,namespaces/pid,filesystem/linux,docker/runtime"
FLAGS = {"image_providers": "docker", "isolation": ISOLATION}
PULL_MS = "containerizer/mesos/provisioner/docker_store/image_pull_ms"


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    with Registry(tmp_path_factory.mktemp("registry")) as made:
        made.push("app:v1", Image([busybox_layer(), Layer().file("which", "one")]))
        made.push("other:v1", Image([busybox_layer(), Layer().file("which", "two")]))
        yield made


@pytest.fixture
def cluster():
    assert os.geteuid() == 0, "images need root"
    with Cluster(agents=1, agent_flags=FLAGS) as made:
        yield made


@pytest.fixture
def scheduler(cluster):
    made = Scheduler(cluster.port)
    yield made
    made.close()


def container(name, cached=True, **more):
    return {"type": "MESOS", "mesos": {"image": {"type": "DOCKER", "docker": {"name": name, **more}, "cached": cached}}}


def images(agent):
    answer = json.loads(request(agent.port, "GET", "/images")[2])
    return {image["name"]: image for image in answer["images"]}


def entries(agent, folder):
    return sorted(os.listdir(pathlib.Path(agent.work_dir) / "store/docker" / folder))


def test_images_are_kept_while_used_and_pruned_when_not(cluster, scheduler, registry):
    agent = cluster.agents[0]
    app, other = registry.name("app:v1"), registry.name("other:v1")
    scheduler.run("stays", "cat /which; sleep 1000", container=container(app))
    scheduler.run("ends", "cat /which", container=container(other))
    scheduler.wait_state("stays", "TASK_RUNNING")
    scheduler.wait_state("ends", "TASK_FINISHED")
    stored = images(agent)
    assert set(stored) == {app, other}
    assert all(image["state"] == "STORED" and image["layers"] == 2 for image in stored.values())
    assert len(stored[app]["used_by"]) == 1
    assert len(entries(agent, "layers")) == 3  # They share the lowest.
    assert json.loads(request(agent.port, "GET", "/metrics/snapshot")[2])[PULL_MS + "/count"] == 2

    # A restart forgets neither the images nor who uses them.
    agent.kill9()
    agent.start()
    cluster.wait_agents(1)
    wait_for(lambda: request(agent.port, "GET", "/state")[0] == 200, "the agent's recovery")
    excluded = [{"type": "DOCKER", "docker": {"name": other}}]
    call(agent.port, {"type": "PRUNE_IMAGES", "prune_images": {"excluded_images": excluded}})
    assert set(images(agent)) == {app, other}
    wait_for(lambda: not images(agent)[other]["used_by"], "the ended container to let go")
    call(agent.port, {"type": "PRUNE_IMAGES", "prune_images": {}})
    assert set(images(agent)) == {app}
    assert len(entries(agent, "layers")) == 2

    scheduler.kill("stays")
    scheduler.wait_state("stays", "TASK_KILLED")

    def gone():
        call(agent.port, {"type": "PRUNE_IMAGES"})
        return not images(agent)
    wait_for(gone, "the last image to be removed")
    assert entries(agent, "layers") == entries(agent, "tmp") == []


def test_a_pull_that_fails_says_why_and_leaves_nothing(cluster, scheduler, registry):
    agent = cluster.agents[0]
    outside = cluster.folder / "outside"
    outside.mkdir()
    hostile = {
        "dots": (Layer().file("../../../../../outside/x", "1"), "leads out"),
        "absolute": (Layer().file(f"{outside}/x", "1"), "absolute"),
        "hardlink": (Layer().hardlink("h", "/etc/passwd"), "no file of this layer"),
    }
    for name, (layer, _) in hostile.items():
        registry.push(f"{name}:v1", Image([layer]))
    wanted = {name: (registry.name(f"{name}:v1"), text) for name, (_, text) in hostile.items()}
    wanted["missing"] = (registry.name("missing:v1"), "the registry has no")
    wanted["nowhere"] = ("127.0.0.1:1/x", "cannot pull image")
    wanted["unnamed"] = ("Not A Name", "is not the name of an image")
    for task, (name, text) in wanted.items():
        scheduler.run(task, "true", container=container(name))
        update = scheduler.wait_state(task, "TASK_FAILED", seconds=60)
        assert text in update["message"], update
    assert os.listdir(outside) == []
    assert entries(agent, "tmp") == entries(agent, "layers") == []
    assert images(agent) == {}


def test_a_pull_is_seen_and_survives_the_agents_death(cluster, scheduler, registry, tmp_path):
    """The registry stands still in the middle of a pull; the agent dies; its next start sweeps what was half done."""
    agent = cluster.agents[0]
    registry.push("big:v1", Image([busybox_layer(), Layer().file("data", os.urandom(8 << 20))], compress=None))
    name = registry.name("big:v1")
    os.kill(registry.process.pid, 19)  # SIGSTOP
    try:
        scheduler.run("t", "true", container=container(name))
        wait_for(lambda: images(agent).get(name, {}).get("state") == "PULLING", "the pull to be seen")
        agent.kill9()
    finally:
        os.kill(registry.process.pid, 18)  # SIGCONT
    agent.start()
    cluster.wait_agents(1)
    scheduler.wait_state("t", "TASK_FAILED")
    assert entries(agent, "tmp") == []
    scheduler.run("again", "test $(wc -c </data) = 8388608", container=container(name))
    scheduler.wait_state("again", "TASK_FINISHED", seconds=60)
    assert images(agent)[name]["state"] == "STORED"


def test_pulling_ahead_from_the_command_line(cluster, scheduler, registry):
    agent = cluster.agents[0]
    app, other = registry.name("app:v1"), registry.name("other:v1")
    done = cluster.tepui("images")
    assert done.returncode == 0 and "there are no images" in done.stderr, done
    done = cluster.tepui("images", "pull", app, other)
    assert done.returncode == 0, done
    assert sorted(line.split(": ")[1] for line in done.stdout.splitlines()) == [app, other]
    assert images(agent)[app]["state"] == "STORED"
    listed = {image["name"]: image for image in json.loads(cluster.tepui("images", "-o", "json").stdout)}
    assert set(listed) == {app, other}
    for image in listed.values():
        assert (image["layers"], image["layers_shared"], image["used_by"], image["hostname"]) == (2, 1, [], "127.0.0.1")
    # A task needs no registry any more, and counts as a use.
    scheduler.run("uses", "cat /which; sleep 1000", container=container(app))
    scheduler.wait_state("uses", "TASK_RUNNING")
    row = next(line for line in cluster.tepui("images", "--agent", "127.0.0.1").stdout.splitlines() if app in line)
    assert row.split()[-1] == "now" and "STORED" in row
    assert images(agent)[app]["used_at"] > images(agent)[other]["used_at"]
    missing = cluster.tepui("images", "pull", "--agent", "127.0.0.1", registry.name("nobody:v1"))
    assert missing.returncode == 1 and "nobody:v1" in missing.stderr, missing
    assert images(agent)[registry.name("nobody:v1")]["state"] == "FAILED"
    assert cluster.tepui("images", "pull", "No Name").returncode != 0
    assert cluster.tepui("images", "--agent", "no-such-host").returncode == 3
    scheduler.kill("uses")
    scheduler.wait_state("uses", "TASK_KILLED")
