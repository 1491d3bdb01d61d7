"""What a task may do and what it sees of the machine, as its LinuxInfo and the agent's flags say; and what it cannot break."""
import os
import pathlib
import subprocess

import pytest

from harness.cluster import TEPUI, Cluster, sandbox_file
from harness.scheduler import framework_on
from harness.wait import wait_for

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs" / "operate"
DEFAULT = "cgroups/cpu,cgroups/mem,cgroups/pids,namespaces/pid,filesystem/linux,posix/rlimits"
CHOWN, NET_RAW = 1 << 0, 1 << 13

# Each prints one line: a way out that is open. What is refused, by whatever errno, prints nothing.
ESCAPES = """
import ctypes, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def attempt(name, way):
    try:
        if way() not in (None, False, -1): print(name, flush=True)
    except OSError:
        pass
attempt("descriptors", lambda: [fd for fd in os.listdir("/proc/self/fd") if int(fd) > 3] or None)
attempt("keyctl", lambda: libc.syscall({"x86_64": 250, "aarch64": 219}[os.uname().machine], 0, -3, 1))
attempt("mount", lambda: libc.mount(b"none", b"/mnt", b"tmpfs", 0, None) == 0)
attempt("ptrace", lambda: libc.ptrace(0x4206, 1, 0, 0) == 0 and libc.ptrace(17, 1, 0, 0) in (0, -1))
attempt("raw socket", lambda: bool(socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)))
attempt("packet socket", lambda: bool(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3)))
attempt("init's file system", lambda: os.listdir("/proc/1/root/"))
attempt("init's memory", lambda: open("/proc/1/mem", "rb"))
attempt("the program above", lambda: open("/proc/1/exe", "r+b"))
attempt("core pattern", lambda: os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY))
attempt("disks", lambda: os.mknod("disk", 0o60600, os.makedev(8, 0)))
for name in os.listdir("/sys/fs/cgroup"):
    agent = f"/sys/fs/cgroup/{name}/release_agent"
    if os.path.exists(agent):
        attempt("release agent", lambda: os.write(os.open(agent, os.O_WRONLY), open(agent, "rb").read() or b"\\n"))
attempt("user namespace", lambda: libc.unshare(0x10000000) == 0)  # Last: in it everything else is refused.
print("done", flush=True)
"""


@pytest.fixture(scope="module")
def hardened():
    """An agent that takes rights away by default."""
    flags = {"isolation": DEFAULT + ",linux/capabilities,linux/nnp,linux/seccomp,namespaces/ipc,linux/devices",
             "effective_capabilities": '{"capabilities": ["CHOWN"]}', "bounding_capabilities": "CHOWN,NET_RAW",
             "seccomp_config_dir": str(DOCS), "seccomp_profile_name": "seccomp.json", "default_container_shm_size": "2MB",
             "disallow_sharing_agent_pid_namespace": "true",
             "allowed_devices": '{"allowed_devices": [{"device": {"path": "/dev/full"}, "access": {"read": true}}]}'}
    with Cluster(agent_flags=flags) as cluster:
        yield cluster


@pytest.fixture
def tasks(hardened):
    with framework_on(hardened) as framework:
        yield framework


def output(cluster, scheduler, name, command, state="TASK_FINISHED", user="root", **linux_info):
    scheduler.run(name, {"value": command, "user": user}, container={"type": "MESOS", "linux_info": linux_info})
    scheduler.wait_state(name, state)
    return sandbox_file(cluster, cluster.agents[0], name)


def numbers(text):
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return {key: int(fields[key].strip(), 16) for key in ("CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp")}


@pytest.mark.parametrize("user", ["root", "nobody"])
def test_an_agents_flags_hold_for_tasks_that_say_nothing(hardened, tasks, user):
    seen = numbers(output(hardened, tasks, "look", "cat /proc/self/status", user=user))
    assert seen == {"CapEff": CHOWN, "CapBnd": CHOWN | NET_RAW, "CapAmb": CHOWN, "NoNewPrivs": 1, "Seccomp": 2}


def test_a_task_chooses_within_them(hardened, tasks):
    seen = numbers(output(hardened, tasks, "chosen", "cat /proc/self/status",
                          effective_capabilities={"capabilities": ["NET_RAW"]},
                          bounding_capabilities={"capabilities": ["NET_RAW"]}, seccomp={"unconfined": True}))
    assert seen == {"CapEff": NET_RAW, "CapBnd": NET_RAW, "CapAmb": NET_RAW, "NoNewPrivs": 1, "Seccomp": 0}


@pytest.mark.parametrize("fields, reason", [
    ({"effective_capabilities": {"capabilities": ["SYS_ADMIN"]}}, "--bounding_capabilities allow only CHOWN, NET_RAW"),
    ({"seccomp": {"profile_name": "../containers.md"}}, "seccomp profile '../containers.md'"),
    ({"seccomp": {"profile_name": "containers.md"}}, "it is no JSON object"),
    ({"share_pid_namespace": True}, "--disallow_sharing_agent_pid_namespace"),
    ({"ipc_mode": "SHARE_PARENT", "shm_size": 1}, "'shm_size' needs the 'ipc_mode' PRIVATE"),
])
def test_beyond_them_a_task_fails_with_the_reason(tasks, fields, reason):
    tasks.run("beyond", "exit 0", container={"type": "MESOS", "linux_info": fields})
    failed = tasks.wait_state("beyond", "TASK_FAILED")
    assert reason in failed["message"]
    assert failed["reason"] == "REASON_CONTAINER_LAUNCH_FAILED"


@pytest.mark.parametrize("user", ["root", "nobody"])
def test_no_way_out_is_open(hardened, tasks, user):
    (hardened.folder / "escapes.py").write_text(ESCAPES)
    assert output(hardened, tasks, "escape", f"exec python3 {hardened.folder}/escapes.py", user=user,
                  effective_capabilities={}, bounding_capabilities={}) == "done\n"


def test_the_same_ways_are_open_to_root_by_default(shared_cluster, scheduler):
    """As in Mesos; and the proof that the attempts are real ones."""
    (shared_cluster.folder / "escapes.py").write_text(ESCAPES)
    found = output(shared_cluster, scheduler, "root", f"exec python3 {shared_cluster.folder}/escapes.py").splitlines()
    assert {"mount", "raw socket", "init's file system", "done"} <= set(found)
    assert "descriptors" not in found


def test_shared_memory_of_its_own(hardened, tasks):
    text = output(hardened, tasks, "shm", "df -k /dev/shm | tail -1; readlink /proc/self/ns/ipc")
    assert " 2048 " in text
    assert os.readlink("/proc/self/ns/ipc") not in text
    mounts = pathlib.Path("/proc/self/mounts").read_text()
    assert " /dev/shm " in mounts and str(hardened.agents[0].work_dir) not in mounts


def test_devices_are_given_as_the_agent_says(hardened, tasks):
    assert output(hardened, tasks, "device", "stat -c %A /dev/full; echo x > /dev/full || exit 0", user="nobody") == "cr--r--r--\n"


def test_a_check_has_no_more_rights_than_its_task(hardened, tasks):
    command = "grep -q 'CapEff:.*0000$' /proc/self/status && grep -q 'Seccomp:.*2' /proc/self/status && grep -q 'NoNewPrivs:.*1' /proc/self/status"
    tasks.run("checked", "sleep 1000",
              container={"type": "MESOS", "linux_info": {"effective_capabilities": {}, "bounding_capabilities": {}}},
              check={"type": "COMMAND", "command": {"command": {"value": command}}, "delay_seconds": 0, "interval_seconds": 0.2})
    wait_for(lambda: any(update.get("check_status", {}).get("command", {}).get("exit_code") == 0 for update in list(tasks.updates)),
             "the check to pass")
    tasks.kill("checked")
    tasks.wait_state("checked", "TASK_KILLED")


def test_what_no_isolator_gives_is_refused_by_its_name(scheduler):
    for name, fields, isolator in [("a", {"effective_capabilities": {}}, "linux/capabilities"),
                                   ("b", {"seccomp": {"profile_name": "x"}}, "linux/seccomp"),
                                   ("c", {"shm_size": 1}, "namespaces/ipc")]:
        scheduler.run(name, "exit 0", container={"type": "MESOS", "linux_info": fields})
        assert isolator in scheduler.wait_state(name, "TASK_FAILED")["message"]


@pytest.mark.parametrize("flags, reason", [
    ({"isolation": "cgroups/cpus"}, "unknown isolator 'cgroups/cpus'"),
    ({"isolation": "filesystem/linux,filesystem/posix"}, "exclude each other"),
    ({"isolation": "docker/runtime"}, "needs filesystem/linux"),
    ({"isolation": "linux/nnp,linux/nnp"}, "named twice"),
    ({"isolation": "linux/seccomp", "seccomp_profile_name": "x"}, "--seccomp_config_dir"),
    ({"isolation": "linux/capabilities", "effective_capabilities": "KILL", "bounding_capabilities": "CHOWN"}, "KILL"),
    ({"isolation": "filesystem/linux,linux/devices", "allowed_devices":
      '{"allowed_devices": [{"device": {"path": "/dev/no-such"}, "access": {"read": true}}]}'}, "/dev/no-such"),
])
def test_an_agent_does_not_start_with_what_cannot_be(tmp_path, flags, reason):
    arguments = [TEPUI, "agent", "--master=127.0.0.1:1", "--ip=127.0.0.1", "--port=0", f"--work_dir={tmp_path}",
                 *(f"--{name}={value}" for name, value in flags.items())]
    ended = subprocess.run(arguments, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode != 0
    assert reason in ended.stderr + ended.stdout
