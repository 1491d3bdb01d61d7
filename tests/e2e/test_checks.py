"""Checks and health checks: the two recorded situations, probes over the network, and an agent that comes back."""
import contextlib
import http.server
import threading

import pytest

from harness.cluster import Cluster, call, request, sandbox_file
from harness.scheduler import Scheduler
from harness.wait import wait_for

QUICK = {"delay_seconds": 0.0, "interval_seconds": 0.1, "timeout_seconds": 5.0}


def health(kind="COMMAND", **fields):
    return {"type": kind, "grace_period_seconds": 0.0, "consecutive_failures": 3, **QUICK, **fields}


def updates(scheduler, task_id):
    """Each once: an agent repeats what it has no acknowledgement of."""
    by_uuid = {u.get("uuid", id(u)): u for u in list(scheduler.updates) if u["task_id"]["value"] == task_id}
    return list(by_uuid.values())


def wait_update(scheduler, task_id, what, condition):
    return wait_for(lambda: next((u for u in updates(scheduler, task_id) if condition(u)), None), f"{task_id} {what}")


def wait_healthy(scheduler, task_id, healthy=True):
    return wait_update(scheduler, task_id, f"healthy={healthy}", lambda u: u.get("healthy") is healthy)


def seen(scheduler, task_id):
    """What the recordings show of each update."""
    fields = ("state", "message", "source", "reason", "healthy", "check_status")
    return [{name: u[name] for name in fields if name in u} for u in updates(scheduler, task_id)]


class Site(contextlib.AbstractContextManager):
    """A page whose status the test sets."""

    def __init__(self):
        self.status = 200
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # noqa: N802 (the library's name)
                self.send_response(302 if self.path == "/moved" else site.status)
                if self.path == "/moved":
                    self.send_header("Location", "/health")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def __exit__(self, *error):
        self.server.shutdown()
        self.server.server_close()


def test_health_check_that_fails_twice(scheduler):
    scheduler.run("unhealthy", "sleep 1000", health_check=health(command={"value": "exit 1"}, consecutive_failures=2))
    scheduler.wait_state("unhealthy", "TASK_KILLED")
    executor = {"source": "SOURCE_EXECUTOR"}
    failed = {"state": "TASK_RUNNING", "reason": "REASON_TASK_HEALTH_CHECK_STATUS_UPDATED", "healthy": False, **executor}
    assert seen(scheduler, "unhealthy") == [
        {"state": "TASK_STARTING", **executor}, {"state": "TASK_RUNNING", **executor}, failed, failed,
        {"state": "TASK_KILLING", **executor},
        {"state": "TASK_KILLED", "message": "Command terminated with signal Terminated", "healthy": False, **executor}]
    always = {"agent_id", "container_status", "executor_id", "timestamp", "uuid"}
    assert all(always <= u.keys() for u in updates(scheduler, "unhealthy"))


def test_check(scheduler):
    scheduler.run("check", "sleep 1000", check={"type": "COMMAND", "command": {"command": {"value": "exit 7"}}, **QUICK})
    wait_update(scheduler, "check", "result", lambda u: u["check_status"]["command"])
    scheduler.kill("check")
    scheduler.wait_state("check", "TASK_KILLED")
    empty = {"source": "SOURCE_EXECUTOR", "check_status": {"type": "COMMAND", "command": {}}}
    assert seen(scheduler, "check") == [
        {"state": "TASK_STARTING", **empty}, {"state": "TASK_RUNNING", **empty},
        {"state": "TASK_RUNNING", "source": "SOURCE_EXECUTOR", "reason": "REASON_TASK_CHECK_STATUS_UPDATED",
         "check_status": {"type": "COMMAND", "command": {"exit_code": 7}}},
        {"state": "TASK_KILLING", **empty},
        {"state": "TASK_KILLED", "message": "Command terminated with signal Terminated", **empty}]


def test_command_runs_where_the_task_does(scheduler, shared_cluster):
    command = {"value": "echo mine > here; echo $$ > pid; exec sleep 1000", "user": "nobody",
               "environment": {"variables": [{"name": "GREETING", "value": "hello"}]}}
    running = "tr '\\0' ' ' < /proc/$(cat pid)/cmdline"
    look = (f'until test "$({running})" = "sleep 1000 "; do :; done; '
            '{ cat here; id -un; echo $GREETING $EXTRA $MESOS_TASK_ID; } > seen')
    scheduler.run("inside", command, health_check=health(command={
        "value": look, "environment": {"variables": [{"name": "EXTRA", "value": "of the check"}]}}, interval_seconds=1000.0))
    wait_healthy(scheduler, "inside")
    assert sandbox_file(shared_cluster, shared_cluster.agents[0], "inside", "seen") == \
        "mine\nnobody\nhello of the check inside\n"


def test_health_flag_is_in_reconciliation_and_endpoints(scheduler, shared_cluster):
    scheduler.run("shown", "sleep 1000", health_check=health(command={"value": "true"}),
                  check={"type": "COMMAND", "command": {"command": {"value": "exit 4"}}, **QUICK})
    wait_update(scheduler, "shown", "both", lambda u: u.get("healthy") and u["check_status"]["command"])
    scheduler.call("RECONCILE", {"tasks": [{"task_id": {"value": "shown"}}]})
    told = wait_update(scheduler, "shown", "reconciled", lambda u: u.get("reason") == "REASON_RECONCILIATION")
    assert told["healthy"] is True
    assert told["check_status"] == {"type": "COMMAND", "command": {"exit_code": 4}}
    for state in (shared_cluster.state()["frameworks"],
                  [e for f in shared_cluster.agents[0].state()["frameworks"] for e in f["executors"]]):
        task = next(t for owner in state for t in owner["tasks"] if t["id"] == "shown")
        assert task["statuses"][-1]["state"] == "TASK_RUNNING"
        assert task["statuses"][-1]["healthy"] is True
        assert task["health_check"]["command"]["value"] == "true"
    task = next(t for t in call(shared_cluster.port, {"type": "GET_TASKS"})["get_tasks"]["tasks"]
                if t["task_id"]["value"] == "shown")
    assert task["statuses"][-1]["check_status"]["command"]["exit_code"] == 4


def test_http_over_the_network(scheduler):
    with Site() as site:
        scheduler.run("web", "sleep 1000", health_check=health("HTTP", http={"port": site.port, "path": "/moved"}),
                      check={"type": "HTTP", "http": {"port": site.port, "path": "/health"}, **QUICK})
        wait_healthy(scheduler, "web")
        wait_update(scheduler, "web", "200", lambda u: u["check_status"]["http"] == {"status_code": 200})
        site.status = 503
        wait_healthy(scheduler, "web", False)
        wait_update(scheduler, "web", "503", lambda u: u["check_status"]["http"] == {"status_code": 503})
        assert scheduler.wait_state("web", "TASK_KILLED")["healthy"] is False


def test_tcp_over_the_network(scheduler):
    with Site() as site:
        scheduler.run("port", "sleep 1000", health_check=health("TCP", tcp={"port": site.port}, consecutive_failures=1),
                      check={"type": "TCP", "tcp": {"port": site.port}, **QUICK})
        wait_healthy(scheduler, "port")
        wait_update(scheduler, "port", "connected", lambda u: u["check_status"]["tcp"] == {"succeeded": True})
    assert scheduler.wait_state("port", "TASK_KILLED")["healthy"] is False


def test_command_that_hangs_is_killed_and_counts(scheduler):
    scheduler.run("hung", "sleep 1000",
                  health_check=health(command={"value": "sleep 2000"}, timeout_seconds=0.2, consecutive_failures=1))
    assert scheduler.wait_state("hung", "TASK_KILLED")["healthy"] is False


def test_failures_in_the_grace_period_do_not_count(scheduler):
    # Unhealthy until it has made its file, which takes longer than a failure would be forgiven without grace.
    scheduler.run("slow", "sleep 1; touch ready; sleep 1000",
                  health_check=health(command={"value": "test -e ready"}, grace_period_seconds=600.0, consecutive_failures=1))
    wait_healthy(scheduler, "slow")
    assert [u.get("healthy") for u in updates(scheduler, "slow")] == [None, None, True]


@pytest.mark.parametrize("fields,named", [
    ({"health_check": health("TCP", tcp={"port": 0})}, "port 0"),
    ({"health_check": health("HTTP", http={"port": 80, "path": "x"})}, "'/'"),
    ({"health_check": health("HTTP")}, "'http'"),
    ({"check": {"type": "TCP", "tcp": {"port": 80}, "interval_seconds": -1.0}}, "interval_seconds"),
], ids=["port", "path", "type", "interval"])
def test_bad_checks_are_refused(scheduler, fields, named):
    scheduler.run("bad", "sleep 1000", **fields)
    error = scheduler.wait_state("bad", "TASK_ERROR")
    assert named in error["message"]


def pod(scheduler, tasks):
    offer = scheduler.wait_offer(1.0)
    group = [scheduler.task(offer, name, "sleep 1000", **fields) for name, fields in tasks.items()]
    executor = {"type": "DEFAULT", "executor_id": {"value": "pod"}, "framework_id": {"value": scheduler.id},
                "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}},
                              {"name": "mem", "type": "SCALAR", "scalar": {"value": 32}},
                              {"name": "disk", "type": "SCALAR", "scalar": {"value": 16}}]}
    scheduler.call("ACCEPT", {"offer_ids": [offer["id"]], "filters": {"refuse_seconds": 0.0}, "operations": [
        {"type": "LAUNCH_GROUP", "launch_group": {"executor": executor, "task_group": {"tasks": group}}}]})


def test_tasks_of_a_pod_are_looked_at_and_end_together(scheduler):
    pod(scheduler, {"sound": {"health_check": health(command={"value": "true"})},
                    "sick": {"health_check": health(command={"value": "test ! -e /proc/1/no-such"}),
                             "check": {"type": "COMMAND", "command": {"command": {"value": "exit 3"}}, **QUICK}}})
    wait_healthy(scheduler, "sound")
    wait_healthy(scheduler, "sick")
    wait_update(scheduler, "sick", "result", lambda u: u["check_status"]["command"] == {"exit_code": 3})
    scheduler.kill("sick")
    scheduler.wait_state("sick", "TASK_KILLED")
    scheduler.wait_state("sound", "TASK_KILLED")


def recovered(agent):
    with contextlib.suppress(OSError):
        return request(agent.port, "GET", "/state")[0] == 200
    return False


def test_restarted_agent_looks_on():
    with Cluster() as cluster:
        scheduler = Scheduler(cluster.port)
        scheduler.run("lasting", "sleep 1000", health_check=health(command={"value": "test ! -e sick"}, consecutive_failures=1))
        wait_healthy(scheduler, "lasting")
        agent = cluster.agents[0]
        agent.kill9()
        agent.start()
        cluster.wait_agents(1)
        wait_for(lambda: recovered(agent), "the end of the agent's recovery")
        executor = next(e for f in agent.state()["frameworks"] for e in f["executors"])
        assert executor["tasks"][0]["statuses"][-1]["healthy"] is True
        with open(executor["directory"] + "/sick", "w", encoding="utf-8"):
            pass
        assert scheduler.wait_state("lasting", "TASK_KILLED")["healthy"] is False
        assert [u.get("healthy") for u in updates(scheduler, "lasting")] == [None, None, True, False, None, False]
        scheduler.close()
