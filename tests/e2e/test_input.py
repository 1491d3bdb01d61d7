"""Bad input: a clear answer, no crash, nobody else disturbed."""
import json
import socket

import pytest

from harness.cluster import request
from harness.scheduler import Scheduler
from harness.wait import wait_for

JSON = {"Content-Type": "application/json"}


def raw(port, data, limit=65536):
    """Sends bytes as they are; what came back until the peer closed or nothing more came for 5 s."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        try:
            connection.sendall(data)
        except OSError:
            pass
        answer = b""
        try:
            while len(answer) < limit and (part := connection.recv(65536)):
                answer += part
                if answer.startswith(b"HTTP/1.1 4"):
                    break
        except OSError:
            pass
        return answer


SCHEDULER_CASES = [
    ("body is not JSON", "POST", "not json", JSON, 400),
    ("empty body", "POST", "", JSON, 400),
    ("GET", "GET", None, {}, 405),
    ("PUT", "PUT", "{}", JSON, 405),
    ("content type text/plain", "POST", "{}", {"Content-Type": "text/plain"}, 415),
    ("no content type", "POST", "{}", {}, 400),
    ("no type", "POST", "{}", JSON, 400),
    ("unknown type", "POST", '{"type":"NO_SUCH_CALL"}', JSON, 400),
    ("SUBSCRIBE with stream id", "POST", '{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"u","name":"n"}}}',
     {**JSON, "Mesos-Stream-Id": "x"}, 400),
    ("SUBSCRIBE without subscribe", "POST", '{"type":"SUBSCRIBE"}', JSON, 400),
    ("SUBSCRIBE, accept text/html", "POST", '{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"u","name":"n"}}}',
     {**JSON, "Accept": "text/html"}, 406),
    ("REVIVE of unknown framework", "POST", '{"type":"REVIVE","framework_id":{"value":"x"}}', JSON, 400),
    ("REVIVE without framework id", "POST", '{"type":"REVIVE"}', JSON, 400),
    ("100,000 deep", "POST", '{"a":' * 100_000 + "1" + "}" * 100_000, JSON, 400),
    ("100,000 arrays deep", "POST", '{"a":' + "[" * 100_000 + "]" * 100_000 + "}", JSON, 400),
    ("lone surrogate", "POST", '{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"\\ud800","name":"n"}}}', JSON, 400),
    ("invalid UTF-8", "POST", b'{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"\xff\xfe","name":"n"}}}', JSON, 400),
]


@pytest.mark.parametrize("name,method,body,headers,status", SCHEDULER_CASES, ids=[row[0] for row in SCHEDULER_CASES])
def test_scheduler_route(shared_cluster, name, method, body, headers, status):
    got, got_headers, text = request(shared_cluster.port, method, "/api/v1/scheduler", body, headers)
    assert got == status, text
    assert text or status == 405
    if status == 405:
        assert got_headers["allow"] == "POST"
    assert shared_cluster.master.alive()


def test_10_mb_of_json_is_answered(shared_cluster):
    body = json.dumps({"type": "GET_HEALTH", "padding": "x" * (10 << 20)})
    status, _, _ = request(shared_cluster.port, "POST", "/api/v1", body, JSON)
    assert status == 200
    status, _, _ = request(shared_cluster.port, "POST", "/api/v1", body[:-1], JSON)
    assert status == 400


def test_a_body_beyond_the_limit_is_refused_early(shared_cluster):
    head = b"POST /api/v1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n"
    assert raw(shared_cluster.port, head).startswith(b"HTTP/1.1 413 ")


RAW_CASES = [
    ("no version", b"GET /\r\n\r\n", b"HTTP/1.1 400 "),
    ("empty path", b"GET  HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 400 "),
    ("path without slash", b"GET health HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 400 "),
    ("NUL in the path", b"GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 400 "),
    ("broken escape", b"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 400 "),
    ("both lengths", b"POST /api/v1 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     b"HTTP/1.1 400 "),
    ("bad chunk", b"POST /api/v1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n", b"HTTP/1.1 400 "),
    ("huge head", b"GET / HTTP/1.1\r\nX: " + b"a" * 200_000 + b"\r\n\r\n", b"HTTP/1.1 431 "),
    ("noise", bytes(range(256)) * 20, b"HTTP/1.1 400 "),
]


@pytest.mark.parametrize("name,data,want", RAW_CASES, ids=[row[0] for row in RAW_CASES])
@pytest.mark.parametrize("daemon", ["master", "agent"])
def test_raw_bytes(shared_cluster, daemon, name, data, want):
    port = shared_cluster.port if daemon == "master" else shared_cluster.agents[0].port
    assert raw(port, data).startswith(want)
    assert request(port, "GET", "/health")[0] == 200


def test_traversal_stays_in_the_sandbox(shared_cluster):
    framework = Scheduler(shared_cluster.port)
    agent = shared_cluster.agents[0]
    framework.run("traverse", "ln -s /etc etc; ln -s / root; echo ok; sleep 1000")
    framework.wait_state("traverse", "TASK_RUNNING")

    def directory():
        return next((e["directory"] for f in agent.state()["frameworks"] for e in f["executors"] if e["id"] == "traverse"), None)
    sandbox = wait_for(directory, "the sandbox")
    wait_for(lambda: request(agent.port, "GET", f"/files/read?path={sandbox}/stdout&offset=0&length=100")[0] == 200, "stdout")
    for path in ["/../../../../../../../../../../etc/passwd", "/etc/passwd", "/root/etc/passwd", "/..%2f..%2f..%2fmeta",
                 "/%2e%2e/%2e%2e/%2e%2e/%2e%2e"]:
        status, _, body = request(agent.port, "GET", f"/files/read?path={sandbox}{path}&offset=0&length=100")
        assert status in (400, 403, 404), (path, status, body)
        assert b"root:" not in body
    for path in ["/etc/passwd", str(agent.work_dir), str(agent.work_dir / "meta"), sandbox + "x", sandbox[:-1]]:
        status, _, body = request(agent.port, "GET", f"/files/read?path={path}&offset=0&length=100")
        assert status in (400, 403, 404), (path, status, body)
    framework.teardown()


def test_slow_reader_is_cut_and_others_go_on(shared_cluster):
    """A subscriber that never reads while offers keep coming: it alone is dropped, and the log says why."""
    body = json.dumps({"type": "SUBSCRIBE", "subscribe": {"framework_info": {
        "user": "root", "name": "slow", "failover_timeout": 600, "labels": {"labels": [{"key": "k", "value": "v"}]}}}})
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect(("127.0.0.1", shared_cluster.port))
    slow.sendall(f"POST /api/v1/scheduler HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                 f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
    def framework():
        return next((f for f in shared_cluster.state()["frameworks"] if f["name"] == "slow"), None)
    ident = wait_for(framework, "the slow framework")["id"]
    head = slow.recv(4096).decode(errors="replace")
    stream = next(line.split(": ")[1] for line in head.split("\r\n") if line.lower().startswith("mesos-stream-id"))
    # Each explicit reconciliation of many unknown tasks makes many updates, which the slow reader does not take.
    tasks = [{"task_id": {"value": f"unknown-{i}-" + "x" * 200}} for i in range(2000)]
    call = json.dumps({"type": "RECONCILE", "framework_id": {"value": ident}, "reconcile": {"tasks": tasks}})

    def cut():
        status, _, _ = request(shared_cluster.port, "POST", "/api/v1/scheduler", call, {**JSON, "Mesos-Stream-Id": stream})
        return status in (400, 403) and not framework()["connected"]
    wait_for(cut, "the slow reader to be cut off", 60)
    slow.close()
    assert "slow" in shared_cluster.master.log_text()
    other = Scheduler(shared_cluster.port)
    assert other.wait_offer()
    other.teardown()
    request(shared_cluster.port, "POST", "/teardown", f"frameworkId={ident}")
