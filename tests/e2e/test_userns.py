"""Containers with a user namespace (--userns_remap): root inside, nobody outside, with a real OCI runtime."""
import os
import pathlib
import stat
import subprocess

import pytest

from harness.cluster import TEPUI, Cluster, free_port, sandbox_file
from harness.registry import Image, Layer, Registry, busybox_layer
from harness.scheduler import Scheduler
from harness.terminal import Terminal
from harness.wait import wait_for

FIRST_ID = 710000
COUNT = 65536
FLAGS = {"isolation": "cgroups/cpu,cgroups/mem,cgroups/pids,namespaces/pid,filesystem/linux,docker/runtime,volume/host_path",
         "image_providers": "docker"}


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    with Registry(tmp_path_factory.mktemp("registry")) as running:
        base = busybox_layer()
        tar = base.tar()
        running.push("base:v1", Image([tar]))
        running.push("app:v1", Image([tar, Layer().file("home/app/mine", "mine", uid=1234, gid=1235)], {"User": "app"}))
        yield running


@pytest.fixture(scope="module", params=["overlay", "copy"])
def cluster(request, registry):
    flags = {**FLAGS, "docker_registry": f"http://{registry.host}", "userns_remap": f"{FIRST_ID}:{COUNT}",
             "image_provisioner_backend": request.param}
    with Cluster(agent_flags=flags) as running:
        yield running


@pytest.fixture(scope="module")
def framework(cluster):
    made = Scheduler(cluster.port, "userns")
    yield made
    made.teardown()
    made.close()
    work_dir = cluster.agents[0].work_dir

    def left():
        mounts = [line for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines() if str(work_dir) in line]
        return mounts + os.listdir(work_dir / "provisioner")
    wait_for(lambda: not left(), "nothing left of containers")


def image(name, *volumes):
    return {"type": "MESOS", "mesos": {"image": {"type": "DOCKER", "docker": {"name": name}}}, "volumes": list(volumes)}


def ids_of(pid):
    """The ids that this machine knows a process by."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {line.split(":")[0]: line.split()[1:] for line in lines if line.startswith(("Uid", "Gid", "Groups"))}


def sandbox_of(cluster, task):
    return next(pathlib.Path(cluster.agents[0].work_dir).glob(f"slaves/*/frameworks/*/executors/{task}/runs/*"))


@pytest.fixture(scope="module")
def web(cluster, framework):
    script = ("id -u; cat /proc/self/uid_map; echo made > $MESOS_SANDBOX/file; mkdir $MESOS_SANDBOX/folder; echo to stderr > /dev/stderr; "
              "echo gone > /dev/null; head -c 3 /dev/zero | wc -c; echo x > /root/made && chown 1:2 /root/made && stat -c '%u %g' /root/made /bin; "
              "mkdir /there && mount -t tmpfs none /there 2>/dev/null || echo no mount; exec sleep 1000")
    check = {"type": "COMMAND", "command": {"value": "test $(id -u) = 0 && touch /root/checked"}, "delay_seconds": 0,
             "interval_seconds": 0.1, "timeout_seconds": 20}
    framework.run("web", script, container=image("base:v1"), health_check=check)
    running = framework.wait_state("web", "TASK_RUNNING")
    wait_for(lambda: sandbox_file(cluster, cluster.agents[0], "web").endswith("no mount\n"), "what the task says")
    return running


def test_root_inside_is_nobody_outside(cluster, web):
    pid = web["container_status"]["executor_pid"]
    assert pathlib.Path(f"/proc/{pid}/uid_map").read_text().split() == ["0", str(FIRST_ID), str(COUNT)]
    assert pathlib.Path(f"/proc/{pid}/gid_map").read_text().split() == ["0", str(FIRST_ID), str(COUNT)]
    assert ids_of(pid)["Uid"] == [str(FIRST_ID)] * 4 and ids_of(pid)["Gid"] == [str(FIRST_ID)] * 4
    lines = sandbox_file(cluster, cluster.agents[0], "web").splitlines()
    assert lines[0] == "0" and lines[1].split() == ["0", str(FIRST_ID), str(COUNT)]
    assert lines[2:] == ["3", "1 2", "0 0", "no mount"]
    assert sandbox_file(cluster, cluster.agents[0], "web", "stderr") == "to stderr\n"


def test_its_files_are_the_agents_to_fetch(cluster, web, tmp_path):
    done = cluster.tepui("cp", "web:file", tmp_path)
    assert done.returncode == 0 and (tmp_path / "file").read_text() == "made\n", done.stderr
    assert sandbox_file(cluster, cluster.agents[0], "web", "file") == "made\n"
    assert cluster.tepui("exec", "-i", "web", "sh", "-c", "cat > /mnt/mesos/sandbox/folder/into", input="brought").returncode == 0
    assert (sandbox_of(cluster, "web") / "folder/into").read_text() == "brought"
    assert (sandbox_of(cluster, "web") / "file").stat().st_uid == 0  # On the disk by the ids of the inside.


def test_layers_stay_as_they_are(cluster, web):
    layers = list((cluster.agents[0].work_dir / "store/docker/layers").glob("*/fs/bin/busybox"))
    assert layers and {path.stat().st_uid for path in layers} == {0}
    assert not list((cluster.agents[0].work_dir / "store/docker/layers").glob("*/fs/root/made"))


def test_what_runs_beside_it_is_no_more_than_it(cluster, framework, web):
    wait_for(lambda: cluster.tepui("exec", "web", "test", "-e", "/root/checked").returncode == 0, "its check")
    said = cluster.tepui("exec", "web", "sh", "-c", "id -u; id -g; cat /proc/self/uid_map; stat -c %u /root/checked").stdout.split()
    assert said == ["0", "0", "0", str(FIRST_ID), str(COUNT), "0"]
    mark = f"92{os.getpid()}"
    child = subprocess.Popen([TEPUI, "exec", "web", "sleep", mark], env={**os.environ, "TEPUI_MASTER": cluster.address})

    def found():
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if (folder / "cmdline").read_bytes() == f"sleep\0{mark}\0".encode():
                    return ids_of(folder.name)
            except OSError:
                continue
        return None
    assert wait_for(found, "the command")["Uid"] == [str(FIRST_ID)] * 4
    child.kill()
    child.wait(30)
    wait_for(lambda: not found(), "its end")


def test_a_terminal(cluster, web):
    terminal = Terminal(cluster, "exec", "-it", "web", "sh")
    terminal.type("tty; stty size; stat -c %u $(tty); echo again > $(tty)\n")
    terminal.until(r"/dev/pts/\d+\r\n40 120\r\n0\r\nagain")
    terminal.type("exit 5\n")
    assert terminal.end() == 5


def test_a_user_of_the_image(cluster, framework):
    folder = cluster.folder / "host"  # Where others may pass.
    folder.mkdir()
    (folder / "roots").write_text("secret")
    (folder / "roots").chmod(0o600)
    (folder / "everybodys").write_text("shown")
    volume = {"mode": "RO", "container_path": "/host", "host_path": str(folder)}
    script = ("id -u; cat /home/app/mine; echo; echo mine > $MESOS_SANDBOX/mine; cat /host/everybodys; echo; "
              "cat /host/roots 2>/dev/null || echo refused; exec sleep 1000")
    framework.run("app", script, container=image("app:v1", volume))
    pid = framework.wait_state("app", "TASK_RUNNING")["container_status"]["executor_pid"]
    wait_for(lambda: sandbox_file(cluster, cluster.agents[0], "app") == "1234\nmine\nshown\nrefused\n", "what it may")
    assert ids_of(pid)["Uid"] == [str(FIRST_ID + 1234)] * 4 and ids_of(pid)["Gid"] == [str(FIRST_ID + 1235)] * 4
    assert (sandbox_of(cluster, "app") / "mine").stat().st_uid == 1234
    # Not even root inside may what only root outside may.
    framework.run("root", "cat /host/roots 2>/dev/null || echo refused", container=image("base:v1", volume))
    framework.wait_state("root", "TASK_FINISHED")
    assert sandbox_file(cluster, cluster.agents[0], "root") == "refused\n"


def test_it_outlives_a_killed_agent(cluster, framework, web):
    agent = cluster.agents[0]
    agent.kill9()
    agent.start()
    cluster.wait_agents(1)
    wait_for(lambda: cluster.tepui("exec", "web", "id", "-u").stdout == "0\n", "the task to be there")


@pytest.mark.parametrize(("flags", "says"), [
    ({"userns_remap": "0:65536"}, "begin with 0"),
    ({"userns_remap": "100000:10"}, "images need 65536"),
    ({"userns_remap": "nobody-has-this-name"}, "/etc/subuid has no ids"),
    ({"userns_remap": "100000:65536", "isolation": "filesystem/linux,namespaces/pid"}, "this agent has none"),
])
def test_what_cannot_be_is_refused_at_the_start(tmp_path, flags, says):
    given = {**FLAGS, **flags, "master": "127.0.0.1:1", "ip": "127.0.0.1", "port": free_port(), "work_dir": tmp_path / "agent"}
    done = subprocess.run([TEPUI, "agent", *(f"--{name}={value}" for name, value in given.items())],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0 and says in done.stderr + done.stdout, done


def test_a_directory_that_lets_nobody_pass_is_named(tmp_path):
    shut = tmp_path / "shut"
    shut.mkdir()
    shut.chmod(stat.S_IRWXU)
    given = {**FLAGS, "userns_remap": "100000:65536", "master": "127.0.0.1:1", "ip": "127.0.0.1", "port": free_port(), "work_dir": shut / "agent"}
    done = subprocess.run([TEPUI, "agent", *(f"--{name}={value}" for name, value in given.items())],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0 and "lets nobody else pass" in done.stderr + done.stdout, done
