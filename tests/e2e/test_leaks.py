"""Two hundred pods up and down on a real agent: what the machine had before it has afterwards, and nothing besides."""
import collections
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest
from harness.cluster import Cluster
from harness.scheduler import TERMINAL, Scheduler, scalar
from harness.wait import DeadlineExceeded, wait_for

PODS, BATCH = 200, 50
CGROUPS = f"tepui-leaks-{os.getpid()}"
BRIDGE = f"tpl{os.getpid()}"[:15]
SUBNET = "10.198.11"
SLEEP = "exec sleep 86413"


@pytest.fixture(scope="module")
def folder():
    """Configurations of networks, the addresses given out, and a directory of the machine to mount."""
    made = pathlib.Path(tempfile.mkdtemp(prefix="tepui-leaks-"))
    for name in ("configs", "leases", "mounted"):
        (made / name).mkdir()
    bridge = {"type": "bridge", "bridge": BRIDGE, "isGateway": True, "ipMasq": True,
              "ipam": {"type": "host-local", "dataDir": str(made / "leases"), "subnet": f"{SUBNET}.0/24"}}
    chain = [bridge, {"type": "portmap", "capabilities": {"portMappings": True}}]
    (made / "configs" / "front.conflist").write_text(json.dumps({"cniVersion": "1.0.0", "name": "front", "plugins": chain}))
    yield made
    subprocess.run(["ip", "link", "del", BRIDGE], capture_output=True, check=False)
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def cluster(folder):
    run = pathlib.Path(tempfile.mkdtemp(prefix="tepui-run-"))
    flags = {"isolation": "cgroups/cpu,cgroups/mem,cgroups/pids,namespaces/pid,filesystem/linux,posix/rlimits,"
                          "volume/host_path,volume/sandbox_path,network/cni",
             "network_cni_config_dir": folder / "configs", "cgroups_root": CGROUPS, "runtime_dir": run,
             "resources": "cpus:32;mem:32768;disk:32768;ports:[31000-32000]"}
    with Cluster(agent_flags=flags) as running:
        yield running
    shutil.rmtree(run)
    for path in sorted(pathlib.Path("/sys/fs/cgroup").glob(f"*/{CGROUPS}/**/"), reverse=True):
        path.rmdir()  # Those that stay for the agent's next start.


class Machine:
    """What containers of this agent may leave behind."""

    def __init__(self, cluster, folder):
        self.cluster, self.folder = cluster, folder
        self.agent = cluster.agents[0]
        self.run = pathlib.Path(self.agent.state()["flags"]["runtime_dir"])
        self.places = [str(cluster.folder), str(self.run), str(folder)]

    def processes(self):
        """Whatever is of this cluster by its command, its cgroup, its directory or its parent."""
        found = set()
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                text = (entry / "cmdline").read_bytes().decode(errors="replace") + (entry / "cgroup").read_text()
                text += os.readlink(entry / "cwd") if os.path.lexists(entry / "cwd") else ""
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (OSError, IndexError):
                continue
            if parent == self.agent.pid or any(word in text for word in [*self.places, CGROUPS, SLEEP.split()[-1]]):
                found.add(int(entry.name))
        return found

    def mounts(self):
        """Those of containers and their network namespaces."""
        lines = pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
        return sorted(line.split()[4] for line in lines if any(place in line for place in self.places))

    def cgroups(self):
        return sorted(str(path) for top in pathlib.Path("/sys/fs/cgroup").iterdir() for path in (top / CGROUPS).glob("**/"))

    def networks(self):
        rules = subprocess.run(["iptables-save", "-t", "nat"], capture_output=True, text=True, check=True).stdout.splitlines()
        return {"veths": sorted(os.listdir(f"/sys/class/net/{BRIDGE}/brif")),
                "rules": [line for line in rules if SUBNET in line],
                "leases": sorted(path.name for path in (self.folder / "leases").rglob(f"{SUBNET}.*"))}

    def files(self):
        """All but what is in sandboxes, which stay until they are collected."""
        of_agent = [path for path in self.agent.work_dir.rglob("*") if "slaves" not in path.parts]
        return sorted(str(path) for path in [*of_agent, *self.run.rglob("*")])

    def descriptors(self):
        """Of master and agent; those without a path by their kind."""
        kinds = collections.Counter()
        for process in (self.cluster.master, self.agent):
            for entry in pathlib.Path(f"/proc/{process.pid}/fd").iterdir():
                try:
                    kinds[f"{process.name}: {os.readlink(entry).split('[')[0]}"] += 1
                except FileNotFoundError:
                    continue  # Closed in between.
        return dict(kinds)

    def look(self):
        return {"processes": self.processes(), "mounts": self.mounts(), "cgroups": self.cgroups(),
                "networks": self.networks(), "files": self.files(), "descriptors": self.descriptors()}


class Pods:
    """Pods of two tasks, of different kinds by their number."""

    def __init__(self, scheduler, folder):
        self.scheduler, self.folder = scheduler, folder

    def group(self, offer, i):
        small = [scalar("cpus", 0.01), scalar("mem", 32), scalar("disk", 8)]
        executor = {"type": "DEFAULT", "executor_id": {"value": f"pod-{i}"}, "framework_id": {"value": self.scheduler.id},
                    "resources": small}
        if i % 4 == 0:
            executor["container"] = {"type": "MESOS", "network_infos": [{"name": "front"}]}
        fields = {"resources": small}
        if i % 3 == 0:
            shared = {"type": "SANDBOX_PATH", "sandbox_path": {"type": "PARENT", "path": "common"}}
            given = {"type": "HOST_PATH", "host_path": {"path": str(self.folder / "mounted")}}
            fields["container"] = {"type": "MESOS", "volumes": [
                {"mode": "RW", "container_path": "shared", "source": shared},
                {"mode": "RO", "container_path": "given", "source": given}]}
        first = {0: "exit 3", 1: "echo done"}.get(i % 5, SLEEP)
        second = {1: "echo done"}.get(i % 5, SLEEP)
        tasks = [self.scheduler.task(offer, f"{i}-a", first, **fields), self.scheduler.task(offer, f"{i}-b", second, **fields)]
        return {"type": "LAUNCH_GROUP", "launch_group": {"executor": executor, "task_group": {"tasks": tasks}}}

    def states(self):
        with self.scheduler._lock:
            updates = list(self.scheduler.updates)
        states = collections.defaultdict(set)
        for update in updates:
            states[update["task_id"]["value"]].add(update["state"])
        return states

    def wait(self, tasks, wanted):
        def come():
            states = self.states()
            missing = [task for task in tasks if not states[task] & wanted]
            over = [task for task in missing if states[task] & TERMINAL]
            with self.scheduler._lock:
                assert not over, [u for u in self.scheduler.updates if u["task_id"]["value"] == over[0]][-1]
            return not missing
        wait_for(come, f"{' or '.join(sorted(wanted))} of all tasks", 30)

    def up_and_down(self, numbers):
        offer = self.scheduler.wait_offer(cpus=len(numbers) * 0.03)
        with self.scheduler._lock:
            self.scheduler.offers.pop(offer["id"]["value"], None)
        self.scheduler.call("ACCEPT", {"offer_ids": [offer["id"]], "filters": {"refuse_seconds": 0.0},
                                       "operations": [self.group(offer, i) for i in numbers]})
        both = {kind: [f"{i}-{task}" for i in numbers if i % 5 == kind for task in "ab"] for kind in range(5)}
        # Killed wherever their launch is by then.
        for task in both[2]:
            self.scheduler.kill(task)
        self.wait(both[3] + both[4], {"TASK_RUNNING"})
        for task in both[3] + both[4]:
            self.scheduler.kill(task)
        every = [task for tasks in both.values() for task in tasks]
        self.wait(every, TERMINAL)
        return every


def test_two_hundred_pods_leave_nothing(cluster, folder):
    scheduler = Scheduler(cluster.port)
    pods = Pods(scheduler, folder)
    machine = Machine(cluster, folder)
    pods.up_and_down(range(1000, 1010))  # The bridge and the shared cgroups are made once, and stay.
    idle = machine.processes()
    wait_for(lambda: machine.processes() == {cluster.master.pid, cluster.agents[0].pid}, f"end of the first pods: {idle}")
    before = wait_for(lambda: (machine.networks()["veths"] == [] and machine.mounts() == []) and machine.look(), "nothing of them")
    assert before["networks"] == {"veths": [], "rules": before["networks"]["rules"], "leases": []}, before["networks"]

    ended = []
    for first in range(0, PODS, BATCH):
        ended += pods.up_and_down(range(first, first + BATCH))
    assert len(ended) == 2 * PODS
    states = pods.states()
    ran = [task for task in ended if "TASK_RUNNING" in states[task]]
    assert len(ran) >= 2 * PODS * 3 // 5, "most of the pods were really up"
    kinds = collections.Counter(state for task in ended for state in states[task] & TERMINAL)
    assert kinds["TASK_FINISHED"] == PODS // 5 * 2 and kinds["TASK_LOST"] == 0, kinds

    after = {}

    def same():
        after.update(machine.look())
        return all(after[kind] == before[kind] for kind in before if kind != "descriptors") and all(
            count <= before["descriptors"].get(kind, 0) for kind, count in after["descriptors"].items())
    try:
        wait_for(same, "the machine as it was before", 20)
    except DeadlineExceeded:
        print(*[line for line in machine.agent.log_text().splitlines() if "left something" in line], sep="\n")
        for kind, found in after.items():
            print(kind, [x for x in found if x not in before[kind]][:30], len(found), len(before[kind]))
            assert found == before[kind], f"{kind}: more or less than before"
        raise
    scheduler.teardown()
    scheduler.close()
