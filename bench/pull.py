"""One image from a registry on loopback: pulled, verified and unpacked by an agent, beside `skopeo copy` to a directory, which
verifies and stores but does not unpack."""
import json
import pathlib
import random
import subprocess
import tempfile
import time

from harness.cluster import Cluster, request
from harness.registry import Image, Layer, Registry, busybox_layer
from harness.scheduler import Scheduler

from _load import scaled
from _report import Report, at_least

FLAGS = {"resources": "cpus:8;mem:8000;disk:4096", "image_providers": "docker",
         "isolation": "cgroups/cpu,cgroups/mem,cgroups/pids,namespaces/pid,filesystem/linux,docker/runtime"}
LAYERS = 4


def layer(seed, megabytes):
    """Files that compress to about a half, as programs do."""
    source = random.Random(seed)
    made = Layer().directory(f"data{seed}")
    for number in range(megabytes):
        half = source.randbytes(1 << 19)
        made.file(f"data{seed}/{number}", half + bytes(1 << 19))
    return made


def skopeo(name):
    with tempfile.TemporaryDirectory() as folder:
        begin = time.monotonic()
        subprocess.run(["skopeo", "copy", "-q", "--insecure-policy", "--src-tls-verify=false", f"docker://{name}",
                        f"dir:{folder}/image"], check=True)
        return time.monotonic() - begin


def pull(cluster, name):
    """Seconds from the first request to the image being there, as the agent measured."""
    scheduler = Scheduler(cluster.port)
    image = {"type": "DOCKER", "docker": {"name": name}}
    scheduler.run("pull", "true", container={"type": "MESOS", "mesos": {"image": image}})
    scheduler.wait_state("pull", "TASK_FINISHED", seconds=300)
    metric = "containerizer/mesos/provisioner/docker_store/image_pull_ms"
    found = json.loads(request(cluster.agents[0].port, "GET", "/metrics/snapshot")[2])[metric]
    scheduler.teardown()
    scheduler.close()
    return found / 1e3


def main():
    report = Report("pull")
    megabytes = scaled(100, 4)
    with tempfile.TemporaryDirectory() as folder, Registry(pathlib.Path(folder) / "registry") as registry:
        image = Image([busybox_layer()] + [layer(seed, megabytes) for seed in range(LAYERS)])
        size = sum(len(data) for _, data in image.blobs()) / 1e6
        registry.push("big:1", image)
        name = registry.name("big:1")
        before = skopeo(name)
        with Cluster(agents=1, agent_flags=FLAGS) as cluster:
            ours = pull(cluster, name)
        floor = (before + skopeo(name)) / 2
    report.add("pull and unpack", {"layers": LAYERS + 1, "MB": round(size)}, size / ours, "MB/s", floor=size / floor,
               ratio=floor / ours, bar=at_least(0.5), bar_of="ratio")
    report.write()


main()
