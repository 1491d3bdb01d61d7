"""Custom executors: a real master and agents, an executor of the framework in Python, and the agent killed under it."""
import base64
import json
import os
import sys
from pathlib import Path

import pytest
from harness import shapes
from harness.cluster import request
from harness.scheduler import framework_on, scalar
from harness.wait import wait_for

GOLDEN = Path(__file__).parents[2] / "api" / "golden" / "executor-events.jsonl"
PROGRAM = Path(__file__).parent.parent / "harness" / "executor_program.py"


@pytest.fixture(scope="module")
def cluster(shared_cluster):
    return shared_cluster


class Executor:
    """What a test does with one executor of a scheduler."""

    def __init__(self, scheduler, cluster, name, **info):
        self.scheduler, self.cluster, self.name = scheduler, cluster, name
        self.agent_id = None
        self.info = {"type": "CUSTOM", "executor_id": {"value": name}, "name": "test executor",
                     "command": {"shell": True, "value": f"exec {sys.executable} {PROGRAM}"},
                     "resources": [scalar("cpus", 0.1), scalar("mem", 32)], **info}

    def launch(self, *tasks, data=""):
        offer = self.scheduler.wait_offer(cpus=0.5)
        self.agent_id = offer["agent_id"]
        self.scheduler.accept(offer, [
            {"name": task, "task_id": {"value": task}, "agent_id": offer["agent_id"], "executor": self.info,
             "resources": [scalar("cpus", 0.1), scalar("mem", 32)], "data": base64.b64encode(data.encode()).decode()}
            for task in tasks])

    def send(self, text):
        self.scheduler.call("MESSAGE", {"agent_id": self.agent_id, "executor_id": {"value": self.name},
                                        "data": base64.b64encode(text.encode()).decode()})

    def shutdown(self):
        self.scheduler.call("SHUTDOWN", {"agent_id": self.agent_id, "executor_id": {"value": self.name}})

    def wait_message(self, text):
        def came():
            return [event for event in self.scheduler.events if event["type"] == "MESSAGE"
                    and event["message"]["executor_id"]["value"] == self.name
                    and base64.b64decode(event["message"]["data"]).decode() == text]
        return wait_for(came, f"message {text!r} of executor {self.name}")

    def wait_failure(self):
        def came():
            return [event["failure"] for event in self.scheduler.events if event["type"] == "FAILURE"
                    and event["failure"].get("executor_id", {}).get("value") == self.name]
        return wait_for(came, f"FAILURE of executor {self.name}")[0]

    def sandbox(self):
        runs = list(Path(self.cluster.agents[0].work_dir).glob(
            f"slaves/*/frameworks/{self.scheduler.id}/executors/{self.name}/runs/*-*"))
        return max(runs, key=os.path.getmtime)

    def events(self):
        return [json.loads(line) for line in (self.sandbox() / "events").read_text().splitlines()]


def last(scheduler, task):
    return [status for status in scheduler.updates if status["task_id"]["value"] == task][-1]


def test_two_tasks_share_one_executor(cluster, scheduler):
    executor = Executor(scheduler, cluster, "shared")
    executor.launch("one", "two")
    for task in ("one", "two"):
        scheduler.wait_state(task, "TASK_RUNNING")
    containers = {last(scheduler, task)["container_status"]["container_id"]["value"] for task in ("one", "two")}
    assert len(containers) == 1
    assert executor.sandbox().name == containers.pop()
    scheduler.kill("one")
    scheduler.wait_state("one", "TASK_KILLED")
    assert scheduler.states("two") == ["TASK_RUNNING"]
    executor.launch("three", data="finish")
    scheduler.wait_state("three", "TASK_FINISHED")
    kinds = [event["type"] for event in executor.events()]
    assert kinds[:3] == ["SUBSCRIBED", "LAUNCH", "LAUNCH"]
    assert kinds.count("SUBSCRIBED") == 1, "one executor for all three"


def test_events_have_the_recorded_shapes(cluster, scheduler):
    executor = Executor(scheduler, cluster, "shaped")
    executor.launch("shaped-task", data="some data")
    scheduler.wait_state("shaped-task", "TASK_RUNNING")
    executor.send("hello")
    executor.wait_message("echo:hello")
    scheduler.kill("shaped-task")
    scheduler.wait_state("shaped-task", "TASK_KILLED")
    wait_for(lambda: [event["type"] for event in executor.events()].count("ACKNOWLEDGED") == 2, "acknowledgements")
    recorded = [json.loads(line) for line in GOLDEN.read_text().splitlines()]
    ours = executor.events()
    for kind in ("SUBSCRIBED", "LAUNCH", "ACKNOWLEDGED", "MESSAGE", "KILL"):
        differences = shapes.differences(shapes.shape([event for event in recorded if event["type"] == kind]),
                                         shapes.shape([event for event in ours if event["type"] == kind]))
        # What this cluster's framework and agent have is not what the recorded ones had.
        assert [each for each in differences if not each[1].startswith(
            ("subscribed.framework_info.", "subscribed.agent_info.attributes"))] == [], kind


def test_a_group_is_handed_over_together(cluster, scheduler):
    executor = Executor(scheduler, cluster, "grouped")
    offer = scheduler.wait_offer(cpus=0.5)
    tasks = [{"name": task, "task_id": {"value": task}, "agent_id": offer["agent_id"],
              "resources": [scalar("cpus", 0.1), scalar("mem", 32)]} for task in ("member-1", "member-2")]
    scheduler.call("ACCEPT", {"offer_ids": [offer["id"]], "operations": [
        {"type": "LAUNCH_GROUP", "launch_group": {"executor": executor.info, "task_group": {"tasks": tasks}}}]})
    for task in ("member-1", "member-2"):
        scheduler.wait_state(task, "TASK_RUNNING")
    launches = [event for event in executor.events() if event["type"] == "LAUNCH_GROUP"]
    assert [len(event["launch_group"]["task_group"]["tasks"]) for event in launches] == [2]


def test_limits_follow_the_tasks(cluster, scheduler):
    executor = Executor(scheduler, cluster, "growing")

    def limit_mb():
        containers = json.loads(request(cluster.agents[0].port, "GET", "/monitor/statistics")[2])
        return next(each["statistics"]["mem_limit_bytes"] for each in containers
                    if each["executor_id"] == "growing") >> 20

    executor.launch("growing-1")
    scheduler.wait_state("growing-1", "TASK_RUNNING")
    assert limit_mb() == 64
    executor.launch("growing-2")
    scheduler.wait_state("growing-2", "TASK_RUNNING")
    wait_for(lambda: limit_mb() == 96, "a look at it that is newer than a second")


def test_environment_is_what_executors_expect(cluster, scheduler):
    executor = Executor(scheduler, cluster, "environment")
    executor.launch("environment-task")
    scheduler.wait_state("environment-task", "TASK_RUNNING")
    told = json.loads((executor.sandbox() / "environment").read_text())
    agent = cluster.agents[0]
    expected = {
        "MESOS_EXECUTOR_ID": "environment", "MESOS_CHECKPOINT": "1", "MESOS_HTTP_COMMAND_EXECUTOR": "0",
        "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD": "5secs", "MESOS_SUBSCRIPTION_BACKOFF_MAX": "2secs",
        "LIBPROCESS_PORT": "0", "MESOS_AGENT_ENDPOINT": f"127.0.0.1:{agent.port}",
        "MESOS_SANDBOX": str(executor.sandbox()), "MESOS_RECOVERY_TIMEOUT": "15mins",
        "MESOS_FRAMEWORK_ID": scheduler.id, "MESOS_SLAVE_ID": executor.agent_id["value"],
        "MESOS_DIRECTORY": str(executor.sandbox()), "MESOS_SLAVE_PID": f"slave(1)@127.0.0.1:{agent.port}",
        "LIBPROCESS_IP": "127.0.0.1"}
    assert {name: value for name, value in told.items() if name.startswith(("MESOS", "LIBPROCESS"))} == expected


def test_messages_go_both_ways(cluster, scheduler):
    executor = Executor(scheduler, cluster, "talker")
    executor.launch("talk")
    scheduler.wait_state("talk", "TASK_RUNNING")
    executor.send("hello")
    executor.wait_message("echo:hello")


def test_the_end_of_an_executor_fails_its_tasks(cluster, scheduler):
    executor = Executor(scheduler, cluster, "short-lived")
    executor.launch("left-1", "left-2")
    for task in ("left-1", "left-2"):
        scheduler.wait_state(task, "TASK_RUNNING")
    executor.send("exit 5")
    for task in ("left-1", "left-2"):
        scheduler.wait_state(task, "TASK_FAILED")
        assert last(scheduler, task)["reason"] == "REASON_EXECUTOR_TERMINATED"
        assert last(scheduler, task)["source"] == "SOURCE_AGENT"
    assert executor.wait_failure()["status"] == 5 << 8


def test_one_that_exits_before_it_subscribes(cluster, scheduler):
    executor = Executor(scheduler, cluster, "never", command={"shell": True, "value": "exit 5"})
    executor.launch("hopeless")
    scheduler.wait_state("hopeless", "TASK_FAILED")
    assert last(scheduler, "hopeless")["message"] == "Executor terminated"
    assert executor.wait_failure()["status"] == 5 << 8


def test_shutdown_ends_a_willing_executor(cluster, scheduler):
    executor = Executor(scheduler, cluster, "willing")
    executor.launch("willing-task")
    scheduler.wait_state("willing-task", "TASK_RUNNING")
    executor.shutdown()
    scheduler.wait_state("willing-task", "TASK_FAILED")
    assert executor.wait_failure()["status"] == 0
    assert executor.events()[-1]["type"] == "SHUTDOWN"


def test_shutdown_ends_a_deaf_executor_after_its_grace(cluster, scheduler):
    executor = Executor(scheduler, cluster, "deaf", shutdown_grace_period={"nanoseconds": 300_000_000})
    executor.launch("deaf-task")
    scheduler.wait_state("deaf-task", "TASK_RUNNING")
    executor.send("stubborn")
    executor.wait_message("echo:stubborn")
    executor.shutdown()
    scheduler.wait_state("deaf-task", "TASK_FAILED")
    assert executor.wait_failure()["status"] == 9
    assert executor.events()[-1]["type"] == "SHUTDOWN"


def test_an_executor_outlives_its_agent(cluster, scheduler):
    agent = cluster.agents[0]
    executor = Executor(scheduler, cluster, "survivor")
    executor.launch("before")
    scheduler.wait_state("before", "TASK_RUNNING")
    agent.kill9()
    agent.start()
    cluster.wait_agents(1)
    executor.launch("after")
    scheduler.wait_state("after", "TASK_RUNNING")
    # Nothing new to tell; the agent may have died before it heard the acknowledgement, and repeat it.
    told = {(u["state"], u["uuid"]) for u in list(scheduler.updates) if u["task_id"]["value"] == "before"}
    assert [state for state, _ in told] == ["TASK_RUNNING"]
    kinds = [event["type"] for event in executor.events()]
    assert kinds.count("SUBSCRIBED") == 2
    assert kinds.count("LAUNCH") == 2
    scheduler.kill("before")
    scheduler.wait_state("before", "TASK_KILLED")


def test_without_checkpoint_it_ends_with_its_agent(cluster):
    with framework_on(cluster, name="no-checkpoint", checkpoint=False) as scheduler:
        agent = cluster.agents[0]
        executor = Executor(scheduler, cluster, "mortal")
        executor.launch("lost")
        scheduler.wait_state("lost", "TASK_RUNNING")
        pid = last(scheduler, "lost")["container_status"]["executor_pid"]
        agent.kill9()
        agent.start()
        cluster.wait_agents(1)
        wait_for(lambda: not os.path.exists(f"/proc/{pid}"), "end of the executor")


def test_views_of_the_agent_show_executors(cluster, scheduler):
    executor = Executor(scheduler, cluster, "shown")
    executor.launch("shown-1", "shown-2")
    for task in ("shown-1", "shown-2"):
        scheduler.wait_state(task, "TASK_RUNNING")
    state = cluster.agents[0].state()
    framework = next(each for each in state["frameworks"] if each["id"] == scheduler.id)
    shown = next(each for each in framework["executors"] if each["id"] == "shown")
    assert sorted(task["id"] for task in shown["tasks"]) == ["shown-1", "shown-2"]
    assert shown["container"] == executor.sandbox().name
    assert shown["directory"] == str(executor.sandbox())
