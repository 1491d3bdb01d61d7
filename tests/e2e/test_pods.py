"""Pods: task groups of the default executor on a real master and agent, which runs them itself, without a process of their own."""
import json
import os
from pathlib import Path
from urllib.parse import urlencode

import pytest
from harness.cluster import call, request
from harness.scheduler import TERMINAL, framework_on, scalar
from harness.wait import wait_for


@pytest.fixture(scope="module")
def cluster(shared_cluster):
    return shared_cluster


class Pod:
    """What a test does with one default executor of a scheduler."""

    def __init__(self, scheduler, cluster, name, mem=32):
        self.scheduler, self.cluster, self.name = scheduler, cluster, name
        self.agent_id = None
        self.info = {"type": "DEFAULT", "executor_id": {"value": name}, "framework_id": {"value": scheduler.id},
                     "resources": [scalar("cpus", 0.1), scalar("mem", mem), scalar("disk", 32)]}

    def launch(self, group, **fields):
        """`group`: commands by task id, launched together."""
        offer = self.scheduler.wait_offer(cpus=0.1 + 0.1 * len(group))
        self.agent_id = offer["agent_id"]
        with self.scheduler._lock:
            self.scheduler.offers.pop(offer["id"]["value"], None)
        tasks = [self.scheduler.task(offer, task, command, **fields) for task, command in group.items()]
        self.scheduler.call("ACCEPT", {"offer_ids": [offer["id"]], "filters": {"refuse_seconds": 0.0}, "operations": [
            {"type": "LAUNCH_GROUP", "launch_group": {"executor": self.info, "task_group": {"tasks": tasks}}}]})

    def wait_running(self, *tasks):
        return [self.scheduler.wait_state(task, "TASK_RUNNING") for task in tasks]

    def view(self):
        """The pod in the agent's /state, and whether it is over."""
        state = self.cluster.agents[0].state()
        for framework in state["frameworks"] + state["completed_frameworks"]:
            for kind in ("executors", "completed_executors"):
                for executor in framework[kind]:
                    if executor["id"] == self.name and framework["id"] == self.scheduler.id:
                        return executor, kind == "completed_executors"
        return None, False

    def wait_over(self):
        wait_for(lambda: self.view()[1], f"end of pod {self.name}")

    def wait_failure(self):
        def came():
            return [event["failure"] for event in self.scheduler.events if event["type"] == "FAILURE"
                    and event["failure"].get("executor_id", {}).get("value") == self.name]
        return wait_for(came, f"FAILURE of executor {self.name}")[0]


def last(scheduler, task):
    return [status for status in scheduler.updates if status["task_id"]["value"] == task][-1]


def pid_of(status):
    return status["container_status"]["executor_pid"]


def gone(pid):
    return not os.path.exists(f"/proc/{pid}")


def test_two_live_and_end_together(cluster, scheduler):
    pod = Pod(scheduler, cluster, "pair")
    pod.launch({"pair-a": "echo from a; sleep 1000", "pair-b": "sleep 1000"})
    first, second = pod.wait_running("pair-a", "pair-b")
    assert scheduler.states("pair-a") == ["TASK_STARTING", "TASK_RUNNING"]
    inner, outer = first["container_status"]["container_id"], pod.view()[0]["container"]
    assert inner["parent"]["value"] == outer
    assert inner["value"] not in (outer, second["container_status"]["container_id"]["value"])
    assert second["container_status"]["container_id"]["parent"]["value"] == outer
    for status in (first, second):
        assert status["executor_id"]["value"] == "pair"
        assert status["source"] == "SOURCE_EXECUTOR"
    scheduler.kill("pair-a")
    for task, status in (("pair-a", first), ("pair-b", second)):
        assert scheduler.wait_state(task, "TASK_KILLED")["message"] == "Command terminated with signal Terminated"
        assert scheduler.states(task)[2:] == ["TASK_KILLING", "TASK_KILLED"]
        assert gone(pid_of(status))
    assert pod.wait_failure()["status"] == 0
    pod.wait_over()


def test_is_shown_as_an_executor_with_its_tasks(cluster, scheduler):
    agent = cluster.agents[0]
    pod = Pod(scheduler, cluster, "seen")
    pod.launch({"seen-a": "echo from a; sleep 1000", "seen-b": "sleep 1000"})
    status = pod.wait_running("seen-a", "seen-b")[0]
    view, _ = pod.view()
    assert view["type"] == "DEFAULT"
    assert sorted(task["id"] for task in view["tasks"]) == ["seen-a", "seen-b"]
    assert {task["executor_id"] for task in view["tasks"]} == {"seen"}
    assert (round(view["resources"]["cpus"], 3), view["resources"]["mem"]) == (0.3, 96)
    containers = json.loads(request(agent.port, "GET", "/containers")[2])
    mine = [one for one in containers if one["executor_id"] == "seen"]
    assert [one["container_id"] for one in mine] == [view["container"]], "the pod alone, not what is nested in it"
    assert mine[0]["statistics"]["mem_limit_bytes"] == 96 << 20
    answer = call(agent.port, {"type": "GET_CONTAINERS", "get_containers": {"show_nested": True}})
    nested = [one for one in answer["get_containers"]["containers"]
              if one["container_status"]["container_id"].get("parent", {}).get("value") == view["container"]]
    assert len(nested) == 2
    # The task's sandbox is in the pod's, and under the task's name.
    inner = status["container_status"]["container_id"]["value"]
    for path in (f"{view['directory']}/containers/{inner}/stdout", f"{view['directory']}/tasks/seen-a/stdout",
                 f"/frameworks/{scheduler.id}/executors/seen/runs/latest/tasks/seen-a/stdout"):
        query = urlencode({"path": path, "offset": 0, "length": 100})
        code, _, body = request(agent.port, "GET", "/files/read?" + query)
        assert code == 200, (path, body)
        assert json.loads(body)["data"] == "from a\n", path
    assert (Path(view["directory"]) / "stdout").exists()
    master = cluster.tasks()["tasks"]
    assert {task["executor_id"]["value"] for task in master if task["name"].startswith("seen-")} == {"seen"}


def test_finished_ends_nobody_and_failed_ends_all(cluster, scheduler):
    pod = Pod(scheduler, cluster, "trio")
    pod.launch({"trio-good": "exit 0", "trio-stays": "sleep 1000", "trio-bad": "while [ ! -e go ]; do sleep 0.05; done; exit 3"})
    scheduler.wait_state("trio-good", "TASK_FINISHED")
    running = pod.wait_running("trio-stays", "trio-bad")
    assert not any(state in TERMINAL for state in scheduler.states("trio-stays"))
    bad = running[1]["container_status"]["container_id"]["value"]
    (Path(pod.view()[0]["directory"]) / "containers" / bad / "go").touch()
    assert scheduler.wait_state("trio-bad", "TASK_FAILED")["message"] == "Command exited with status 3"
    assert scheduler.wait_state("trio-stays", "TASK_KILLED")["source"] == "SOURCE_EXECUTOR"
    pod.wait_over()


def test_second_group_joins_the_pod_and_ends_alone(cluster, scheduler):
    pod = Pod(scheduler, cluster, "grows")
    pod.launch({"grows-1": "sleep 1000"})
    pod.wait_running("grows-1")
    container = pod.view()[0]["container"]
    pod.launch({"grows-2": "sleep 1000", "grows-3": "sleep 1000"}, mem=64)
    joined = pod.wait_running("grows-2", "grows-3")
    assert {one["container_status"]["container_id"]["parent"]["value"] for one in joined} == {container}
    usage = [one for one in json.loads(request(cluster.agents[0].port, "GET", "/containers")[2]) if one["container_id"] == container]
    assert usage[0]["statistics"]["mem_limit_bytes"] == (32 + 32 + 2 * 64) << 20
    scheduler.kill("grows-3")
    for task in ("grows-2", "grows-3"):
        scheduler.wait_state(task, "TASK_KILLED")
    assert scheduler.states("grows-1") == ["TASK_STARTING", "TASK_RUNNING"]
    assert not pod.view()[1]


def test_shutdown_ends_the_whole_pod(cluster, scheduler):
    pod = Pod(scheduler, cluster, "closing")
    pod.launch({"closing-1": "sleep 1000"})
    pod.wait_running("closing-1")
    pod.launch({"closing-2": "sleep 1000"})
    pod.wait_running("closing-2")
    scheduler.call("SHUTDOWN", {"agent_id": pod.agent_id, "executor_id": {"value": "closing"}})
    for task in ("closing-1", "closing-2"):
        scheduler.wait_state(task, "TASK_KILLED")
    pod.wait_over()


def test_memory_of_the_pod_ends_all_of_it(cluster, scheduler):
    pod = Pod(scheduler, cluster, "hungry")
    pod.launch({"hungry-eats": "head -c 400m /dev/zero | tail", "hungry-idles": "sleep 1000"})
    for task in ("hungry-eats", "hungry-idles"):
        end = scheduler.wait_state(task, "TASK_FAILED")
        assert end["reason"] == "REASON_CONTAINER_LIMITATION_MEMORY", end
        assert end["limitation"]["resources"][0]["name"] == "mem"
    pod.wait_over()


def test_a_task_with_cgroups_of_its_own_hits_its_own_limit(cluster, scheduler):
    pod = Pod(scheduler, cluster, "apart", mem=512)
    own = {"type": "MESOS", "linux_info": {"share_cgroups": False}}
    pod.launch({"apart-stays": "sleep 1000"}, container=own)
    pod.wait_running("apart-stays")
    pod.launch({"apart-eats": "head -c 200m /dev/zero | tail"}, container=own)
    end = scheduler.wait_state("apart-eats", "TASK_FAILED")
    assert end["reason"] == "REASON_CONTAINER_LIMITATION_MEMORY", end
    assert scheduler.states("apart-stays") == ["TASK_STARTING", "TASK_RUNNING"], "another group, another cgroup"


def test_one_that_cannot_be_launched_takes_its_group_along(cluster, scheduler):
    pod = Pod(scheduler, cluster, "broken")
    pod.launch({"broken-good": "sleep 1000",
                "broken-bad": {"value": "true", "uris": [{"value": "file:///nonexistent/archive.tar"}]}})
    assert scheduler.wait_state("broken-bad", "TASK_FAILED")["reason"] == "REASON_CONTAINER_LAUNCH_FAILED"
    scheduler.wait_state("broken-good", "TASK_KILLED")
    pod.wait_over()


def test_kill_waits_for_the_grace_of_each(cluster, scheduler):
    pod = Pod(scheduler, cluster, "stubborn")
    pod.launch({"stubborn-a": "trap '' TERM; while :; do sleep 0.1; done", "stubborn-b": "sleep 1000"},
               kill_policy={"grace_period": {"nanoseconds": 300_000_000}})
    pod.wait_running("stubborn-a", "stubborn-b")
    scheduler.kill("stubborn-b")
    assert scheduler.wait_state("stubborn-a", "TASK_KILLED")["message"] in (
        "Command terminated with signal Killed", "Command terminated with signal Terminated")
    scheduler.wait_state("stubborn-b", "TASK_KILLED")


def test_the_agent_is_killed_in_the_middle(cluster, scheduler):
    agent = cluster.agents[0]
    pod = Pod(scheduler, cluster, "survivor")
    pod.launch({"survivor-a": "sleep 1000", "survivor-b": "sleep 1000"})
    before = pod.wait_running("survivor-a", "survivor-b")
    container = pod.view()[0]["container"]
    agent.kill9()
    agent.start()
    cluster.wait_agents(1)
    wait_for(lambda: pod.view()[0], "the pod in the new agent's state")
    view, over = pod.view()
    assert not over
    assert view["container"] == container
    assert sorted(task["id"] for task in view["tasks"]) == ["survivor-a", "survivor-b"]
    for status in before:
        assert not gone(pid_of(status)), "the same processes run on"
    for task in ("survivor-a", "survivor-b"):
        assert scheduler.states(task) == ["TASK_STARTING", "TASK_RUNNING"], "nothing to tell, nothing launched again"
    pod.launch({"survivor-c": "sleep 1000"})
    assert pod.wait_running("survivor-c")[0]["container_status"]["container_id"]["parent"]["value"] == container
    # And once more while one of them ends.
    agent.kill9()
    os.kill(pid_of(before[0]), 9)
    agent.start()
    cluster.wait_agents(1)
    assert scheduler.wait_state("survivor-a", "TASK_FAILED")["message"] == "Command terminated with signal Killed"
    scheduler.wait_state("survivor-b", "TASK_KILLED")
    assert scheduler.states("survivor-c") == ["TASK_STARTING", "TASK_RUNNING"]
    scheduler.kill("survivor-c")
    scheduler.wait_state("survivor-c", "TASK_KILLED")
    pod.wait_over()
    assert gone(pid_of(before[1]))


def test_without_checkpoint_it_goes_with_its_agent(cluster):
    with framework_on(cluster, name="no-checkpoint", checkpoint=False) as scheduler:
        agent = cluster.agents[0]
        pod = Pod(scheduler, cluster, "mortal")
        pod.launch({"mortal-a": "sleep 1000"})
        pid = pid_of(pod.wait_running("mortal-a")[0])
        agent.kill9()
        agent.start()
        cluster.wait_agents(1)
        scheduler.wait_state("mortal-a", "TASK_LOST")
        wait_for(lambda: gone(pid), "end of the task")


def test_resources_are_free_again(cluster, scheduler):
    pod = Pod(scheduler, cluster, "brief")
    pod.launch({"brief-a": "exit 0", "brief-b": "exit 0"})
    for task in ("brief-a", "brief-b"):
        scheduler.wait_state(task, "TASK_FINISHED")
    pod.wait_over()
    wait_for(lambda: cluster.state()["slaves"][0]["used_resources"]["cpus"] == 0, "the pod's resources to be free")
