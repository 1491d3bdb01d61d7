"""Planned maintenance: what the schedule does to offers, whom it asks to leave, and machines that are down."""
import json
import time

from harness.cluster import Cluster, call, request
from harness.scheduler import Scheduler
from harness.wait import wait_for

HERE = {"hostname": "127.0.0.1", "ip": "127.0.0.1"}
START = 1_900_000_000_000_000_000
HOUR = 3_600_000_000_000
UNAVAILABLE = {"start": {"nanoseconds": START}, "duration": {"nanoseconds": HOUR}}


def schedule(*machines, start=START):
    if not machines:
        return {"windows": []}
    return {"windows": [{"machine_ids": list(machines),
                         "unavailability": {"start": {"nanoseconds": start}, "duration": {"nanoseconds": HOUR}}}]}


def post(cluster, path, body, expect=200):
    text = body if isinstance(body, str) else json.dumps(body)
    status, _, answer = request(cluster.port, "POST", path, text, {"Content-Type": "application/json"})
    assert status == expect, f"{path} {text} answered {status}: {answer!r}"
    return answer.decode()


def operate(cluster, kind, expect=200, **fields):
    return post(cluster, "/api/v1", {"type": kind, kind.lower(): fields}, expect)


def plan(cluster, wanted, expect=200):
    return operate(cluster, "UPDATE_MAINTENANCE_SCHEDULE", expect, schedule=wanted)


def views(cluster):
    """The schedule and the status, the same by v1 and before."""
    planned = call(cluster.port, {"type": "GET_MAINTENANCE_SCHEDULE"})["get_maintenance_schedule"]["schedule"]
    status = call(cluster.port, {"type": "GET_MAINTENANCE_STATUS"})["get_maintenance_status"]["status"]
    assert json.loads(request(cluster.port, "GET", "/maintenance/schedule")[2]) == planned
    assert json.loads(request(cluster.port, "GET", "/maintenance/status")[2]) == status
    return planned, status


def of_type(framework, kind):
    return [e for e in list(framework.events) if e["type"] == kind]


def inverse_offers(framework):
    return [offer for e in of_type(framework, "INVERSE_OFFERS") for offer in e["inverse_offers"]["inverse_offers"]]


def wait_inverse(framework, count):
    wait_for(lambda: len(inverse_offers(framework)) >= count, f"inverse offer {count}")
    return inverse_offers(framework)[count - 1]


def answer(framework, kind, offer, **filters):
    framework.call(kind, {"inverse_offer_ids": [offer["id"]], **({"filters": filters} if filters else {})})


def statuses(cluster):
    return views(cluster)[1]["draining_machines"][0].get("statuses", [])


def restart_master(cluster):
    cluster.master.kill9()
    cluster.master.start()
    cluster.wait_healthy()


def test_frameworks_are_told_and_asked_to_leave(cluster):
    framework = Scheduler(cluster.port)
    framework.run("t", "sleep 1000")
    framework.wait_state("t", "TASK_RUNNING")
    offer = framework.wait_offer()
    assert "unavailability" not in offer
    assert views(cluster) == ({}, {})
    assert plan(cluster, schedule(HERE)) == ""
    assert views(cluster) == (schedule(HERE), {"draining_machines": [{"id": HERE}]})
    wait_for(lambda: offer["id"]["value"] not in framework.offers, "the end of the old offer")
    assert framework.wait_offer()["unavailability"] == UNAVAILABLE
    asked = wait_inverse(framework, 1)
    assert asked["unavailability"] == UNAVAILABLE and asked["framework_id"]["value"] == framework.id
    assert asked["agent_id"] == offer["agent_id"] and asked["url"] == offer["url"] and "resources" not in asked

    before = time.time_ns()
    answer(framework, "DECLINE_INVERSE_OFFERS", asked, refuse_seconds=1.5)
    [status] = wait_for(lambda: statuses(cluster), "the answer in the status")
    assert status["status"] == "DECLINE" and status["framework_id"]["value"] == framework.id
    assert before <= status["timestamp"]["nanoseconds"] <= time.time_ns()
    asked = wait_inverse(framework, 2)
    assert time.time_ns() - before > 1_400_000_000
    answer(framework, "ACCEPT_INVERSE_OFFERS", asked, refuse_seconds=1000)
    wait_for(lambda: statuses(cluster)[0]["status"] == "ACCEPT", "the other answer")
    framework.call("REVIVE")  # Ends the filter.
    asked = wait_inverse(framework, 3)

    assert post(cluster, "/maintenance/schedule", schedule(HERE, start=START + HOUR)) == ""
    wait_for(lambda: of_type(framework, "RESCIND_INVERSE_OFFER"), "the end of the inverse offer")
    [rescinded] = of_type(framework, "RESCIND_INVERSE_OFFER")
    assert rescinded["rescind_inverse_offer"]["inverse_offer_id"] == asked["id"]
    asked = wait_inverse(framework, 4)
    assert asked["unavailability"]["start"]["nanoseconds"] == START + HOUR
    assert statuses(cluster) == []
    assert plan(cluster, schedule()) == ""
    wait_for(lambda: len(of_type(framework, "RESCIND_INVERSE_OFFER")) == 2, "the end of the last one")
    wait_for(lambda: [o for o in list(framework.offers.values()) if "unavailability" not in o], "an offer as before")
    assert framework.states("t")[-1] == "TASK_RUNNING"


def test_agents_that_come_later_and_masters_that_come_later(cluster):
    assert plan(cluster, schedule({"hostname": "LOCALHOST"}, HERE)) == ""
    framework = Scheduler(cluster.port)
    assert wait_inverse(framework, 1)["agent_id"] == framework.wait_offer()["agent_id"]
    cluster.add_agent(hostname="localhost")
    cluster.wait_agents(2)
    wait_inverse(framework, 2)
    assert all(o["unavailability"] == UNAVAILABLE for o in list(framework.offers.values()))
    restart_master(cluster)
    cluster.wait_agents(2)
    assert views(cluster)[0] == schedule({"hostname": "LOCALHOST"}, HERE)
    later = Scheduler(cluster.port, framework_id=framework.id)
    wait_inverse(later, 2)
    later.teardown()


def test_machine_down_and_up():
    with Cluster() as cluster:
        framework = Scheduler(cluster.port)
        framework.run("t", "sleep 1000")
        framework.wait_state("t", "TASK_RUNNING")
        agent = cluster.agents[0]
        plan(cluster, schedule(HERE, {"hostname": "other"}))
        asked = wait_inverse(framework, 1)
        assert post(cluster, "/machine/down", [HERE]) == ""
        lost = framework.wait_state("t", "TASK_LOST")
        assert lost["reason"] == "REASON_AGENT_REMOVED" and lost["source"] == "SOURCE_MASTER"
        assert lost["message"] == "Agent 127.0.0.1 removed: Operator initiated 'Machine DOWN'"
        wait_for(lambda: of_type(framework, "FAILURE"), "FAILURE of the agent")
        assert of_type(framework, "RESCIND_INVERSE_OFFER")[0]["rescind_inverse_offer"]["inverse_offer_id"] == asked["id"]
        assert views(cluster)[1] == {"draining_machines": [{"id": {"hostname": "other"}}], "down_machines": [HERE]}
        wait_for(lambda: not agent.alive(), "the end of the agent")
        # It may not come back, neither to this master nor to the next one.
        for again in (False, True):
            if again:
                restart_master(cluster)
            agent.start()
            wait_for(lambda: not agent.alive(), "the end of the refused agent")
            assert not cluster.active_agents()
        assert "down" in plan(cluster, schedule(), expect=400)
        assert operate(cluster, "STOP_MAINTENANCE", machines=[HERE]) == ""
        assert views(cluster) == (schedule({"hostname": "other"}), {"draining_machines": [{"id": {"hostname": "other"}}]})
        agent.start()
        cluster.wait_agents(1)
        later = Scheduler(cluster.port, framework_id=framework.id)
        later.run("u", "true")
        later.wait_state("u", "TASK_FINISHED")


def test_bad_requests_change_nothing(shared_cluster):
    unknown = {"hostname": "other", "ip": "10.1.1.1"}
    assert "other" in operate(shared_cluster, "START_MAINTENANCE", 400, machines=[unknown])
    assert "127.0.0.1" in plan(shared_cluster, schedule(HERE, HERE), expect=400)
    assert "nowhere" in plan(shared_cluster, schedule({"ip": "nowhere"}), expect=400)
    plan(shared_cluster, {"windows": [{"machine_ids": [], "unavailability": UNAVAILABLE}]}, expect=400)
    plan(shared_cluster, {"windows": [{"machine_ids": [HERE]}]}, expect=400)
    for kind in ("UPDATE_MAINTENANCE_SCHEDULE", "START_MAINTENANCE", "STOP_MAINTENANCE"):
        post(shared_cluster, "/api/v1", {"type": kind}, expect=400)
    for path in ("/machine/down", "/machine/up"):
        for body in ("", "{}", "[", "[]", "[{}]", [unknown]):
            post(shared_cluster, path, body, expect=400)
    for body in ("", "[", '{"windows":[{}]}'):
        post(shared_cluster, "/maintenance/schedule", body, expect=400)
    assert views(shared_cluster) == ({}, {})
