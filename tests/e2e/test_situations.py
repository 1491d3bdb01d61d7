"""What a scheduler is told in each situation, against what a real Mesos told in the same (api/golden/situations.json):
states, sources, reasons, which fields are set, and messages but for ids, paths and numbers."""
import json
import re

import pytest

from harness.cluster import ROOT, Cluster, call
from harness.scheduler import TERMINAL, Scheduler
from harness.wait import wait_for

GOLDEN = json.loads((ROOT / "api" / "golden" / "situations.json").read_text())

# As recorded: agents are pinged each second, and lost after three pings.
MASTER_FLAGS = {"agent_ping_timeout": "1secs", "max_agent_ping_timeouts": "3"}
AGENT_FLAGS = {"resources": "ports:[31000-32000];cpus:8;mem:16384;disk:20000"}

FRAMEWORKS = {
    "partition-aware": {"capabilities": ("PARTITION_AWARE", "TASK_KILLING_STATE")},
    "not partition-aware": {"capabilities": ()},
    "no checkpoint": {"capabilities": ("PARTITION_AWARE", "TASK_KILLING_STATE"), "checkpoint": False},
}


def plain_message(text):
    """The message without what differs from run to run."""
    text = text.split("MEMORY STATISTICS")[0]  # What follows are the kernel's counters, by their cgroup version.
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(-[SO]?\d+)?", "<id>", text)
    # Mesos tells the exit status of its fetcher here; we have none, and tell what it was about.
    text = re.sub(r"(Failed to fetch all URIs for container '<id>'): .*", r"\1", text)
    text = re.sub(r"'/[^']*'", "<path>", text)
    return re.sub(r"\d+(\.\d+)?", "<n>", text)


def summary(status):
    """An update in the form of the recording: the fields that tell, and the names of the others that are set."""
    told = ("state", "source", "reason", "healthy", "check_status", "limitation")
    found = {key: status[key] for key in told if key in status}
    found["task_id"] = status["task_id"]["value"]
    if "message" in status:
        found["message"] = plain_message(status["message"])
    found["has"] = sorted(set(status) - {*told, "task_id", "message", "data"})
    return found


# Where we say the same in other words: no client reads these, and ours name the thing by the name our documents give it.
OUR_WORDS = {"unknown user": "Failed to create sandbox <path>: cannot chown it to 'nosuchuser': no such user 'nosuchuser'"}


def recorded(name, task_id=None):
    """The recording's updates; with `task_id` only that task's: some begin with the end of the situation before."""
    wanted = [dict(update) for update in GOLDEN[name]["updates"] if task_id in (None, update["task_id"])]
    for update in wanted:
        if "message" in update:
            update["message"] = OUR_WORDS.get(name) or plain_message(update["message"])
    return wanted


def failures(events):
    """FAILURE events as recorded: the names of their fields, and the exit status."""
    found = []
    for event in events:
        if event["type"] == "FAILURE":
            failure = event["failure"]
            found.append(sorted(failure) + ([f"status={failure['status']}"] if "status" in failure else []))
    return found


# --- one task ---

@pytest.fixture(scope="module")
def still():
    """A cluster in which no agent vanishes."""
    with Cluster(agent_flags=AGENT_FLAGS) as running:
        yield running


@pytest.fixture
def scheduler(still):
    framework = Scheduler(still.port)
    yield framework
    framework.teardown()


def run_to_end(scheduler, task_id, command, **fields):
    scheduler.run(task_id, command, **fields)
    wait_for(lambda: set(scheduler.states(task_id)) & TERMINAL, f"the end of {task_id}")


def run_and_kill(scheduler, task_id, command, when="TASK_RUNNING", count=1, **fields):
    scheduler.run(task_id, command, **fields)
    wait_for(lambda: scheduler.states(task_id).count(when) >= count, f"{task_id} {when}")
    scheduler.kill(task_id)
    wait_for(lambda: set(scheduler.states(task_id)) & TERMINAL, f"the end of {task_id}")


def duplicate(scheduler, task_id):
    scheduler.run(task_id, "sleep 1000")
    scheduler.wait_state(task_id, "TASK_RUNNING")
    scheduler.run(task_id, "sleep 1000")
    wait_for(lambda: "TASK_ERROR" in scheduler.states(task_id), "the refusal")


def used_offer(scheduler, task_id):
    offer = scheduler.run("first-use", "true")
    scheduler.wait_state("first-use", "TASK_FINISHED")
    scheduler.accept(offer, [scheduler.task(offer, task_id, "true")])
    scheduler.wait_state(task_id, "TASK_DROPPED")


def health(value, **fields):
    return {"type": "COMMAND", "command": {"value": value}, "delay_seconds": 0, "interval_seconds": 0.2,
            "grace_period_seconds": 0, **fields}


def executor(task_id, command):
    return {"executor_id": {"value": task_id}, "type": "CUSTOM", "command": {"value": command},
            "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}},
                          {"name": "mem", "type": "SCALAR", "scalar": {"value": 32}}]}


def custom_executor(scheduler, task_id):
    offer = scheduler.wait_offer(0.2)
    task = scheduler.task(offer, task_id, "unused", executor=executor(task_id, "exit 5"))
    del task["command"]
    scheduler.accept(offer, [task])
    wait_for(lambda: scheduler.states(task_id) and failures(scheduler.events), "the end of the executor")


HOG = "exec python3 -c 'x=bytearray(200<<20); print(len(x))'"
ONE_TASK = {
    "exit 0": lambda s, t: run_to_end(s, t, "exit 0"),
    "exit 3": lambda s, t: run_to_end(s, t, "exit 3"),
    "killed by its own SIGKILL": lambda s, t: run_to_end(s, t, "kill -9 $$"),
    "segfault": lambda s, t: run_to_end(s, t, "kill -SEGV $$"),
    "binary missing": lambda s, t: run_to_end(s, t, {"shell": False, "value": "/nonexistent/program"}),
    "KILL": lambda s, t: run_and_kill(s, t, "sleep 1000"),
    "KILL, TERM ignored, grace 500 ms": lambda s, t: run_and_kill(
        s, t, "trap '' TERM; while true; do sleep 1; done",
        kill_policy={"grace_period": {"nanoseconds": 500_000_000}}),
    "memory limit exceeded": lambda s, t: run_to_end(s, t, HOG, mem=64),
    "fetch fails": lambda s, t: run_to_end(s, t, {"value": "true", "uris": [{"value": "/nonexistent/file"}]}),
    "max completion time": lambda s, t: run_to_end(
        s, t, "sleep 1000", max_completion_time={"nanoseconds": 300_000_000}),
    "unknown user": lambda s, t: run_to_end(s, t, {"value": "true", "user": "nosuchuser"}),
    "more than offered": lambda s, t: run_to_end_with_offer(s, t),
    "duplicate task id": duplicate,
    "health check fails twice": lambda s, t: run_to_end(
        s, t, "sleep 1000", health_check=health("exit 1", consecutive_failures=2)),
    "check": lambda s, t: run_and_kill(
        s, t, "sleep 1000", count=2,
        check={"type": "COMMAND", "command": {"command": {"value": "exit 7"}}, "delay_seconds": 0,
               "interval_seconds": 60}),
    "custom executor exits before it subscribes": custom_executor,
    "offer already used": used_offer,
}


def run_to_end_with_offer(scheduler, task_id):
    offer = scheduler.wait_offer()
    scheduler.accept(offer, [scheduler.task(offer, task_id, "true", cpus=10000)])
    scheduler.wait_state(task_id, "TASK_ERROR")


@pytest.mark.parametrize("name", ONE_TASK)
def test_one_task(scheduler, name):
    task_id = name.replace(" ", "-")
    ONE_TASK[name](scheduler, task_id)
    assert [summary(u) for u in scheduler.updates if u["task_id"]["value"] == task_id] == recorded(name, task_id)
    assert failures(scheduler.events) == GOLDEN[name].get("failure_events", [])


# --- an agent that vanishes ---

class Story:
    """Three frameworks watch one agent; what each was told in a chapter is kept under the recording's name of it."""

    def __init__(self, cluster):
        self.cluster, self.agent = cluster, cluster.agents[0]
        self.frameworks = {name: Scheduler(cluster.port, name=name, **info) for name, info in FRAMEWORKS.items()}
        self.told, self.events = {}, {}
        self.barriers = 0

    def each(self, what):
        for name, framework in self.frameworks.items():
            what(name, framework)

    def barrier(self):
        """Until each framework has what the master told it so far: its stream keeps the order."""
        self.barriers += 1
        task_id = f"barrier-{self.barriers}"
        self.each(lambda _, f: f.call("RECONCILE", {"tasks": [{"task_id": {"value": task_id}}]}))
        self.each(lambda _, f: wait_for(lambda: f.states(task_id), "the answer about an unknown task"))

    def chapter(self, title, happens):
        self.barrier()
        before = {name: (len(f.updates), len(f.events)) for name, f in self.frameworks.items()}
        happens()
        self.barrier()
        for name, framework in self.frameworks.items():
            updates, events = before[name]
            self.told[f"{title}: {name}"] = [u for u in framework.updates[updates:]
                                             if not u["task_id"]["value"].startswith("barrier-")]
            self.events[f"{title}: {name}"] = framework.events[events:]

    def offer_to(self, framework):
        """An offer to that framework: the others, which would hold all there is, give it back."""
        others = [other for other in self.frameworks.values() if other is not framework]
        for other in others:
            other.call("SUPPRESS", {})
        framework.call("REVIVE", {})

        def offered():
            for other in others:
                for offer_id in list(other.offers):
                    if other.offers.pop(offer_id, None):
                        other.call("DECLINE", {"offer_ids": [{"value": offer_id}]})
            return next(iter(framework.offers.values()), None)
        return wait_for(offered, "an offer")

    def launch(self, prefix):
        def run(name, framework):
            task_id = f"{prefix}-{name.replace(' ', '-')}"
            offer = self.offer_to(framework)
            framework.accept(offer, [framework.task(offer, task_id, "sleep 1000")])
            framework.wait_state(task_id, "TASK_RUNNING")
        self.each(run)

    def killed_and_back(self):
        self.agent.kill9()
        wait_for(lambda: not self.cluster.active_agents(), "the master to notice")
        self.agent.start()
        self.cluster.wait_agents(1)

    def dead(self):
        self.agent.kill9()
        self.each(lambda _, f: wait_for(lambda: any(e["type"] == "FAILURE" for e in f.events), "FAILURE"))

    def back(self):
        self.agent.start()
        self.cluster.wait_agents(1)

    def drained(self):
        agent_id = self.cluster.active_agents()[0]["agent_info"]["id"]
        call(self.cluster.port, {"type": "DRAIN_AGENT", "drain_agent": {"agent_id": agent_id}})

        def state():
            [agent] = call(self.cluster.port, {"type": "GET_AGENTS"})["get_agents"]["agents"]
            return agent["drain_info"]["state"]
        wait_for(lambda: state() == "DRAINED", "the end of the drain")
        call(self.cluster.port, {"type": "REACTIVATE_AGENT", "reactivate_agent": {"agent_id": agent_id}})

    def gone(self):
        agent_id = self.cluster.active_agents()[0]["agent_info"]["id"]
        call(self.cluster.port, {"type": "MARK_AGENT_GONE", "mark_agent_gone": {"agent_id": agent_id}})

    def reconcile_long(self, name, framework):
        framework.call("RECONCILE", {"tasks": [{"task_id": {"value": f"long-{name.replace(' ', '-')}"}}]})


def tell(story):
    story.launch("quick")
    story.chapter("agent killed and back at once", story.killed_and_back)
    story.chapter("  implicit reconciliation after it",
                  lambda: story.each(lambda _, f: f.call("RECONCILE", {"tasks": []})))
    story.launch("long")
    story.chapter("agent dead past the ping timeout", story.dead)
    story.chapter("  explicit reconciliation while unreachable", lambda: story.each(story.reconcile_long))
    story.chapter("  agent back after being unreachable", story.back)
    story.launch("drain")
    story.chapter("agent drained (call answered 200)", story.drained)
    story.launch("gone")
    story.chapter("agent marked gone (reactivate answered 200, gone answered 200)", story.gone)
    assert story.agent.child.wait(20) != 0, "a gone agent's process ends, and says so"


@pytest.fixture(scope="module")
def story():
    with Cluster(master_flags=MASTER_FLAGS, agent_flags=AGENT_FLAGS) as running:
        told = Story(running)
        tell(told)
        yield told


VANISHING = sorted(set(GOLDEN) - set(ONE_TASK))


@pytest.mark.parametrize("name", VANISHING)
def test_agent_vanishes(story, name):
    def by_task(updates):  # Tasks of one agent are told of in no particular order.
        return sorted(updates, key=lambda update: update["task_id"])

    assert by_task([summary(u) for u in story.told[name]]) == by_task(recorded(name))
    assert failures(story.events[name]) == GOLDEN[name].get("failure_events", [])


def test_every_situation_has_its_test():
    assert set(GOLDEN) == set(ONE_TASK) | set(VANISHING)
    assert len(VANISHING) == 21
