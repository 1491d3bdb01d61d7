"""What `./dev up` gives a person: an image of a registry, a shell in it, its log, its files, and nothing left after `down`."""
import os
import pathlib
import subprocess
import types

import pytest

from harness.cluster import TEPUI, free_ports
from harness.registry import Image, Registry, busybox_layer
from harness.terminal import Terminal
from harness.wait import wait_for


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    with Registry(tmp_path_factory.mktemp("registry")) as made:
        made.push("app:v1", Image([busybox_layer().symlink("bin/tar", "busybox")]))
        yield made


def provisioned(work_dir):
    mounts = [line for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines() if str(work_dir) in line]
    return mounts + [str(path) for path in pathlib.Path(work_dir).glob("agent-*/provisioner/*")]


def test_an_image_on_a_cluster_that_nobody_configured(registry, tmp_path):
    assert os.geteuid() == 0, "images need root"
    port = free_ports(3)
    there = types.SimpleNamespace(address=f"127.0.0.1:{port}")
    environment = {**os.environ, "TEPUI_MASTER": there.address, "NO_COLOR": "1"}

    def tepui(*arguments):
        return subprocess.run([TEPUI, *arguments], capture_output=True, text=True, timeout=60, check=False, env=environment)
    started = tepui("up", "--detach", "--agents=2", f"--port={port}", f"--work-dir={tmp_path}")
    assert started.returncode == 0, started.stdout + started.stderr
    image = registry.name("app:v1")
    box = None
    try:
        once = tepui("run", "--image", image, "--", "sh", "-c", "echo $0 in $(ls / | wc -l); exit 4", "here")
        assert (once.returncode, once.stdout.split()[0]) == (4, "here"), once
        box = subprocess.Popen([TEPUI, "run", "--name", "box", "--image", image, "--", "sh", "-c",
                                "trap 'exit 0' TERM; echo up; while :; do sleep 0.1; done"],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
        assert box.stdout.readline() == "up\n"
        shell = Terminal(there, "exec", "-it", "box", "sh")
        shell.type("echo in:$(id -u):$(ls /usr 2>/dev/null | wc -l):$(tty); stty size; exit 5\n")
        shell.until(r"in:0:0:/dev/pts/\d+\r\n40 120")
        assert shell.end() == 5
        wait_for(lambda: tepui("logs", "box").stdout == "up\n", "its log")
        (tmp_path / "given").write_text("from outside")
        copied = tepui("cp", str(tmp_path / "given"), "box:/tmp/given")
        assert copied.returncode == 0, copied.stderr
        assert tepui("exec", "box", "cat", "/tmp/given").stdout == "from outside"
        assert len(provisioned(tmp_path)) > 0
    finally:
        down = tepui("down", f"--work-dir={tmp_path}")
        if box:
            box.kill()
            box.communicate()
    assert down.returncode == 0, down.stderr
    assert provisioned(tmp_path) == []
