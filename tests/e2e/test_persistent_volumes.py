"""Persistent volumes on real processes: data outlive tasks, frameworks, agents and masters, and end with the volume alone."""
import contextlib
import json
import os
import pathlib
import subprocess
import sys

import pytest

from harness.cluster import Cluster, call, request
from harness.scheduler import Scheduler, scalar
from harness.wait import wait_for

MODERN = ("MULTI_ROLE", "RESERVATION_REFINEMENT", "PARTITION_AWARE", "SHARED_RESOURCES")
EXECUTOR = pathlib.Path(__file__).resolve().parents[1] / "harness" / "executor_program.py"


def reserved(resource, role="db"):
    return {**resource, "reservations": [{"type": "DYNAMIC", "role": role}]}


def volume(mb=64, name="v1", source=None, shared=False, mode="RW", path="data"):
    disk = {"persistence": {"id": name}, "volume": {"container_path": path, "mode": mode}}
    if source:
        disk["source"] = source
    made = {**reserved(scalar("disk", mb)), "disk": disk}
    return {**made, "shared": {}} if shared else made


def plain_disk(mb, source=None):
    made = reserved(scalar("disk", mb))
    return {**made, "disk": {"source": source}} if source else made


def create(made):
    return {"type": "CREATE", "create": {"volumes": [made]}}


def reserve(made):
    return {"type": "RESERVE", "reserve": {"resources": [made]}}


def destroy(made):
    return {"type": "DESTROY", "destroy": {"volumes": [made]}}


def accept(framework, offer, *operations):
    framework.offers.pop(offer["id"]["value"], None)
    framework.call("ACCEPT", {"offer_ids": [offer["id"]], "filters": {"refuse_seconds": 0}, "operations": list(operations)})


def offer_with(framework, name="v1", cpus=0.1):
    def find():
        for offer in list(framework.offers.values()):
            has = any(r.get("disk", {}).get("persistence", {}).get("id") == name for r in offer["resources"])
            if has and sum(r["scalar"]["value"] for r in offer["resources"] if r["name"] == "cpus") >= cpus:
                return offer
        return None
    return wait_for(find, f"an offer with volume {name}")


def launch(framework, offer, task_id, command, made=None, before=(), **fields):
    task = framework.task(offer, task_id, command, **fields)
    if made:
        task["resources"].append(made)
    if "executor" in fields:
        del task["command"]
    accept(framework, offer, *before, {"type": "LAUNCH", "launch": {"task_infos": [task]}})


def run_with(framework, task_id, command, made, **fields):
    offer = offer_with(framework, made["disk"]["persistence"]["id"])
    launch(framework, offer, task_id, command, made, **fields)
    return framework.wait_state(task_id, "TASK_FINISHED")


def settled(cluster):
    wait_for(lambda: not call(cluster.port, {"type": "GET_OPERATIONS"})["get_operations"].get("operations"),
             "the agent's word of all operations")


@pytest.fixture(params=["filesystem/linux", "filesystem/posix"])
def cluster(request):
    with Cluster(agent_flags={"isolation": f"{request.param},cgroups/cpu,cgroups/mem"}) as running:
        yield running


@pytest.fixture
def one():
    with Cluster() as running:
        yield running


def test_data_outlive_all_but_the_volume(cluster):
    framework = Scheduler(cluster.port, roles=["db"], capabilities=MODERN)
    agent = cluster.agents[0]
    launch(framework, framework.wait_offer(1), "writer", "echo kept > data/file", volume(),
           [reserve(plain_disk(64)), create(volume())])
    framework.wait_state("writer", "TASK_FINISHED")
    place = agent.work_dir / "volumes" / "roles" / "db" / "v1"
    assert (place / "file").read_text() == "kept\n"
    agent.kill9()
    cluster.master.kill9()
    cluster.master.start()
    agent.start()
    cluster.wait_healthy()
    cluster.wait_agents(1)
    second = Scheduler(cluster.port, name="second", roles=["db"], capabilities=MODERN)
    run_with(second, "reader", "test $(cat data/file) = kept && echo more >> data/file", volume())
    assert agent.state()["reserved_resources_full"]["db"][0]["disk"]["persistence"]["id"] == "v1"
    settled(cluster)
    accept(second, offer_with(second), destroy(volume()))
    wait_for(lambda: not place.exists(), "the end of the data")
    settled(cluster)
    # The next one of that name begins empty.
    offer = wait_for(lambda: next((o for o in list(second.offers.values()) if any(
        r["name"] == "disk" and r.get("reservations") and "disk" not in r for r in o["resources"])), None), "the disk")
    launch(second, offer, "anew", "test -z \"$(ls -A data)\"", volume(), [create(volume())])
    second.wait_state("anew", "TASK_FINISHED")


def test_a_running_task_keeps_its_volume_over_a_crash_of_the_agent(one):
    framework = Scheduler(one.port, roles=["db"], capabilities=MODERN)
    launch(framework, framework.wait_offer(1), "t", "while ! test -e data/go; do sleep 0.1; done; echo on > data/seen", volume(),
           [reserve(plain_disk(64)), create(volume())])
    framework.wait_state("t", "TASK_RUNNING")
    agent = one.agents[0]
    agent.kill9()
    agent.start()
    one.wait_agents(1)
    place = agent.work_dir / "volumes" / "roles" / "db" / "v1"
    (place / "go").touch()
    framework.wait_state("t", "TASK_FINISHED")
    assert (place / "seen").read_text() == "on\n"


def test_users_own_what_they_use_and_read_only_is_kept(one):
    framework = Scheduler(one.port, roles=["db"], capabilities=MODERN)
    launch(framework, framework.wait_offer(1), "writer", {"value": "echo mine > data/file", "user": "nobody"}, volume(),
           [reserve(plain_disk(64)), create(volume())])
    framework.wait_state("writer", "TASK_FINISHED")
    run_with(framework, "reader", {"value": "cat other/file && ! touch other/x", "user": "nobody"},
             volume(mode="RO", path="other"))
    escape = volume(path="../../../../../../escape")
    launch(framework, offer_with(framework), "escape", "true", escape)
    update = wait_for(lambda: next((u for u in framework.updates if u["task_id"]["value"] == "escape"
                                    and u["state"] in ("TASK_FAILED", "TASK_ERROR")), None), "its refusal")
    assert ".." in update["message"]


@contextlib.contextmanager
def tmpfs(path):
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m,mode=0755", "tepui-test", path], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", path], check=True)


@pytest.mark.parametrize("kind", ["MOUNT", "PATH"])
def test_disks_of_their_own(tmp_path, kind):
    os.chmod(tmp_path, 0o755)
    root = tmp_path / "disk"
    source = {"type": kind, kind.lower(): {"root": str(root)}}
    resources = [scalar("cpus", 4), scalar("mem", 2048), scalar("disk", 100), {**scalar("disk", 32), "disk": {"source": source}}]
    with tmpfs(root), Cluster(agent_flags={"resources": json.dumps(resources)}) as cluster:
        framework = Scheduler(cluster.port, roles=["db"], capabilities=MODERN)
        made = volume(32, source=source)
        launch(framework, framework.wait_offer(1), "writer", "echo kept > data/file", made,
               [reserve(plain_disk(32, source)), create(made)])
        framework.wait_state("writer", "TASK_FINISHED")
        place = root if kind == "MOUNT" else root / "volumes" / "roles" / "db" / "v1"
        assert (place / "file").read_text() == "kept\n"
        run_with(framework, "reader", "test $(cat data/file) = kept", made)
        accept(framework, offer_with(framework), destroy(made))
        wait_for(lambda: not (place / "file").exists(), "the end of the data")
        assert root.is_dir()
        settled(cluster)


def test_a_shared_volume_is_seen_by_two_tasks_at_once(one):
    framework = Scheduler(one.port, roles=["db"], capabilities=MODERN)
    made = volume(shared=True)
    launch(framework, framework.wait_offer(1), "first", "echo hello > data/one; while ! test -e data/two; do sleep 0.1; done",
           made, [reserve(plain_disk(64)), create(made)])
    framework.wait_state("first", "TASK_RUNNING")
    run_with(framework, "second", "while ! test -e data/one; do sleep 0.1; done; touch data/two", made)
    framework.wait_state("first", "TASK_FINISHED")


def test_what_is_too_large_ends_its_task():
    flags = {"isolation": "filesystem/linux,disk/du", "enforce_container_disk_quota": "true",
             "container_disk_watch_interval": "1secs"}
    with Cluster(agent_flags=flags) as cluster:
        framework = Scheduler(cluster.port, roles=["db"], capabilities=MODERN)
        launch(framework, framework.wait_offer(1), "greedy",
               "dd if=/dev/zero of=data/large bs=1M count=6 && exec sleep 1000", volume(4),
               [reserve(plain_disk(4)), create(volume(4))])
        update = framework.wait_state("greedy", "TASK_FAILED")
        assert update["reason"] == "REASON_CONTAINER_LIMITATION_DISK" and "'v1'" in update["message"]


def test_volumes_come_and_go_in_a_running_executor(cluster):
    framework = Scheduler(cluster.port, roles=["db"], capabilities=MODERN)
    executor = {"type": "CUSTOM", "executor_id": {"value": "e"}, "framework_id": {"value": framework.id},
                "command": {"value": f"exec {sys.executable} {EXECUTOR}"}, "resources": [scalar("cpus", 0.1), scalar("mem", 64)]}
    offer = framework.wait_offer(1)
    launch(framework, offer, "plain", "", None, [reserve(plain_disk(64)), create(volume())], executor=executor)
    framework.wait_state("plain", "TASK_RUNNING")
    agent = cluster.agents[0]
    place = agent.work_dir / "volumes" / "roles" / "db" / "v1"
    (place / "file").write_text("kept\n")
    offer = offer_with(framework)
    launch(framework, offer, "t", "", volume(), executor=executor)
    framework.wait_state("t", "TASK_RUNNING")
    run = agent.state()["frameworks"][0]["executors"][0]["directory"]
    container = call(agent.port, {"type": "GET_CONTAINERS"})["get_containers"]["containers"][0]
    pid = container["container_status"]["executor_pid"]
    seen = pathlib.Path(f"/proc/{pid}/root{run}/data/file")
    assert seen.read_text() == "kept\n"
    framework.kill("t")
    framework.wait_state("t", "TASK_KILLED")
    wait_for(lambda: not seen.exists(), "the volume's end in the executor")
    assert (place / "file").exists()


def test_a_pod_shares_its_executors_volume(one):
    framework = Scheduler(one.port, roles=["db"], capabilities=MODERN)
    executor = {"type": "DEFAULT", "executor_id": {"value": "pod"}, "framework_id": {"value": framework.id},
                "resources": [scalar("cpus", 0.1), scalar("mem", 32), volume()]}
    parent = {"type": "MESOS", "volumes": [{"container_path": "mine", "mode": "RW", "source": {
        "type": "SANDBOX_PATH", "sandbox_path": {"type": "PARENT", "path": "data"}}}]}
    offer = framework.wait_offer(1)
    tasks = [framework.task(offer, "one", "echo kept > mine/file", container=parent),
             framework.task(offer, "two", "while ! test -s mine/file; do sleep 0.1; done", container=parent)]
    accept(framework, offer, reserve(plain_disk(64)), create(volume()),
           {"type": "LAUNCH_GROUP", "launch_group": {"executor": executor, "task_group": {"tasks": tasks}}})
    framework.wait_state("one", "TASK_FINISHED")
    framework.wait_state("two", "TASK_FINISHED")
    assert (one.agents[0].work_dir / "volumes" / "roles" / "db" / "v1" / "file").read_text() == "kept\n"


def test_an_agent_with_less_than_it_keeps_does_not_start(one):
    framework = Scheduler(one.port, roles=["db"], capabilities=MODERN)
    accept(framework, framework.wait_offer(1), reserve(plain_disk(64)), create(volume()))
    offer_with(framework)
    settled(one)
    agent = one.agents[0]
    agent.kill9()
    whole = list(agent.arguments)
    agent.arguments = [a.replace("disk:4096", "disk:32") for a in whole]
    agent.arguments.append("--reconfiguration_policy=additive")
    agent.start()
    assert agent.child.wait(20) != 0
    assert "total of resources" in agent.log_text() or "do not contain what is reserved" in agent.log_text()
    agent.arguments = whole
    agent.start()
    one.wait_agents(1)
    assert offer_with(framework)


def test_calls_about_resource_providers_are_answered(one):
    port = one.agents[0].port
    for kind, body in [("GET_RESOURCE_PROVIDERS", {}), ("MARK_RESOURCE_PROVIDER_GONE", {"resource_provider_id": {"value": "a"}})]:
        message = {"type": kind, **({kind.lower(): body} if body else {})}
        status, _, text = request(port, "POST", "/api/v1", json.dumps(message), {"Content-Type": "application/json"})
        assert status == 501 and kind.encode() in text
