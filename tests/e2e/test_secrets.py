"""Secrets of tasks: in the environment and as files, by value and by reference; and nowhere else."""
import base64
import contextlib
import json
import pathlib
import subprocess

import pytest
from harness.cluster import Cluster, call, request, sandbox_file
from harness.scheduler import Scheduler, scalar
from harness.wait import wait_for

VALUE = "by-value-6f1c0a"
REFERRED = "by-reference-93be77"
SHOWN, SHOWN_TOO = "told-by-value", "told-by-reference"  # What a task of ours writes down.


@pytest.fixture(scope="module")
def secret_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("secrets")
    (folder / "db").mkdir()
    (folder / "db" / "password").write_text(REFERRED)
    (folder / "db" / "password").chmod(0o600)
    (folder / "db" / "shown").write_text(SHOWN_TOO)
    (folder / "db" / "shown").chmod(0o600)
    (folder / "open").write_text("x")
    (folder / "open").chmod(0o644)
    folder.chmod(0o700)
    return folder


@pytest.fixture(scope="module")
def cluster(secret_dir):
    with Cluster(agent_flags={"secret_dir": secret_dir}) as running:
        yield running


@pytest.fixture
def scheduler(cluster):
    framework = Scheduler(cluster.port)
    yield framework
    framework.teardown()
    framework.close()


def by_value(text=VALUE):

    return {"type": "VALUE", "value": {"data": base64.b64encode(text.encode()).decode()}}


def by_reference(name="db", key="password"):
    return {"type": "REFERENCE", "reference": {"name": name, "key": key} if key else {"name": name}}


def variable(name, secret):
    return {"name": name, "type": "SECRET", "secret": secret}


def volume(secret, at):
    return {"mode": "RO", "container_path": at, "source": {"type": "SECRET", "secret": secret}}


def command(value, *variables, **fields):
    return {"value": value, "environment": {"variables": list(variables)}, **fields}


def wait_registered(agent):
    def registered():
        with contextlib.suppress(OSError, ValueError, KeyError):
            return json.loads(request(agent.port, "GET", "/metrics/snapshot")[2])["slave/registered"] == 1
        return False
    wait_for(registered, "registration of the restarted agent")


def mounts():
    return pathlib.Path("/proc/self/mountinfo").read_text()


def test_secrets_are_variables_and_files_of_the_tasks_user(cluster, scheduler):
    check = 'echo "$A $B"; cat a dir/b; stat -c "%a %U" a; ! touch a; ! rm a'
    scheduler.run("t", command(check, variable("A", by_value(SHOWN)), variable("B", by_reference("db", "shown")), user="nobody"),
                  container={"type": "MESOS", "volumes": [volume(by_value(SHOWN), "a"), volume(by_reference("db", "shown"), "dir/b")]})
    scheduler.wait_state("t", "TASK_FINISHED")
    told = sandbox_file(cluster, cluster.agents[0], "t")
    assert told == f"{SHOWN} {SHOWN_TOO}\n{SHOWN}{SHOWN_TOO}400 nobody\n"
    assert "tepui-secrets" not in mounts()


def search(cluster, scheduler, needle):
    """Where the bytes are: files, answers, logs, environments and command lines of our processes."""
    found = []
    folders = subprocess.run(["grep", "-rlaF", needle, str(cluster.folder)], capture_output=True, text=True, check=False)
    found += folders.stdout.split()
    agent = cluster.agents[0]
    for port, paths in ((cluster.port, ("/state", "/tasks", "/frameworks", "/slaves", "/state-summary", "/flags")),
                        (agent.port, ("/state", "/containers", "/monitor/statistics", "/flags"))):
        found += [f"{port}{path}" for path in paths if needle.encode() in request(port, "GET", path)[2]]
    for port, kinds in ((cluster.port, ("GET_STATE", "GET_TASKS", "GET_EXECUTORS", "GET_FRAMEWORKS", "GET_AGENTS")),
                        (agent.port, ("GET_STATE", "GET_TASKS", "GET_EXECUTORS", "GET_CONTAINERS"))):
        found += [f"{port} {kind}" for kind in kinds if needle in str(call(port, {"type": kind}))]
    found += [f"event {e['type']}" for e in list(scheduler.events) if needle in str(e)]
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            name = (process / "comm").read_text().strip()
            if name.startswith("tepui"):
                for file in ("environ", "cmdline"):
                    if needle.encode() in (process / file).read_bytes():
                        found.append(str(process / file))
        except OSError:
            continue
    for task in ("hidden", "pod-hidden"):
        described = cluster.tepui("describe", "task", task)
        if needle in described.stdout + described.stderr:
            found.append("tepui describe")
    return found


def test_a_secret_is_nowhere_to_be_found(cluster, scheduler):
    hidden = command("test -n \"$A$B\" && sleep 600", variable("A", by_value()), variable("B", by_reference()))
    info = {"type": "MESOS", "volumes": [volume(by_value(), "a"), volume(by_reference(), "b")]}
    scheduler.run("hidden", hidden, container=info)
    scheduler.wait_state("hidden", "TASK_RUNNING")
    offer = scheduler.wait_offer(cpus=0.3)
    executor = {"type": "DEFAULT", "executor_id": {"value": "pod"}, "framework_id": {"value": scheduler.id},
                "resources": [scalar("cpus", 0.1), scalar("mem", 32), scalar("disk", 32)],
                "container": {"type": "MESOS", "volumes": [volume(by_value(), "unused")]}}
    with scheduler._lock:
        scheduler.offers.pop(offer["id"]["value"], None)
    scheduler.call("ACCEPT", {"offer_ids": [offer["id"]], "operations": [
        {"type": "LAUNCH_GROUP", "launch_group": {"executor": executor, "task_group": {
            "tasks": [scheduler.task(offer, "pod-hidden", hidden, container=info)]}}}]})
    scheduler.wait_state("pod-hidden", "TASK_RUNNING")
    for needle in (VALUE, REFERRED, by_value()["value"]["data"]):
        assert search(cluster, scheduler, needle) == []
    # Over a crash too: what is stored has none, and what runs needs none.
    cluster.agents[0].kill9()
    cluster.agents[0].start()
    wait_registered(cluster.agents[0])
    for needle in (VALUE, REFERRED):
        assert search(cluster, scheduler, needle) == []
    assert scheduler.states("hidden")[-1] == "TASK_RUNNING"
    for task in ("hidden", "pod-hidden"):
        scheduler.kill(task)
        wait_for(lambda task=task: scheduler.states(task)[-1] == "TASK_KILLED", f"end of {task}")


@pytest.mark.parametrize("secret, words", [
    (by_reference("db", "none"), "db/none"),
    (by_reference("..", "passwd"), ".."),
    (by_reference("open", None), "chmod 600"),
])
def test_a_secret_that_cannot_be_had_fails_the_launch_and_says_which(cluster, scheduler, secret, words):
    scheduler.run("v", command("true", variable("A", secret)))
    update = scheduler.wait_state("v", "TASK_FAILED")
    assert update["reason"] == "REASON_CONTAINER_LAUNCH_FAILED"
    assert words in update["message"] and "'A'" in update["message"]
    scheduler.run("f", "true", container={"type": "MESOS", "volumes": [volume(secret, "s")]})
    assert words in scheduler.wait_state("f", "TASK_FAILED")["message"]
    assert "tepui-secrets" not in mounts()


def test_a_checks_own_secret_must_be_a_reference(cluster, scheduler):
    probe = {"type": "COMMAND", "delay_seconds": 0, "interval_seconds": 0.1,
             "command": {"command": command('test "$P" = "$B"', variable("P", by_reference()))}}
    scheduler.run("checked", command("sleep 600", variable("B", by_reference())), check=probe)

    def passed():
        return [u for u in list(scheduler.updates)
                if u.get("check_status", {}).get("command", {}).get("exit_code") == 0]
    wait_for(passed, "a check that knows the secret")
    scheduler.kill("checked")
    scheduler.wait_state("checked", "TASK_KILLED")
    probe["command"]["command"] = command("true", variable("P", by_value()))
    scheduler.run("refused", "sleep 600", check=probe)
    assert "'P' of a check" in scheduler.wait_state("refused", "TASK_FAILED")["message"]
