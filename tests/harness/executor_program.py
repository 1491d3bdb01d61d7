"""A custom executor over the v1 HTTP API, run by an agent. What it does is told by its tasks and messages:
- a task is reported TASK_RUNNING, and TASK_KILLED when it is killed; a task with data "finish" ends at once,
- a message is answered with "echo:" and itself; "stubborn" makes it deaf to SHUTDOWN, "exit N" ends it,
- every event goes to the file `events` of its sandbox, its variables to `environment`.
It subscribes again for as long as it lives, and repeats what was not acknowledged."""
import base64
import http.client
import json
import os
import sys
import threading
import time
import uuid

ENDPOINT = os.environ["MESOS_AGENT_ENDPOINT"]
IDS = {"framework_id": {"value": os.environ["MESOS_FRAMEWORK_ID"]},
       "executor_id": {"value": os.environ["MESOS_EXECUTOR_ID"]}}
HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}
tasks, updates = {}, {}  # Not acknowledged: by task id, and by uuid.
stubborn = False


def post(kind, body):
    """Repeats until the agent takes it: it may be away for a while."""
    while True:
        try:
            connection = http.client.HTTPConnection(ENDPOINT, timeout=10)
            connection.request("POST", "/api/v1/executor", json.dumps({"type": kind, **IDS, **body}), HEADERS)
            if connection.getresponse().status == 202:
                return
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.1)


def update(task_id, state):
    status = {"task_id": {"value": task_id}, "state": state, "source": "SOURCE_EXECUTOR",
              "uuid": base64.b64encode(uuid.uuid4().bytes).decode()}
    updates[status["uuid"]] = {"status": status}
    threading.Thread(target=post, args=("UPDATE", {"update": {"status": status}}), daemon=True).start()


def on_launch(task):
    task_id = task["task_id"]["value"]
    tasks[task_id] = task
    data = base64.b64decode(task.get("data", "")).decode()
    update(task_id, "TASK_FINISHED" if data == "finish" else "TASK_RUNNING")


def on_message(data):
    global stubborn
    stubborn = stubborn or data == "stubborn"
    if data.startswith("exit "):
        os._exit(int(data[5:]))
    post("MESSAGE", {"message": {"data": base64.b64encode(b"echo:" + data.encode()).decode()}})


def on_event(event):
    kind = event["type"]
    if kind == "LAUNCH":
        on_launch(event["launch"]["task"])
    elif kind == "LAUNCH_GROUP":
        for task in event["launch_group"]["task_group"]["tasks"]:
            on_launch(task)
    elif kind == "KILL":
        update(event["kill"]["task_id"]["value"], "TASK_KILLED")
    elif kind == "ACKNOWLEDGED":
        tasks.pop(event["acknowledged"]["task_id"]["value"], None)
        updates.pop(event["acknowledged"]["uuid"], None)
    elif kind == "MESSAGE":
        on_message(base64.b64decode(event["message"]["data"]).decode())
    elif kind == "SHUTDOWN" and not stubborn:
        sys.exit(0)


def listen():
    connection = http.client.HTTPConnection(ENDPOINT, timeout=None)
    subscribe = {"unacknowledged_tasks": list(tasks.values()), "unacknowledged_updates": list(updates.values())}
    connection.request("POST", "/api/v1/executor", json.dumps({"type": "SUBSCRIBE", **IDS, "subscribe": subscribe}),
                       HEADERS)
    stream = connection.getresponse()
    if stream.status != 200:
        return
    with open("events", "a", buffering=1) as log:
        while length := stream.readline():
            event = json.loads(stream.read(int(length)))
            log.write(json.dumps(event) + "\n")
            on_event(event)


with open("environment", "w") as file:
    json.dump(dict(os.environ), file)
while True:
    try:
        listen()
    except (OSError, ValueError, http.client.HTTPException):
        pass
    time.sleep(0.1)
