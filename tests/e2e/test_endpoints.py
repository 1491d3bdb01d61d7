"""The operator's calls and endpoints of a master and an agent, as tools use them."""
import gzip
import json
import urllib.parse

import pytest

from harness.cluster import call, request
from harness.golden import launch_group
from harness.scheduler import Scheduler
from harness.wait import wait_for

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def running(shared_cluster):
    """A framework with one task that runs and one that is over."""
    scheduler = Scheduler(shared_cluster.port, "endpoints")
    scheduler.run("first", "echo hello; sleep 1000")
    scheduler.wait_state("first", "TASK_RUNNING")
    scheduler.run("second", "true")
    scheduler.wait_state("second", "TASK_FINISHED")
    shared_cluster.scheduler = scheduler
    yield shared_cluster
    scheduler.teardown()
    scheduler.close()


def ports(cluster):
    return {"master": cluster.port, "agent": cluster.agents[0].port}


def get(port, path, headers=None):
    status, answer_headers, body = request(port, "GET", path, headers=headers)
    assert status == 200, (path, status, body)
    return answer_headers, body


def get_json(port, path):
    return json.loads(get(port, path)[1])


ERRORS = [
    ("no type", "POST", "{}", JSON, 400),
    ("unknown type", "POST", '{"type":"NO_SUCH_CALL"}', JSON, 400),
    ("body is not JSON", "POST", "this is not", JSON, 400),
    ("empty body", "POST", "", JSON, 400),
    ("GET_METRICS without get_metrics", "POST", '{"type":"GET_METRICS"}', JSON, 400),
    ("GET", "GET", None, {}, 405),
    ("PUT", "PUT", "{}", JSON, 405),
    ("text/plain", "POST", '{"type":"GET_HEALTH"}', {"Content-Type": "text/plain"}, 415),
    ("with charset", "POST", '{"type":"GET_HEALTH"}', {"Content-Type": "application/json; charset=utf-8"}, 415),
    ("no content type", "POST", '{"type":"GET_HEALTH"}', {}, 400),
    ("accept text/html", "POST", '{"type":"GET_HEALTH"}', {**JSON, "Accept": "text/html"}, 406),
    ("READ_FILE of unknown path", "POST", '{"type":"READ_FILE","read_file":{"path":"/x","offset":0}}', JSON, 404),
]


@pytest.mark.parametrize("daemon", ["master", "agent"])
@pytest.mark.parametrize("name,method,body,headers,status", ERRORS, ids=[row[0] for row in ERRORS])
def test_bad_calls_have_the_recorded_statuses(running, daemon, name, method, body, headers, status):
    got, got_headers, text = request(ports(running)[daemon], method, "/api/v1", body, headers)
    assert got == status, text
    assert got_headers["allow"] == "POST" if status == 405 else True
    assert (text == b"") == (status == 404)
    if text:
        assert got_headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("daemon", ["master", "agent"])
def test_unknown_paths_and_reads_by_post(running, daemon):
    port = ports(running)[daemon]
    assert request(port, "GET", "/nonexistent")[0] == 404
    for path in ("/state", "/metrics/snapshot", "/flags", "/version", "/system/stats.json"):
        assert request(port, "POST", path)[0] == 200, path


NOT_SERVED = [
    ("GET_RESOURCE_PROVIDERS", {}), ("MARK_RESOURCE_PROVIDER_GONE", {"resource_provider_id": {"value": "a"}}),
]


@pytest.mark.parametrize("kind,fields", NOT_SERVED, ids=[row[0] for row in NOT_SERVED])
def test_agent_calls_that_are_not_served_name_themselves(running, kind, fields):
    status, _, text = request(running.agents[0].port, "POST", "/api/v1", json.dumps({"type": kind, kind.lower(): fields}), JSON)
    assert status == 501 and kind in text.decode(), text


@pytest.mark.parametrize("daemon", ["master", "agent"])
def test_the_log_is_raised_and_read(running, daemon):
    port = ports(running)[daemon]
    log = "/master/log" if daemon == "master" else "/slave/log"
    assert call(port, {"type": "GET_LOGGING_LEVEL"})["get_logging_level"] == {"level": 0}
    body = {"type": "SET_LOGGING_LEVEL", "set_logging_level": {"level": 1, "duration": {"nanoseconds": 600 * 10**9}}}
    assert call(port, body) == {}
    assert get(port, "/logging/toggle")[1] == b"1\n"
    get(port, "/version?mark=raised")
    assert call(port, {"type": "LIST_FILES", "list_files": {"path": log}})["list_files"] == {}
    assert b"GET /version?mark=raised from " in get(port, "/files/download?path=" + log)[1]
    # It falls back by itself.
    assert get(port, "/logging/toggle?level=1&duration=50ms")[1] == b""
    wait_for(lambda: get(port, "/logging/toggle")[1] == b"0\n", "the usual level")
    get(port, "/version?mark=usual")
    assert b"mark=usual" not in get(port, "/files/download?path=" + log)[1]
    assert request(port, "GET", "/logging/toggle?level=1")[0] == 400


@pytest.mark.parametrize("daemon", ["master", "agent"])
def test_small_endpoints(running, daemon):
    port = ports(running)[daemon]
    prefix = "/master" if daemon == "master" else "/slave(1)"
    stats = get_json(port, "/system/stats.json")
    assert set(stats) == {"avg_load_1min", "avg_load_5min", "avg_load_15min", "cpus_total", "mem_total_bytes", "mem_free_bytes"}
    assert stats["mem_total_bytes"] > stats["mem_free_bytes"] > 0 and stats["cpus_total"] > 0
    assert set(get_json(port, "/system/stats")) == set(stats)
    assert get_json(port, prefix + "/flags") == get_json(port, "/flags.json")
    flags = {flag["name"]: flag["value"] for flag in call(port, {"type": "GET_FLAGS"})["get_flags"]["flags"]}
    assert flags == get_json(port, "/flags")["flags"]
    assert get_json(port, "/version")["version"] == "1.12.0"
    assert get_json(port, "/__processes__") == []
    assert request(port, "GET", "/profiler/start")[0] == request(port, "GET", "/memory-profiler/state")[0] == 400
    headers, body = get(port, "/state?jsonp=page.show")
    assert headers["content-type"] == "text/javascript" and body.startswith(b"page.show({") and body.endswith(b"});")
    for listed in get_json_help(port):
        assert request(port, "GET", listed)[0] != 404, listed


def get_json_help(port):
    process, = json.loads(get(port, "/help", {"Accept": "application/json"})[1])["processes"]
    assert process["id"] in ("master", "slave(1)")
    return [endpoint["name"] for endpoint in process["endpoints"]]


@pytest.mark.parametrize("daemon", ["master", "agent"])
def test_big_answers_are_compressed(running, daemon):
    port = ports(running)[daemon]
    headers, body = get(port, "/state", {"Accept-Encoding": "gzip"})
    assert headers["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(body))["frameworks"]
    assert "content-encoding" not in get(port, "/state")[0]


def test_tasks_are_filtered_and_paged(running):
    def ids(query):
        return [task["id"] for task in get_json(running.port, "/tasks" + query)["tasks"]]
    framework = running.scheduler.id
    assert ids("?order=asc") == ["first", "second"] and ids("") == ["second", "first"]
    assert ids("?limit=1") == ["second"] and ids("?limit=1&offset=1") == ["first"] and ids("?limit=-1&order=asc") == ids("?order=asc")
    assert ids("?limit=0") == ids("?offset=2") == ids("?framework_id=nobody") == []
    assert ids("/?task_id=first") == ids(f".json?task_id=first&framework_id={framework}") == ["first"]
    status, _, posted = request(running.port, "POST", "/tasks/?task_id=second")
    assert status == 200 and [t["id"] for t in json.loads(posted)["tasks"]] == ["second"]
    assert request(running.port, "GET", "/tasks?order=sideways")[0] == 400


def test_one_agent_and_one_framework(running):
    agent = running.agents[0].state()["id"]
    assert [a["id"] for a in get_json(running.port, f"/slaves?slave_id={agent}")["slaves"]] == [agent]
    assert get_json(running.port, "/slaves?slave_id=nobody")["slaves"] == []
    assert get_json(running.port, f"/slaves/{agent}")["slaves"][0]["id"] == agent
    framework = running.scheduler.id
    assert [f["id"] for f in get_json(running.port, f"/frameworks?framework_id={framework}")["frameworks"]] == [framework]
    registry = get_json(running.port, "/registrar(1)/registry")
    assert [a["info"]["id"]["value"] for a in registry["slaves"]["slaves"]] == [agent]
    assert registry == get_json(running.port, "/registrar/registry")


def test_redirect_and_what_the_cluster_is_not_for(running):
    status, headers, _ = request(running.port, "GET", "/redirect")
    assert (status, headers["location"]) == (307, f"//127.0.0.1:{running.port}")
    assert call(running.port, {"type": "GET_WEIGHTS"}) == {"type": "GET_WEIGHTS"}
    assert get_json(running.port, "/weights") == []
    for daemon in ports(running).values():
        assert call(daemon, {"type": "GET_OPERATIONS"}) == {"type": "GET_OPERATIONS", "get_operations": {}}


def test_containers_of_an_agent(running):
    port, framework = running.agents[0].port, running.scheduler.id
    container, = get_json(port, "/containers")
    assert (container["executor_id"], container["source"], container["framework_id"]) == ("first", "first", framework)
    assert container["statistics"]["mem_limit_bytes"] > 0 and container["status"]["executor_pid"] > 0
    identity = container["container_id"]
    for query, count in {f"container_id={identity}": 1, "container_id=none": 0, f"framework_id={framework}": 1,
                         f"framework_id={framework}&executor_id=first": 1, f"framework_id={framework}&executor_id=x": 0}.items():
        assert len(get_json(port, "/containers?" + query)) == count, query
    for query in ("executor_id=first", f"container_id={identity}&framework_id={framework}"):
        assert request(port, "GET", "/containers?" + query)[0] == 400, query
    statistics, = get_json(port, "/slave(1)/monitor/statistics.json")
    assert set(statistics) == {"executor_id", "executor_name", "framework_id", "source", "statistics"}
    assert get_json(port, "/containerizer/debug") == {"pending": []}
    called, = call(port, {"type": "GET_CONTAINERS"})["get_containers"]["containers"]
    assert called["container_id"]["value"] == identity
    assert call(port, {"type": "GET_CONTAINERS", "get_containers": {"show_nested": True, "show_standalone": True}})


def test_a_sandbox_has_short_paths(running):
    port, framework = running.agents[0].port, running.scheduler.id
    short = f"/frameworks/{framework}/executors/first/runs/latest"
    names = {entry["path"].rpartition("/")[2] for entry in get_json(port, "/files/browse?path=" + short)}
    assert {"stdout", "stderr"} <= names
    query = urllib.parse.urlencode({"path": short + "/stdout", "offset": 0, "length": 100})
    wait_for(lambda: "hello" in get_json(port, "/files/read?" + query)["data"], "the task's output")
    listed = call(port, {"type": "LIST_FILES", "list_files": {"path": short}})["list_files"]["file_infos"]
    assert {info["path"].rpartition("/")[2] for info in listed} == names
    assert short in get_json(port, "/files/debug")


def test_a_pods_task_has_a_path_of_its_own(running):
    port, scheduler = running.agents[0].port, running.scheduler
    launch_group(scheduler, scheduler.wait_offer(1), "pod", {"left": "echo from left; sleep 1000", "right": "sleep 1000"})
    scheduler.wait_state("left", "TASK_RUNNING")
    scheduler.wait_state("right", "TASK_RUNNING")
    path = f"/frameworks/{scheduler.id}/executors/pod/runs/latest/tasks/left/stdout"
    query = urllib.parse.urlencode({"path": path, "offset": 0, "length": 100})
    wait_for(lambda: "from left" in json.loads(request(port, "GET", "/files/read?" + query)[2])["data"], "the task's output")

    def containers(**show):
        found = call(port, {"type": "GET_CONTAINERS", "get_containers": show})["get_containers"]["containers"]
        return [c for c in found if "parent" in c["container_status"]["container_id"]], found
    nested, every = containers(show_nested=True)
    assert len(nested) == 2 and not containers()[0]
    parent, = {c["container_status"]["container_id"]["parent"]["value"] for c in nested}
    pod = next(c for c in every if c["container_id"]["value"] == parent)
    assert pod["executor_id"]["value"] == "pod" and all("executor_id" not in c for c in nested)
    scheduler.kill("left")
    scheduler.wait_state("left", "TASK_KILLED")
    scheduler.kill("right")
    scheduler.wait_state("right", "TASK_KILLED")


def test_teardown_by_form(running):
    scheduler = Scheduler(running.port, "torn")
    status, _, text = request(running.port, "POST", "/master/teardown", f"frameworkId={scheduler.id}")
    assert status == 200, text
    wait_for(scheduler.ended.is_set, "the end of the stream")
    completed = get_json(running.port, f"/frameworks?framework_id={scheduler.id}")["completed_frameworks"]
    assert [f["id"] for f in completed] == [scheduler.id]
    assert request(running.port, "POST", "/teardown")[0] == request(running.port, "POST", "/teardown", "frameworkId=x")[0] == 400
    assert request(running.port, "GET", "/teardown")[0] == 405
