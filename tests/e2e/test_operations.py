"""Reservations and volumes as frameworks and operators ask for them: what is offered, told and shown, and what stays."""
import json

import pytest

from harness.cluster import Cluster, call, request
from harness.scheduler import Scheduler, scalar
from harness.wait import wait_for

MODERN = ("MULTI_ROLE", "RESERVATION_REFINEMENT", "PARTITION_AWARE", "TASK_KILLING_STATE")


def reserved(resource, role, **more):
    return {**resource, "reservations": [{"type": "DYNAMIC", "role": role, **more}]}


def volume(mb, role, name="v1"):
    return {**reserved(scalar("disk", mb), role),
            "disk": {"persistence": {"id": name}, "volume": {"container_path": "data", "mode": "RW"}}}


def operator(cluster, kind, agent, expect=202, **fields):
    body = {"type": kind, kind.lower(): {"agent_id": {"value": agent}, **fields}}
    status, _, text = request(cluster.port, "POST", "/api/v1", json.dumps(body), {"Content-Type": "application/json"})
    assert status == expect, f"{kind} answered {status}: {text!r}"
    return text.decode()


def agent_id(cluster):
    return cluster.active_agents()[0]["agent_info"]["id"]["value"]


def slave(cluster):
    return json.loads(request(cluster.port, "GET", "/slaves")[2])["slaves"][0]


def operations(cluster):
    return call(cluster.port, {"type": "GET_OPERATIONS"})["get_operations"].get("operations", [])


def own_resources(cluster):
    """What the agent itself has for each role."""
    return cluster.agents[0].state()["reserved_resources"]


def accept(framework, offer, *wanted, refuse_seconds=0.0):
    framework.offers.pop(offer["id"]["value"], None)
    framework.call("ACCEPT", {"offer_ids": [offer["id"]], "operations": list(wanted),
                              "filters": {"refuse_seconds": refuse_seconds}})


def reserve(resource, **more):
    return {"type": "RESERVE", "reserve": {"resources": [resource]}, **more}


def statuses(framework, operation):
    return [e["update_operation_status"]["status"] for e in list(framework.events)
            if e["type"] == "UPDATE_OPERATION_STATUS"
            and e["update_operation_status"]["status"].get("operation_id", {}).get("value") == operation]


def acknowledge(framework, status):
    framework.call("ACKNOWLEDGE_OPERATION_STATUS",
                   {"agent_id": status["agent_id"], "operation_id": status["operation_id"],
                    "uuid": status["uuid"]["value"]})


def offered(framework, wanted):
    """An offer with a resource that is as wanted."""
    def find():
        for offer in list(framework.offers.values()):
            if any(wanted(resource) for resource in offer["resources"]):
                return offer
        return None
    return wait_for(find, "an offer with what was wanted")


def is_reserved(name, role):
    return lambda r: r["name"] == name and r.get("reservations", [{}])[-1].get("role") == role


@pytest.fixture
def cluster():
    with Cluster() as running:
        running.wait_agents(1)
        yield running


def test_feedback_reaches_the_framework_and_ends_with_its_acknowledgement(cluster):
    framework = Scheduler(cluster.port, roles=["a"], capabilities=MODERN)
    accept(framework, framework.wait_offer(1), reserve(reserved(scalar("cpus", 1), "a"), id={"value": "op-1"}))
    status = wait_for(lambda: statuses(framework, "op-1"), "the operation's end")[0]
    assert status["state"] == "OPERATION_FINISHED" and status["agent_id"]["value"] == agent_id(cluster)
    offered(framework, is_reserved("cpus", "a"))
    assert [o["latest_status"]["state"] for o in operations(cluster)] == ["OPERATION_FINISHED"]
    framework.call("RECONCILE_OPERATIONS", {"operations": [{"operation_id": {"value": "op-1"}},
                                                           {"operation_id": {"value": "nobody"}}]})
    unknown = wait_for(lambda: statuses(framework, "nobody"), "an answer about an unknown one")[0]
    assert unknown["state"] == "OPERATION_UNKNOWN"
    assert statuses(framework, "op-1")[-1]["state"] == "OPERATION_FINISHED"
    acknowledge(framework, status)
    wait_for(lambda: operations(cluster) == [], "the end of the operation")
    assert cluster.metric("master/operations/total") == 0
    assert own_resources(cluster)["a"]["cpus"] == 1


def test_what_is_refused_says_why(cluster):
    framework = Scheduler(cluster.port, roles=["a"], capabilities=MODERN)
    accept(framework, framework.wait_offer(1),
           reserve(reserved(scalar("cpus", 1000), "a"), id={"value": "too-much"}),
           {"type": "CREATE_DISK", "id": {"value": "disk"},
            "create_disk": {"source": scalar("disk", 1), "target_type": "MOUNT"}})
    too_much = wait_for(lambda: statuses(framework, "too-much"), "an answer")[0]
    assert too_much["state"] == "OPERATION_ERROR" and "does not contain" in too_much["message"]
    no_provider = wait_for(lambda: statuses(framework, "disk"), "an answer")[0]
    assert "no resource providers" in no_provider["message"]


def test_reserve_create_and_launch_at_once(cluster):
    framework = Scheduler(cluster.port, roles=["a"], capabilities=MODERN)
    offer = framework.wait_offer(1)
    task = framework.task(offer, "writer", "echo kept > data/file && cat data/file")
    task["resources"].append(volume(64, "a"))
    accept(framework, offer, reserve(reserved(scalar("disk", 64), "a")),
           {"type": "CREATE", "create": {"volumes": [volume(64, "a")]}},
           {"type": "LAUNCH", "launch": {"task_infos": [task]}})
    framework.wait_state("writer", "TASK_FINISHED")
    wait_for(lambda: operations(cluster) == [], "the master's acknowledgements")
    offer = offered(framework, lambda r: r.get("disk", {}).get("persistence", {}).get("id") == "v1")
    task = framework.task(offer, "reader", "test $(cat data/file) = kept")
    task["resources"].append(volume(64, "a"))
    framework.accept(offer, [task])
    framework.wait_state("reader", "TASK_FINISHED")


def test_operators_reserve_refine_and_hand_over(cluster):
    agent = agent_id(cluster)
    operator(cluster, "RESERVE_RESOURCES", agent, resources=[reserved(scalar("cpus", 1), "a")])
    assert slave(cluster)["reserved_resources_full"]["a"] == [
        {**reserved(scalar("cpus", 1.0), "a"), "role": "a", "reservation": {}}]
    layers = [{"type": "DYNAMIC", "role": "a"}, {"type": "DYNAMIC", "role": "a/sub"}]
    operator(cluster, "RESERVE_RESOURCES", agent, resources=[{**scalar("cpus", 1), "reservations": layers}])
    assert list(slave(cluster)["reserved_resources_full"]) == ["a/sub"]
    operator(cluster, "UNRESERVE_RESOURCES", agent, resources=[{**scalar("cpus", 1), "reservations": layers}])
    operator(cluster, "RESERVE_RESOURCES", agent, source=[reserved(scalar("cpus", 1), "a")],
             resources=[reserved(scalar("cpus", 1), "b")])
    assert slave(cluster)["reserved_resources"]["b"]["cpus"] == 1
    wait_for(lambda: own_resources(cluster).get("b", {}).get("cpus") == 1, "the agent's own view")
    old = Scheduler(cluster.port, roles=["b"], capabilities=("MULTI_ROLE", "PARTITION_AWARE"))
    resource = [r for r in old.wait_offer(1)["resources"] if r.get("role") == "b"]
    assert resource[0]["reservation"] == {}, "clients without refinement see the older form"


@pytest.mark.parametrize("kind,fields,status", [
    ("RESERVE_RESOURCES", {"resources": [reserved(scalar("cpus", 100000), "a")]}, 409),
    ("RESERVE_RESOURCES", {"resources": [reserved(scalar("cpus", 1), "a//b")]}, 400),
    ("UNRESERVE_RESOURCES", {"resources": [reserved(scalar("cpus", 3), "zzz")]}, 409),
    ("CREATE_VOLUMES", {"volumes": [{**volume(10, "a"), "reservations": []}]}, 400),
    ("DESTROY_VOLUMES", {"volumes": [volume(10, "a")]}, 400),
])
def test_operators_are_refused_as_recorded(shared_cluster, kind, fields, status):
    assert operator(shared_cluster, kind, agent_id(shared_cluster), expect=status, **fields)
    assert operator(shared_cluster, kind, "nobody", expect=400, **fields)


def test_volumes_grow_shrink_and_end(cluster):
    agent = agent_id(cluster)
    framework = Scheduler(cluster.port, roles=["a"], capabilities=MODERN)
    operator(cluster, "RESERVE_RESOURCES", agent, resources=[reserved(scalar("disk", 200), "a")])
    operator(cluster, "CREATE_VOLUMES", agent, volumes=[volume(100, "a")])
    operator(cluster, "CREATE_VOLUMES", agent, expect=400, volumes=[volume(50, "a")])
    operator(cluster, "GROW_VOLUME", agent, volume=volume(100, "a"), addition=reserved(scalar("disk", 50), "a"))
    operator(cluster, "SHRINK_VOLUME", agent, volume=volume(150, "a"), subtract={"value": 30})
    operator(cluster, "UNRESERVE_RESOURCES", agent, expect=409, resources=[reserved(scalar("disk", 120), "a")])
    offer = offered(framework, lambda r: r.get("disk", {}).get("persistence") and r["scalar"]["value"] == 120)
    task = framework.task(offer, "user", "exec sleep 1000")
    task["resources"].append(volume(120, "a"))
    framework.accept(offer, [task])
    framework.wait_state("user", "TASK_RUNNING")
    operator(cluster, "DESTROY_VOLUMES", agent, expect=400, volumes=[volume(120, "a")])
    framework.kill("user")
    framework.wait_state("user", "TASK_KILLED")
    wait_for(lambda: slave(cluster)["used_resources"]["disk"] == 0, "the end of its use")
    operator(cluster, "DESTROY_VOLUMES", agent, volumes=[volume(120, "a")])
    assert [r["scalar"]["value"] for r in slave(cluster)["reserved_resources_full"]["a"]] == [200.0]
    wait_for(lambda: operations(cluster) == [], "the agent's word of all of it")


def test_reservations_outlive_master_and_agent(cluster):
    agent = agent_id(cluster)
    operator(cluster, "RESERVE_RESOURCES", agent, resources=[reserved(scalar("disk", 100), "a")])
    operator(cluster, "CREATE_VOLUMES", agent, volumes=[volume(100, "a")])
    wait_for(lambda: operations(cluster) == [], "the agent's word")
    before = slave(cluster)["reserved_resources_full"]
    cluster.master.kill9()
    cluster.agents[0].kill9()
    cluster.master.start()
    cluster.agents[0].start()
    cluster.wait_healthy()
    wait_for(lambda: cluster.active_agents(), "the agent's return")
    assert agent_id(cluster) == agent
    assert slave(cluster)["reserved_resources_full"] == before


def test_an_operation_that_never_arrived_is_dropped(cluster):
    framework = Scheduler(cluster.port, roles=["a"], capabilities=MODERN)
    offer = framework.wait_offer(1)
    cluster.agents[0].freeze()  # What is sent stays in its socket.
    accept(framework, offer, reserve(reserved(scalar("cpus", 1), "a"), id={"value": "lost"}))
    wait_for(lambda: operations(cluster), "the operation under way")
    cluster.agents[0].kill9()
    cluster.agents[0].start()
    assert wait_for(lambda: statuses(framework, "lost"), "its end")[0]["state"] == "OPERATION_DROPPED"
    assert slave(cluster)["reserved_resources"] == {}
    wait_for(lambda: framework.wait_offer(4), "all of the agent again")
