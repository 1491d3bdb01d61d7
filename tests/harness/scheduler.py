"""A plain scheduler over the v1 HTTP API, for tests: it records every event and does only what the test says."""
import base64
import contextlib
import http.client
import json
import queue
import threading

from harness.streams import shut_down
from harness.wait import DeadlineExceeded, wait_for

TERMINAL = {"TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_LOST", "TASK_ERROR", "TASK_DROPPED", "TASK_GONE",
            "TASK_GONE_BY_OPERATOR"}


def scalar(name, value):
    """A resource."""
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}}


class Scheduler:
    """Subscribes at once. Updates are acknowledged as they come unless `acknowledge` is off."""

    def __init__(self, port, name="test", framework_id=None, capabilities=("PARTITION_AWARE", "TASK_KILLING_STATE"),
                 acknowledge=True, **info):
        self.port, self.acknowledge = port, acknowledge
        self.events, self.updates, self.offers = [], [], {}
        self._arrived = queue.Queue()
        self._lock = threading.Lock()
        framework = {"user": "root", "name": name, "checkpoint": True, "failover_timeout": 600.0,
                     "capabilities": [{"type": c} for c in capabilities], **info}
        if framework_id:
            framework["id"] = {"value": framework_id}
        body = {"type": "SUBSCRIBE", "subscribe": {"framework_info": framework}}
        if framework_id:
            body["framework_id"] = {"value": framework_id}
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self._connection.request("POST", "/api/v1/scheduler", json.dumps(body),
                                 {"Content-Type": "application/json", "Accept": "application/json"})
        self._stream = self._connection.getresponse()
        assert self._stream.status == 200, self._stream.read()
        self.stream_id = self._stream.getheader("Mesos-Stream-Id")
        self.ended = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        first = self.wait_event("SUBSCRIBED")
        self.id = first["subscribed"]["framework_id"]["value"]

    def _read(self):
        try:
            while True:
                length = self._stream.readline()
                if not length:
                    break
                self._on_event(json.loads(self._stream.read(int(length))))
        except (OSError, ValueError, http.client.HTTPException, AttributeError):
            pass
        self.ended.set()

    def _on_event(self, event):
        with self._lock:
            self.events.append(event)
            if event["type"] == "OFFERS":
                for offer in event["offers"]["offers"]:
                    self.offers[offer["id"]["value"]] = offer
            elif event["type"] == "RESCIND":
                self.offers.pop(event["rescind"]["offer_id"]["value"], None)
            elif event["type"] == "UPDATE":
                self.updates.append(event["update"]["status"])
        if event["type"] == "UPDATE" and self.acknowledge:
            self.ack(event["update"]["status"])

    def call(self, kind, body=None, expect=202):
        message = {"type": kind, "framework_id": {"value": self.id}}
        if body is not None:
            message[kind.lower()] = body
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("POST", "/api/v1/scheduler", json.dumps(message),
                               {"Content-Type": "application/json", "Mesos-Stream-Id": self.stream_id})
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        assert answer.status == expect, f"{kind} answered {answer.status}: {text!r}"
        return text

    def ack(self, status):
        if "uuid" in status:
            try:
                self.call("ACKNOWLEDGE", {"agent_id": status["agent_id"], "task_id": status["task_id"], "uuid": status["uuid"]})
            except (OSError, http.client.HTTPException, AssertionError):
                pass  # The master may be down on purpose; the agent sends the update again.

    def wait_event(self, kind, seconds=30):
        return wait_for(lambda: next((e for e in list(self.events) if e["type"] == kind), None), f"event {kind}", seconds)

    def wait_offer(self, cpus=0.0, seconds=30, mem=0.0):
        """An offer with at least so much; with quota an offer may well have one of them only."""
        def has(offer, name, least):
            return sum(r["scalar"]["value"] for r in offer["resources"] if r["name"] == name) >= least

        def find():
            with self._lock:
                return next((o for o in self.offers.values() if has(o, "cpus", cpus) and has(o, "mem", mem)), None)
        return wait_for(find, f"an offer with {cpus} cpus and {mem} mem", seconds)

    def task(self, offer, task_id, command, cpus=0.1, mem=32, **fields):
        info = {"task_id": {"value": task_id}, "name": task_id, "agent_id": offer["agent_id"],
                "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": cpus}},
                              {"name": "mem", "type": "SCALAR", "scalar": {"value": mem}}],
                "command": {"value": command} if isinstance(command, str) else command}
        info.update(fields)
        return info

    def accept(self, offer, tasks, refuse_seconds=0.0):
        with self._lock:
            self.offers.pop(offer["id"]["value"], None)
        self.call("ACCEPT", {"offer_ids": [offer["id"]], "filters": {"refuse_seconds": refuse_seconds},
                             "operations": [{"type": "LAUNCH", "launch": {"task_infos": tasks}}]})

    def run(self, task_id, command, **fields):
        """Waits for an offer and launches one task on it."""
        offer = self.wait_offer(fields.get("cpus", 0.1), mem=fields.get("mem", 32))
        self.accept(offer, [self.task(offer, task_id, command, **fields)])
        return offer

    def states(self, task_id):
        with self._lock:
            return [u["state"] for u in self.updates if u["task_id"]["value"] == task_id]

    def wait_state(self, task_id, state, seconds=30):
        """The first update of that task and state; fails at once when another terminal state came instead."""
        def find():
            with self._lock:
                mine = [u for u in self.updates if u["task_id"]["value"] == task_id]
            for update in mine:
                if update["state"] == state:
                    return update
            if mine and mine[-1]["state"] in TERMINAL:
                raise DeadlineExceeded(f"{task_id} became {mine[-1]['state']} instead of {state}: {mine[-1].get('message')}")
            return None
        return wait_for(find, f"{task_id} {state}", seconds)

    def kill(self, task_id, **fields):
        self.call("KILL", {"task_id": {"value": task_id}, **fields})

    def teardown(self):
        self.call("TEARDOWN")

    def close(self):
        """Breaks the stream, as a crash of the scheduler does."""
        shut_down(self._connection, self._stream)
        self._reader.join(10)
        self._connection.close()


@contextlib.contextmanager
def framework_on(cluster, *arguments, **options):
    """A Scheduler of this cluster; its framework is gone afterwards."""
    scheduler = Scheduler(cluster.port, *arguments, **options)
    try:
        yield scheduler
    finally:
        scheduler.teardown()
        scheduler.close()


def uuid_bytes(status):
    return base64.b64decode(status["uuid"])
