"""The recorded scenario, played against a cluster of ours: a running command task with labels and discovery, a failed and a
finished one, a pod of two, a custom executor with two tasks (one killed), frameworks that are over."""
import contextlib
import json
import shlex
import signal
import sys
import urllib.parse

from harness.cluster import request
from harness.scheduler import Scheduler
from harness.wait import wait_for

# A custom executor: keeps what it is sent in events.json, runs nothing.
EXECUTOR = r'''
import base64, http.client, json, os, uuid
endpoint = os.environ["MESOS_AGENT_ENDPOINT"]
ids = {"framework_id": {"value": os.environ["MESOS_FRAMEWORK_ID"]}, "executor_id": {"value": os.environ["MESOS_EXECUTOR_ID"]}}
log = open("events.json", "w", buffering=1)

def post(kind, **body):
    connection = http.client.HTTPConnection(endpoint)
    connection.request("POST", "/slave(1)/api/v1/executor", json.dumps({"type": kind, **ids, kind.lower(): body}),
                       {"Content-Type": "application/json", "Accept": "application/json"})
    answer = connection.getresponse()
    return answer if kind == "SUBSCRIBE" else answer.read()

def update(task_id, state):
    post("UPDATE", status={"task_id": task_id, "state": state, "source": "SOURCE_EXECUTOR", "timestamp": 0.0,
                           "uuid": base64.b64encode(uuid.uuid4().bytes).decode()})

stream = post("SUBSCRIBE", unacknowledged_tasks=[], unacknowledged_updates=[])
while length := stream.readline():
    event = json.loads(stream.read(int(length)))
    log.write(json.dumps(event) + "\n")
    if event["type"] == "LAUNCH":
        update(event["launch"]["task"]["task_id"], "TASK_RUNNING")
        post("MESSAGE", data=base64.b64encode(b"from executor").decode())
    elif event["type"] == "KILL":
        update(event["kill"]["task_id"], "TASK_KILLED")
    elif event["type"] == "SHUTDOWN":
        break
'''


def scalars(cpus=0.1, mem=32, **more):
    amounts = {"cpus": cpus, "mem": mem, **more}
    return [{"name": name, "type": "SCALAR", "scalar": {"value": value}} for name, value in amounts.items()]


def launch_group(scheduler, offer, executor_id, commands):
    """Launches a pod: a task for each of `commands` (by task id)."""
    scheduler.offers.pop(offer["id"]["value"], None)
    executor = {"type": "DEFAULT", "executor_id": {"value": executor_id}, "framework_id": {"value": scheduler.id},
                "resources": scalars(disk=32)}
    tasks = [{"name": name, "task_id": {"value": name}, "agent_id": offer["agent_id"], "resources": scalars(),
              "command": {"value": command}} for name, command in commands.items()]
    scheduler.call("ACCEPT", {"offer_ids": [offer["id"]], "filters": {"refuse_seconds": 0.0}, "operations": [
        {"type": "LAUNCH_GROUP", "launch_group": {"executor": executor, "task_group": {"tasks": tasks}}}]})


class Golden(contextlib.AbstractContextManager):
    """Plays the scenario up to the point where the recording was made."""

    MASTER_FLAGS = {"weights": "gold=2.5"}
    AGENT_FLAGS = {"attributes": "rack:r1;ssd:1", "resources": "cpus:8;mem:16384;disk:20000;ports:[31000-32000]"}

    def __init__(self, cluster):
        self.cluster = cluster
        self.scheduler = None
        try:
            self._quota()
            self._maintenance()
            self._completed_frameworks()
            self._command_with_everything()
            self.scheduler = Scheduler(cluster.port, "golden", roles=["*", "gold"], failover_timeout=3600.0, capabilities=(
                "MULTI_ROLE", "PARTITION_AWARE", "TASK_KILLING_STATE", "RESERVATION_REFINEMENT"))
            self._rescind()
            self._command_tasks()
            self._pod()
            self._custom_executor()
            self._reconcile()
            self.offer_of("gold")  # Stays outstanding, the only one.
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        if self.scheduler:
            self.scheduler.teardown()
            self.scheduler.close()

    def _quota(self):
        status, _, text = request(self.cluster.port, "POST", "/api/v1", json.dumps({
            "type": "UPDATE_QUOTA", "update_quota": {"force": True, "quota_configs": [
                {"role": "silver", "guarantees": {"cpus": {"value": 0.5}},
                 "limits": {"cpus": {"value": 1}, "mem": {"value": 512}}}]}}), {"Content-Type": "application/json"})
        assert status == 200, text

    def _maintenance(self):
        window = {"machine_ids": [{"hostname": "other-host", "ip": "10.9.8.7"}],
                  "unavailability": {"start": {"nanoseconds": 1_900_000_000_000_000_000}, "duration": {"nanoseconds": 3600 * 10**9}}}
        status, _, text = request(self.cluster.port, "POST", "/api/v1", json.dumps({
            "type": "UPDATE_MAINTENANCE_SCHEDULE", "update_maintenance_schedule": {"schedule": {"windows": [window]}}}), {
                "Content-Type": "application/json"})
        assert status == 200, text

    def _completed_frameworks(self):
        """One that failed over, with a finished task, one with a health check and a pod that was killed."""
        scheduler = Scheduler(self.cluster.port, "golden-completed", capabilities=("MULTI_ROLE", "PARTITION_AWARE"), roles=["*"])
        scheduler.close()
        scheduler = Scheduler(self.cluster.port, "golden-completed", framework_id=scheduler.id,
                              capabilities=("MULTI_ROLE", "PARTITION_AWARE"), roles=["*"])
        scheduler.run("done", "true", kill_policy={"grace_period": {"nanoseconds": 10**9}})
        check = {"type": "COMMAND", "command": {"value": "true"}, "interval_seconds": 0.1, "timeout_seconds": 5.0,
                 "delay_seconds": 0.0, "grace_period_seconds": 0.0, "consecutive_failures": 100}
        scheduler.run("healthy", "sleep 1000", health_check=check)
        wait_for(lambda: any(u.get("healthy") for u in scheduler.updates), "a healthy task")
        launch_group(scheduler, scheduler.wait_offer(1), "killed-pod", {"pod-1": "sleep 1000", "pod-2": "sleep 1000"})
        for name in ("pod-1", "pod-2"):
            scheduler.wait_state(name, "TASK_RUNNING")
        scheduler.kill("pod-1")
        for name in ("pod-1", "pod-2"):  # They end together.
            scheduler.wait_state(name, "TASK_KILLED")
        scheduler.wait_state("done", "TASK_FINISHED")
        scheduler.teardown()
        scheduler.close()

    def _command_with_everything(self):
        """A framework that is over, with a custom executor whose command has arguments and an environment."""
        scheduler = Scheduler(self.cluster.port, "golden-executor", capabilities=("MULTI_ROLE", "PARTITION_AWARE"), roles=["*"])
        executor = {"type": "CUSTOM", "executor_id": {"value": "arguments"}, "framework_id": {"value": scheduler.id},
                    "name": "with arguments", "resources": scalars(), "shutdown_grace_period": {"nanoseconds": 10**9},
                    "command": {"shell": False, "value": sys.executable, "arguments": [sys.executable, "-c", EXECUTOR],
                                "environment": {"variables": [{"name": "K", "type": "VALUE", "value": "v"}]}}}
        offer = scheduler.wait_offer(1)
        task = scheduler.task(offer, "with-arguments", "", executor=executor)
        del task["command"]
        scheduler.accept(offer, [task])
        scheduler.wait_state("with-arguments", "TASK_RUNNING")
        scheduler.kill("with-arguments", agent_id=offer["agent_id"])
        scheduler.wait_state("with-arguments", "TASK_KILLED")
        scheduler.teardown()
        scheduler.close()

    def _rescind(self):
        """An agent leaves while its resources are offered."""
        agent = self.cluster.add_agent(**self.AGENT_FLAGS)
        self.cluster.wait_agents(2)

        def offered():
            leaving = [a for a in self.cluster.active_agents() if a["agent_info"]["port"] == agent.port]
            return leaving and any(offer["agent_id"] == leaving[0]["agent_info"]["id"]
                                   for offer in list(self.scheduler.offers.values()))
        wait_for(offered, "an offer of the second agent")
        self.cluster.agents.remove(agent)
        agent.end(signal.SIGUSR1)
        self.scheduler.wait_event("RESCIND")

    def offer_of(self, role):
        """A big offer of that role; those of the other one are declined for a while."""
        scheduler = self.scheduler

        def find():
            for offer in list(scheduler.offers.values()):
                cpus = sum(r["scalar"]["value"] for r in offer["resources"] if r["name"] == "cpus")
                has_disk = any(r["name"] == "disk" for r in offer["resources"])
                if offer["allocation_info"]["role"] == role and cpus >= 1 and has_disk:
                    return offer
                scheduler.offers.pop(offer["id"]["value"])
                refuse = 0.0 if offer["allocation_info"]["role"] == role else 3.0
                scheduler.call("DECLINE", {"offer_ids": [offer["id"]], "filters": {"refuse_seconds": refuse}})
            return None
        return wait_for(find, f"an offer of role {role}")

    def _command_tasks(self):
        scheduler = self.scheduler
        offer = self.offer_of("*")
        scheduler.accept(offer, [scheduler.task(
            offer, "running-task", "echo out; echo err >&2; sleep 1000", labels={"labels": [{"key": "team", "value": "a"}]},
            discovery={"visibility": "CLUSTER", "name": "web",
                       "ports": {"ports": [{"number": 8080, "name": "http", "protocol": "tcp"}]}})])
        scheduler.wait_state("running-task", "TASK_RUNNING")
        offer = self.offer_of("gold")
        scheduler.accept(offer, [scheduler.task(offer, "failed-task", "exit 3"), scheduler.task(offer, "finished-task", "true")])
        scheduler.wait_state("failed-task", "TASK_FAILED")
        scheduler.wait_state("finished-task", "TASK_FINISHED")

    def _pod(self):
        launch_group(self.scheduler, self.offer_of("gold"), "pod-executor", {"pod-a": "sleep 1000", "pod-b": "sleep 1000"})
        for name in ("pod-a", "pod-b"):
            self.scheduler.wait_state(name, "TASK_RUNNING")

    def _custom_executor(self):
        scheduler = self.scheduler
        executor = {"type": "CUSTOM", "executor_id": {"value": "custom-executor"}, "framework_id": {"value": scheduler.id},
                    "name": "golden executor", "resources": scalars(),
                    "command": {"shell": True, "value": f"{shlex.quote(sys.executable)} -c {shlex.quote(EXECUTOR)}"}}
        for name in ("custom-task", "custom-task-2"):
            offer = self.offer_of("*")
            task = scheduler.task(offer, name, "", executor=executor, data="dGFzayBkYXRh")
            del task["command"]
            scheduler.accept(offer, [task])
            scheduler.wait_state(name, "TASK_RUNNING")
        scheduler.call("MESSAGE", {"agent_id": offer["agent_id"], "executor_id": executor["executor_id"], "data": "dG8gZXhlY3V0b3I="})
        scheduler.kill("custom-task-2", agent_id=offer["agent_id"])
        scheduler.wait_state("custom-task-2", "TASK_KILLED")
        scheduler.wait_event("MESSAGE")
        wait_for(lambda: sum(e["type"] == "ACKNOWLEDGED" for e in self.executor_events()) == 3 and
                 any(e["type"] == "MESSAGE" for e in self.executor_events()), "the executor's acknowledgements and message")

    def _reconcile(self):
        scheduler = self.scheduler
        scheduler.call("RECONCILE", {"tasks": []})
        scheduler.call("RECONCILE", {"tasks": [{"task_id": {"value": "unknown-task"}}]})
        wait_for(lambda: scheduler.states("unknown-task"), "the answer about an unknown task")

    def executor(self, executor_id):
        """The executor's object in the agent's /state."""
        for framework in self.cluster.agents[0].state()["frameworks"]:
            for executor in framework["executors"]:
                if executor["id"] == executor_id:
                    return executor
        raise AssertionError(f"no executor {executor_id}")

    def executor_events(self):
        path = self.executor("custom-executor")["directory"] + "/events.json"
        status, _, data = request(self.cluster.agents[0].port, "GET", "/files/download?" + urllib.parse.urlencode({"path": path}))
        return [json.loads(line) for line in data.splitlines()] if status == 200 else []
