"""Registries that ask who is there: the agent's --docker_config, a task's own Image.Docker.config, and who must not profit from it."""
import base64
import json
import os

import pytest

from harness.cluster import Cluster, call, request
from harness.registry import Image, Layer, Registry, busybox_layer
from harness.scheduler import framework_on

USER, PASSWORD = "reader", "open-sesame-4711"
FLAGS = {"image_providers": "docker", "isolation": "cgroups/cpu,cgroups/mem,cgroups/pids,namespaces/pid,filesystem/linux,docker/runtime"}


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    assert os.geteuid() == 0, "images need root"
    with Registry(tmp_path_factory.mktemp("registry"), USER, PASSWORD) as made:
        made.push("private:v1", Image([busybox_layer(), Layer().file("which", "private")]))
        yield made


def login(registry, password=PASSWORD):
    basic = base64.b64encode(f"{USER}:{password}".encode()).decode()
    return json.dumps({"auths": {registry.host: {"auth": basic}}})


def container(registry, config=None):
    docker = {"name": registry.name("private:v1")}
    if config:
        docker["config"] = {"type": "VALUE", "value": {"data": base64.b64encode(config.encode()).decode()}}
    return {"type": "MESOS", "mesos": {"image": {"type": "DOCKER", "docker": docker}}}


def run(scheduler, task, command, **fields):
    scheduler.run(task, command, container=container(**fields))


def traces(cluster, needle):
    """Where a text is to be found that should be nowhere."""
    agent = cluster.agents[0]
    found = [f"{process.name}'s log" for process in (cluster.master, agent) if needle in process.log_text()]
    for port in (cluster.port, agent.port):
        for path in ("/state", "/flags"):
            if needle.encode() in request(port, "GET", path)[2]:
                found.append(f"{port}{path}")
    for kind in ("GET_STATE", "GET_TASKS"):
        if needle in str(call(cluster.port, {"type": kind})):
            found.append(kind)
    for path in cluster.folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.stat().st_size < 16 << 20 and needle.encode() in path.read_bytes():
            found.append(str(path))
    return found


def test_a_tasks_own_login_is_its_own(registry):
    with Cluster(agents=1, agent_flags=FLAGS) as cluster, framework_on(cluster) as scheduler:
        run(scheduler, "stranger", "true", registry=registry)
        assert "give credentials by --docker_config" in scheduler.wait_state("stranger", "TASK_FAILED")["message"]
        run(scheduler, "wrong", "true", registry=registry, config=login(registry, "guessed"))
        scheduler.wait_state("wrong", "TASK_FAILED")
        run(scheduler, "known", "grep -q private /which", registry=registry, config=login(registry))
        scheduler.wait_state("known", "TASK_FINISHED")
        # It is stored now: that does not make it everybody's.
        run(scheduler, "after", "true", registry=registry)
        scheduler.wait_state("after", "TASK_FAILED")
        basic = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        assert [traces(cluster, needle) for needle in (PASSWORD, basic)] == [[], []]


def test_the_agents_login_is_for_all_and_is_not_shown(registry, tmp_path):
    config = tmp_path / "config.json"
    config.write_text(login(registry))
    with Cluster(agents=1, agent_flags={**FLAGS, "docker_config": str(config)}) as cluster, framework_on(cluster) as scheduler:
        run(scheduler, "anybody", "grep -q private /which", registry=registry)
        scheduler.wait_state("anybody", "TASK_FINISHED")
        basic = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        assert [traces(cluster, needle) for needle in (PASSWORD, basic)] == [[], []]
