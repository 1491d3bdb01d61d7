"""Every recorded answer against ours: the same keys, of the same types, there as often. What may differ stands in
docs/reference/compatibility.md."""
import json
import urllib.parse

import pytest

from harness.cluster import ROOT, Cluster, request
from harness.golden import Golden
from harness.shapes import Table, differences, shape

DOCUMENT = ROOT / "docs" / "reference" / "compatibility.md"
HEADING = "## Shapes of answers that differ"
SHAPES = json.loads((ROOT / "api" / "golden" / "shapes.json").read_text())


@pytest.fixture(scope="module")
def golden():
    with Cluster(master_flags=Golden.MASTER_FLAGS, agent_flags=Golden.AGENT_FLAGS) as cluster, Golden(cluster) as played:
        yield played


@pytest.fixture(scope="module")
def table():
    return Table(DOCUMENT, HEADING)


def bodies(golden, where):
    """Our answers of what a recording is called: ("master /state", "agent GET_TASKS", "scheduler UPDATE"); with the status
    when there is no such answer."""
    who, name = where.split(" ", 1)
    if who == "scheduler":
        return [event for event in golden.scheduler.events if event["type"] == name]
    if who == "executor":
        return [event for event in golden.executor_events() if event["type"] == name]
    port = golden.cluster.port if who == "master" else golden.cluster.agents[0].port
    if name.startswith("/"):
        answers = [request(port, "GET", name + query) for query in queries(golden, name)]
    else:
        call = {"type": name}
        call.update({"GET_METRICS": {"get_metrics": {}}, "LIST_FILES": {"list_files": {"path": "/master/log"}},
                     "GET_CONTAINERS": {"get_containers": {"show_nested": True}}}.get(name, {}))
        answers = [request(port, "POST", "/api/v1", json.dumps(call), {"Content-Type": "application/json"})]
    status = answers[0][0]
    return [json.loads(data) for _, _, data in answers] if status == 200 else status


def queries(golden, name):
    if name not in ("/files/browse", "/files/read"):
        return [""]
    directory = golden.executor("custom-executor")["directory"]
    if name == "/files/browse":
        return ["?" + urllib.parse.urlencode({"path": directory})]
    path = directory + "/events.json"
    return ["?" + urllib.parse.urlencode({"path": path, "offset": offset, "length": 5000}) for offset in (0, -1)]


@pytest.mark.parametrize("where", sorted(SHAPES))
def test_has_the_recorded_shape(golden, table, where):
    ours = bodies(golden, where)
    if isinstance(ours, int) or not ours:
        assert table.allows(where, "absent", "*"), f"{where} answers {ours or 'nothing'}"
        return
    found = differences(SHAPES[where], shape(ours, where.split(" ", 1)[1]))
    told = [f"| `{where}` | `{path}` | {kind} | {text} |" for kind, path, text in found if not table.allows(where, kind, path)]
    assert not told, "not in " + str(DOCUMENT) + ":\n" + "\n".join(told)


def test_every_row_of_the_table_is_of_use(table, golden, request):
    """Runs last in this file; a row that allows nothing any more is to be deleted."""
    ran = {item.callspec.params["where"] for item in request.session.items if item.originalname == "test_has_the_recorded_shape"}
    if ran != set(SHAPES):
        pytest.skip("only some comparisons were run")
    assert not table.unused()


def test_the_table_is_read(table):
    assert len(table.rows) > 5
    assert all(kind in ("missing", "added", "type", "optional", "absent") and reason for _, _, kind, reason in table.rows)


def test_differences_are_found():
    """The comparison itself: a check that finds nothing proves nothing."""
    recorded = shape([{"a": [{"id": 1, "x": "s"}, {"id": 2}], "b": {"c": True}}])
    assert recorded["a[].x"] == "string?" and recorded["a[].id"] == "int"
    assert differences(recorded, recorded) == []
    ours = shape([{"a": [{"id": 1.0}, {"x": "s", "id": 2.0}, {"id": 3.0, "y": 1}]}])
    assert differences(recorded, ours) == [("type", "a[].id", "int there, double here"), ("missing", "b", "object"),
                                           ("added", "a[].y", "int?")]
    assert differences({"a": "int"}, {"a": "int?"}) == [("optional", "a", "int there, int? here")]
