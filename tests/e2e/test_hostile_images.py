"""Images that want out: links, devices, bombs, bytes that are not what their digest says, and root filesystems made to mislead whoever
mounts something in them. Nothing of the host is read or written for them."""
import json
import os
import pathlib
import shutil
import subprocess
import tarfile
import tempfile

import pytest

from harness.cluster import Cluster, request, sandbox_file
from harness.registry import Image, Layer, Registry, busybox_layer, digest
from harness.scheduler import Scheduler
from harness.wait import wait_for

FLAGS = {"image_providers": "docker",
         "isolation": "cgroups/cpu,cgroups/mem,cgroups/pids,namespaces/pid,filesystem/linux,docker/runtime,volume/host_path"}


@pytest.fixture(scope="module")
def outside():
    """What an image must neither read nor write."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tepui-outside-"))
    folder.chmod(0o755)
    (folder / "passwd").write_text("app:x:4321:4321::/:/bin/sh\n")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    with Registry(tmp_path_factory.mktemp("registry")) as made:
        yield made


@pytest.fixture(scope="module")
def cluster():
    assert os.geteuid() == 0, "images need root"
    with Cluster(agents=1, agent_flags=FLAGS) as made:
        yield made


@pytest.fixture
def scheduler(cluster):
    made = Scheduler(cluster.port)
    yield made
    made.teardown()
    made.close()


def container(registry, name, **fields):
    return {"type": "MESOS", "mesos": {"image": {"type": "DOCKER", "docker": {"name": registry.name(name)}}}, **fields}


def output(cluster, task):
    return sandbox_file(cluster, cluster.agents[0], task)


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def nothing_kept(cluster, registry, name):
    stored = json.loads(request(cluster.agents[0].port, "GET", "/images")[2])["images"]
    assert registry.name(name) not in [image["name"] for image in stored if image["state"] == "STORED"]
    assert os.listdir(pathlib.Path(cluster.agents[0].work_dir) / "store/docker/tmp") == []


def refused(cluster, scheduler, registry, name):
    task = name.partition(":")[0]
    scheduler.run(task, "true", container=container(registry, name))
    update = scheduler.wait_state(task, "TASK_FAILED", seconds=60)
    assert update["reason"] == "REASON_CONTAINER_LAUNCH_FAILED", update
    nothing_kept(cluster, registry, name)
    reason = update["message"].removeprefix("Failed to launch container: ")
    alert = next((line for line in cluster.agents[0].log_text().splitlines() if f"task {task} of" in line and reason in line), "")
    assert "could not be launched" in alert and "warn" in alert.lower(), "the operator hears of it"
    return update["message"]


def test_what_is_written_over_a_link_stays_in_the_layer(cluster, scheduler, registry, outside):
    before = contents(outside)
    one = busybox_layer().symlink("way", str(outside)).file("way/inside", "1")
    two = [busybox_layer().symlink("way", str(outside)).symlink("etc/up", "../../../../../../.." + str(outside)),
           Layer().file("way/above", "2").file("etc/up/above", "2")]
    registry.push("link:v1", Image([one]))
    registry.push("links:v1", Image(two))
    for name, file in (("link", "way/inside"), ("links", "way/above")):
        scheduler.run(name, f"cat /{file}", container=container(registry, name + ":v1"))
        states = wait_for(lambda name=name: {"TASK_FAILED", "TASK_FINISHED"} & set(scheduler.states(name)), f"the end of {name}")
        assert states
    assert contents(outside) == before


def test_a_hard_link_to_a_file_of_the_host_is_refused(cluster, scheduler, registry, outside):
    registry.push("hardlink:v1", Image([Layer().hardlink("stolen", str(outside / "passwd"))]))
    assert "no file of this layer" in refused(cluster, scheduler, registry, "hardlink:v1")
    assert (outside / "passwd").stat().st_nlink == 1


def test_devices_and_powers_are_not_the_images_to_give(cluster, scheduler, registry):
    layer = busybox_layer().add("dev/kmsg2", tarfile.CHRTYPE, mode=0o666, device=(1, 11)).add(
        "disk", tarfile.BLKTYPE, mode=0o666, device=(os.major(os.stat("/").st_dev), os.minor(os.stat("/").st_dev)))
    registry.push("device:v1", Image([layer]))
    scheduler.run("device", "ls /disk /dev/kmsg2; head -c 1 /disk && echo read; echo tried", container=container(registry, "device:v1"))
    scheduler.wait_state("device", "TASK_FINISHED")
    assert output(cluster, "device") == "tried\n"


def zstd(data):
    return subprocess.run(["zstd", "-q", "-c", "-1"], input=data, capture_output=True, check=True).stdout


class Bomb(Image):
    """A layer of 100 KB that becomes 10 GB of zeros; frames of zstd may follow each other."""

    def __init__(self):
        super().__init__([Layer()])
        entry = tarfile.TarInfo("big")
        entry.size = 10 << 30
        self.packed = zstd(entry.tobuf()) + zstd(bytes(64 << 20)) * 160 + zstd(bytes(1024))

    def blobs(self):
        return [("tar+zstd", self.packed)]


def test_a_bomb_stops_soon(cluster, scheduler, registry):
    registry.push("bomb:v1", Bomb())
    free = shutil.disk_usage(cluster.folder).free
    message = refused(cluster, scheduler, registry, "bomb:v1")
    assert "unpacks to more bytes than are allowed" in message, message
    assert free - shutil.disk_usage(cluster.folder).free < 1 << 30


def test_bytes_that_are_not_what_their_digest_says(cluster, scheduler, registry):
    image = Image([busybox_layer(), Layer().file("signed", "what was signed")])
    registry.push("swapped:v1", image)
    packed = image.blobs()[1][1]
    blob = registry.folder / "data/docker/registry/v2/blobs/sha256" / digest(packed)[7:9] / digest(packed)[7:] / "data"
    other = Image([Layer().file("signed", "what was swapped in")]).blobs()[0][1]
    blob.write_bytes(other[:len(packed)].ljust(len(packed), b"\0"))
    message = refused(cluster, scheduler, registry, "swapped:v1")
    assert "digest" in message and digest(packed)[7:19] in message, message


def test_places_that_lead_out_are_not_mounted_on(cluster, scheduler, registry, outside):
    """The sandbox, /dev, /proc and volumes are mounted in the image's files, wherever those lead in an image."""
    before = contents(outside)
    mounts = len(pathlib.Path("/proc/self/mountinfo").read_text().splitlines())
    layer = busybox_layer().symlink("mnt", str(outside)).symlink("data", "/../../../../../.." + str(outside))
    registry.push("misleads:v1", Image([layer]))
    volume = {"mode": "RW", "container_path": "/data/deep", "source": {"type": "HOST_PATH", "host_path": {"path": "/var/empty"}}}
    pathlib.Path("/var/empty").mkdir(exist_ok=True)
    for task, fields in (("sandbox", {}), ("volume", {"volumes": [volume]})):
        scheduler.run(task, "echo here > $MESOS_SANDBOX/file", container=container(registry, "misleads:v1", **fields))
        wait_for(lambda task=task: {"TASK_FAILED", "TASK_FINISHED"} & set(scheduler.states(task)), f"the end of {task}")
    assert contents(outside) == before
    wait_for(lambda: len(pathlib.Path("/proc/self/mountinfo").read_text().splitlines()) <= mounts, "no mount to be left")


@pytest.mark.parametrize("place", ["dev", "proc", "sys"])
def test_a_link_in_place_of_a_system_directory(cluster, scheduler, registry, outside, place):
    """Runtimes go by these paths before the container's root is theirs."""
    before = contents(outside)
    layer = Layer()
    for folder in ("bin", "etc", "tmp"):
        layer.directory(folder)
    layer.busybox().symlink(place, str(outside))
    registry.push(f"no-{place}:v1", Image([layer]))
    scheduler.run(f"no-{place}", "true", container=container(registry, f"no-{place}:v1"))
    assert f"/{place} is a symbolic link" in scheduler.wait_state(f"no-{place}", "TASK_FAILED")["message"]
    assert contents(outside) == before


def test_users_are_looked_up_in_the_images_own_files(cluster, scheduler, registry, outside):
    layer = Layer()
    for folder in ("bin", "etc", "tmp", "proc", "dev", "sys"):
        layer.directory(folder)
    layer.busybox().symlink("etc/passwd", str(outside / "passwd"))
    registry.push("user:v1", Image([layer], {"User": "app", "Cmd": ["/bin/id", "-u"]}))
    scheduler.run("user", {"shell": False}, container=container(registry, "user:v1"))
    update = scheduler.wait_state("user", "TASK_FAILED")
    assert "app" in update["message"], update


def test_an_image_that_names_a_directory_above_its_root(cluster, scheduler, registry, outside):
    before = contents(outside)
    registry.push("above:v1", Image([busybox_layer()], {"WorkingDir": "/../../../.." + str(outside), "Cmd": ["/bin/sh", "-c", "touch x; pwd"]}))
    scheduler.run("above", {"shell": False}, container=container(registry, "above:v1"))
    wait_for(lambda: {"TASK_FAILED", "TASK_FINISHED"} & set(scheduler.states("above")), "its end")
    assert contents(outside) == before
