"""What is too much is refused with the name of the limit, and counted; the rest of the cluster goes on."""
import json
import select
import socket

import pytest

from harness.cluster import Cluster, request
from harness.scheduler import Scheduler
from harness.wait import wait_for

MASTER = {"max_frameworks": "2", "max_tasks_per_framework": "1", "max_labels": "2", "max_task_data_bytes": "8B",
          "max_message_bytes": "16B", "max_request_bytes": "64KB", "max_connections_per_ip": "40"}


@pytest.fixture(scope="module")
def cluster():
    with Cluster(agents=1, master_flags=MASTER) as cluster:
        yield cluster


@pytest.fixture
def scheduler(cluster):
    scheduler = Scheduler(cluster.port, "limited")
    yield scheduler
    if not scheduler.ended.is_set():
        scheduler.teardown()
    scheduler.close()
    wait_for(lambda: not cluster.state()["frameworks"], "the place of the framework to be free")


def subscribe_call(name):
    return json.dumps({"type": "SUBSCRIBE", "subscribe": {"framework_info": {"user": "root", "name": name, "roles": ["*"],
                                                                           "capabilities": [{"type": "MULTI_ROLE"}]}}})


def first_event(port, body):
    """The first event on a new subscription's stream; the stream is closed after it."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall((f"POST /api/v1/scheduler HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                            f"Accept: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode())
        text = b""
        while b"}\r\n" not in text and b"}" not in text.partition(b"\r\n\r\n")[2]:
            part = connection.recv(65536)
            assert part, text
            text += part
        return text.decode()


def test_a_framework_too_many_is_refused_by_name(cluster, scheduler):
    other = Scheduler(cluster.port, "second")
    try:
        before = cluster.metric("master/limits/frameworks_refused")
        answer = first_event(cluster.port, subscribe_call("third"))
        assert '"ERROR"' in answer and "--max_frameworks allows 2" in answer
        assert cluster.metric("master/limits/frameworks_refused") == before + 1
    finally:
        other.teardown()
        other.close()


@pytest.mark.parametrize("fields, hint, counter", [
    ({"labels": {"labels": [{"key": "a"}, {"key": "b"}, {"key": "c"}]}}, "--max_labels allows 2", "labels"),
    ({"data": "MTIzNDU2Nzg5"}, "--max_task_data_bytes allows 8B", "task_data"),
])
def test_a_task_that_is_too_large_is_an_error(cluster, scheduler, fields, hint, counter):
    scheduler.run("large", "exit 0", **fields)
    update = scheduler.wait_state("large", "TASK_ERROR")
    assert update["reason"] == "REASON_TASK_INVALID"
    assert hint in update["message"]
    assert cluster.metric(f"master/limits/{counter}_refused") >= 1


def test_a_task_too_many_is_an_error_and_the_first_one_runs_on(cluster, scheduler):
    scheduler.run("first", "sleep 1000")
    scheduler.wait_state("first", "TASK_RUNNING")
    scheduler.run("second", "exit 0")
    assert "--max_tasks_per_framework allows 1" in scheduler.wait_state("second", "TASK_ERROR")["message"]
    assert scheduler.states("first")[-1] == "TASK_RUNNING"


def test_long_messages_and_bodies_are_answered_413(cluster, scheduler):
    body = {"agent_id": {"value": "a"}, "executor_id": {"value": "e"}, "data": "MTIzNDU2Nzg5MDEyMzQ1Njc4"}
    scheduler.call("MESSAGE", body, expect=413)
    status, _, answer = request(cluster.port, "POST", "/api/v1", b" " * 70_000, {"Content-Type": "application/json"})
    assert status == 413
    assert b"64KB" in answer
    assert cluster.metric("master/limits/messages_refused") == 1
    assert cluster.metric("http/bodies_refused") == 1


def test_a_connection_too_many_is_answered_503(cluster):
    connections = []
    try:
        for _ in range(41):
            connections.append(socket.create_connection(("127.0.0.1", cluster.port), timeout=20))
        answered, _, _ = select.select(connections, [], [], 20)
        assert answered, "41 connections are open"
        answer = answered[0].recv(4096).decode()
        assert answer.startswith("HTTP/1.1 503")
        assert "40 of one address" in answer
    finally:
        for connection in connections:
            connection.close()
    wait_for(lambda: cluster.metric("http/connections_refused") >= 1, "the refusal to be counted")


def test_prometheus_counts_what_was_refused(cluster):
    _, _, text = request(cluster.port, "GET", "/metrics")
    assert b"# TYPE tepui_master_limits_frameworks_refused_total counter" in text
    assert b"# TYPE tepui_http_connections_refused_total counter" in text
