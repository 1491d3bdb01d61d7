"""Image tasks with every kind of volume at once, and pods of them that share a volume and a network; with this machine's root
and with a user namespace."""
import base64
import json
import os
import pathlib

import pytest

from harness.cluster import Cluster, sandbox_file
from harness.registry import Image, Layer, Registry, busybox_layer
from harness.scheduler import Scheduler, scalar
from harness.wait import wait_for

ISOLATION = ("cgroups/cpu,cgroups/mem,cgroups/pids,namespaces/pid,filesystem/linux,docker/runtime,network/cni,"
             "volume/host_path,volume/sandbox_path,volume/image,volume/secret")
PLUGINS = pathlib.Path("/usr/lib/cni")
SUBNET = "10.198.77"
SECRET = "kept-in-memory-alone"
FIRST_ID = 700000


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    with Registry(tmp_path_factory.mktemp("registry")) as running:
        running.push("base:v1", Image([busybox_layer()]))
        running.push("tools:v1", Image([Layer().directory("bin").file("bin/tool", "#!/bin/sh\necho a tool\n", mode=0o755)]))
        yield running


@pytest.fixture(scope="module", params=["", f"{FIRST_ID}:65536"], ids=["root", "userns"])
def cluster(request, registry, tmp_path_factory):
    configs = tmp_path_factory.mktemp("networks")
    plugin = {"type": "ptp", "ipam": {"type": "host-local", "dataDir": str(configs / "leases"), "subnet": f"{SUBNET}.0/24"}}
    (configs / "pair.conflist").write_text(json.dumps({"cniVersion": "1.0.0", "name": "pair", "plugins": [plugin]}))
    flags = {"isolation": ISOLATION, "image_providers": "docker", "docker_registry": f"http://{registry.host}",
             "network_cni_config_dir": configs, "network_cni_plugins_dir": PLUGINS}
    if request.param:
        flags["userns_remap"] = request.param
    with Cluster(agent_flags=flags) as running:
        running.first_id = FIRST_ID if request.param else 0
        yield running
        assert not list((configs / "leases").rglob(f"{SUBNET}.*"))


@pytest.fixture
def scheduler(cluster):
    framework = Scheduler(cluster.port)
    yield framework
    framework.teardown()
    framework.close()
    wait_for(lambda: not leftovers(cluster), "nothing left of containers")


def leftovers(cluster):
    work_dir = cluster.agents[0].work_dir
    mounts = [line for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines() if str(work_dir) in line]
    return mounts + os.listdir(work_dir / "provisioner") + os.listdir(work_dir / "provisioner-volumes")


def container(*volumes, image="base:v1"):
    return {"type": "MESOS", "mesos": {"image": {"type": "DOCKER", "docker": {"name": image}}}, "volumes": list(volumes)}


def sandbox_path(kind, path, at):
    return {"mode": "RW", "container_path": at, "source": {"type": "SANDBOX_PATH", "sandbox_path": {"type": kind, "path": path}}}


def test_every_kind_of_volume_at_once(cluster, scheduler, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    (shared / "in").write_text("from the host\n")
    secret = {"type": "VALUE", "value": {"data": base64.b64encode(SECRET.encode()).decode()}}
    volumes = [{"mode": "RW", "container_path": "/data", "host_path": str(shared)},
               sandbox_path("SELF", "own", "/scratch"),
               {"mode": "RO", "container_path": "/tools", "image": {"type": "DOCKER", "docker": {"name": "tools:v1"}}},
               {"mode": "RO", "container_path": "/run/key", "source": {"type": "SECRET", "secret": secret}}]
    script = ("cat /data/in; /tools/bin/tool; cat /run/key; echo; echo made > /data/out; echo kept > /scratch/file; "
              "touch /tools/x 2>/dev/null || echo read-only; stat -c '%u %g' /tools/bin/tool /scratch /run/key; id -u")
    scheduler.run("all", script, container=container(*volumes))
    end = scheduler.wait_state("all", "TASK_FINISHED")
    assert end["state"] == "TASK_FINISHED"
    agent = cluster.agents[0]
    assert sandbox_file(cluster, agent, "all") == f"from the host\na tool\n{SECRET}\nread-only\n0 0\n0 0\n0 0\n0\n"
    # On the host's own path it is who it is outside; in the sandbox who it is inside.
    assert (shared / "out").read_text() == "made\n" and (shared / "out").stat().st_uid == cluster.first_id
    sandbox = next(pathlib.Path(agent.work_dir).glob("slaves/*/frameworks/*/executors/all/runs/*"))
    assert (sandbox / "own/file").read_text() == "kept\n" and (sandbox / "own/file").stat().st_uid == 0
    wait_for(lambda: not leftovers(cluster), "nothing left of the container")
    for path in pathlib.Path(agent.work_dir).rglob("*"):
        if path.is_file() and path.name not in ("stdout", "busybox"):
            assert SECRET.encode() not in path.read_bytes(), path


def test_a_pod_shares_a_volume_and_a_network(cluster, scheduler):
    offer = scheduler.wait_offer(cpus=0.4)
    executor = {"type": "DEFAULT", "executor_id": {"value": "pod"}, "framework_id": {"value": scheduler.id},
                "container": {"type": "MESOS", "network_infos": [{"name": "pair"}]},
                "resources": [scalar("cpus", 0.1), scalar("mem", 64), scalar("disk", 32)]}
    shared = sandbox_path("PARENT", "common", "/common")
    serve = "echo over the network > /tmp/page; echo in the volume > /common/tmp; mv /common/tmp /common/word; exec httpd -f -p 8080 -h /tmp"
    ask = ("until test -s /common/word; do sleep 0.05; done; cat /common/word; "
           "until wget -q -O - http://127.0.0.1:8080/page; do sleep 0.05; done; exec sleep 1000")
    tasks = [scheduler.task(offer, "server", serve, container=container(shared)),
             scheduler.task(offer, "asker", ask, container=container(shared))]
    scheduler.call("ACCEPT", {"offer_ids": [offer["id"]], "filters": {"refuse_seconds": 0.0}, "operations": [
        {"type": "LAUNCH_GROUP", "launch_group": {"executor": executor, "task_group": {"tasks": tasks}}}]})
    scheduler.offers.pop(offer["id"]["value"], None)
    found = {task: scheduler.wait_state(task, "TASK_RUNNING")["container_status"] for task in ("server", "asker")}

    def said():
        paths = list(pathlib.Path(cluster.agents[0].work_dir).glob("**/tasks/asker/stdout"))
        return paths and paths[0].read_text() == "in the volume\nover the network\n"
    wait_for(said, "what one got from the other")
    addresses = {task: status["network_infos"][0]["ip_addresses"][0]["ip_address"] for task, status in found.items()}
    assert addresses["server"] == addresses["asker"] and addresses["server"].startswith(SUBNET), addresses
    same = {os.readlink(f"/proc/{status['executor_pid']}/ns/net") for status in found.values()}
    assert len(same) == 1 and os.readlink("/proc/self/ns/net") not in same
    scheduler.kill("server")
    scheduler.kill("asker")
    for task in ("server", "asker"):
        scheduler.wait_state(task, "TASK_KILLED")
