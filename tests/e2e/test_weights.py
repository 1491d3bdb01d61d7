"""What operators set at run time and what a master must not forget: weights of roles, agents taken out of use."""
import json
import os

from harness.cluster import Cluster, call, request
from harness.scheduler import Scheduler
from harness.wait import wait_for


def post(cluster, body, expect=200):
    status, _, text = request(cluster.port, "POST", "/api/v1", json.dumps(body), {"Content-Type": "application/json"})
    assert status == expect, f"{body['type']} answered {status}: {text!r}"
    return text.decode()


def put_weights(cluster, weights, expect=200):
    body = weights if isinstance(weights, str) else json.dumps([{"role": r, "weight": w} for r, w in weights.items()])
    status, _, text = request(cluster.port, "PUT", "/weights", body, {"Content-Type": "application/json"})
    assert status == expect, f"{weights} answered {status}: {text!r}"
    return text.decode()


def weights(cluster):
    """Role to weight, the same wherever it is asked for."""
    legacy = {w["role"]: w["weight"] for w in json.loads(request(cluster.port, "GET", "/weights")[2])}
    infos = call(cluster.port, {"type": "GET_WEIGHTS"}).get("get_weights", {}).get("weight_infos", [])
    assert legacy == {w["role"]: w["weight"] for w in infos}
    roles = {r["name"]: r["weight"] for r in json.loads(request(cluster.port, "GET", "/roles")[2])["roles"]}
    v1 = {r["name"]: r["weight"] for r in call(cluster.port, {"type": "GET_ROLES"})["get_roles"].get("roles", [])}
    assert roles == v1 and all(roles[role] == weight for role, weight in legacy.items())
    return legacy


def restart_master(cluster):
    cluster.master.kill9()
    cluster.master.start()
    cluster.wait_healthy()


def rescinded(framework):
    return [e["rescind"]["offer_id"]["value"] for e in list(framework.events) if e["type"] == "RESCIND"]


def deactivation(cluster, agent_id, kind="DEACTIVATE_AGENT", expect=200):
    return post(cluster, {"type": kind, kind.lower(): {"agent_id": {"value": agent_id}}}, expect)


def agent_views(cluster):
    """(active, deactivated) of the one agent, the same in the three places that tell."""
    v1 = call(cluster.port, {"type": "GET_AGENTS"})["get_agents"]["agents"][0]
    views = {(v1.get("active", False), v1["deactivated"])}
    for path in ("/slaves", "/state"):
        agent = json.loads(request(cluster.port, "GET", path)[2])["slaves"][0]
        views.add((agent["active"], agent["deactivated"]))
    return views


def registered(cluster):
    return call(cluster.port, {"type": "GET_AGENTS"})["get_agents"].get("agents", [])


def test_weights_end_offers_and_outlive_the_master():
    with Cluster(master_flags={"weights": "flag=3"}) as cluster:
        framework = Scheduler(cluster.port, roles=["ads"], capabilities=("MULTI_ROLE", "PARTITION_AWARE"))
        assert weights(cluster) == {"flag": 3.0}
        offer = framework.wait_offer()
        assert put_weights(cluster, {"other": 2}) == ""
        assert put_weights(cluster, {"ads": 2.5}) == ""
        wait_for(lambda: rescinded(framework) == [offer["id"]["value"]], "the end of the one offer")
        framework.wait_offer()
        assert post(cluster, {"type": "UPDATE_WEIGHTS",
                              "update_weights": {"weight_infos": [{"role": "ads/web", "weight": 0.5}]}}) == ""
        expected = {"flag": 3.0, "other": 2.0, "ads": 2.5, "ads/web": 0.5}
        assert weights(cluster) == expected
        restart_master(cluster)
        assert weights(cluster) == expected
        assert "--weights is ignored" in cluster.master.log_text()


def test_bad_weights_change_nothing(shared_cluster):
    before = weights(shared_cluster)
    assert "x" in put_weights(shared_cluster, {"x": 0}, expect=400)
    assert "a//b" in put_weights(shared_cluster, {"good": 1, "a//b": 1}, expect=400)
    for body in ("", "{}", "[", '[{"role":"x"}]', '[{"role":"x","weight":"much"}]', "[1]"):
        put_weights(shared_cluster, body, expect=400)
    bad = {"type": "UPDATE_WEIGHTS", "update_weights": {"weight_infos": [{"role": "x", "weight": -1}]}}
    assert "x" in post(shared_cluster, bad, expect=400)
    post(shared_cluster, {"type": "UPDATE_WEIGHTS"}, expect=400)
    assert weights(shared_cluster) == before


def test_deactivated_agent_keeps_its_tasks_and_gets_no_more(cluster):
    framework = Scheduler(cluster.port)
    agent = cluster.agents[0]
    agent_id = registered(cluster)[0]["agent_info"]["id"]["value"]
    framework.run("t", "sleep 1000")
    pid = framework.wait_state("t", "TASK_RUNNING")["container_status"]["executor_pid"]
    offer = framework.wait_offer()
    assert deactivation(cluster, agent_id) == ""
    wait_for(lambda: offer["id"]["value"] in rescinded(framework), "the end of its offer")
    assert agent_views(cluster) == {(False, True)}
    assert cluster.metric("master/slaves_inactive") == 1 and cluster.metric("master/slaves_connected") == 1
    assert cluster.state()["deactivated_slaves"] == 1
    framework.call("REVIVE")
    assert deactivation(cluster, agent_id) == "", "it is so already"

    restart_master(cluster)
    wait_for(lambda: registered(cluster), "the agent at the new master")
    assert agent_views(cluster) == {(False, True)}
    before = cluster.metric("master/slave_reregistrations")
    agent.kill9()
    agent.start()
    wait_for(lambda: cluster.metric("master/slave_reregistrations") > before, "the restarted agent")
    assert agent_views(cluster) == {(False, True)}
    later = Scheduler(cluster.port, framework_id=framework.id)  # The same framework, at the new master.
    later.call("RECONCILE", {"tasks": []})
    later.wait_state("t", "TASK_RUNNING")
    assert os.path.exists(f"/proc/{pid}")
    assert not later.offers

    assert deactivation(cluster, agent_id, "REACTIVATE_AGENT") == ""
    later.wait_offer()
    assert agent_views(cluster) == {(True, False)}
    assert cluster.metric("master/slaves_inactive") == 0
    assert "not deactivated" in deactivation(cluster, agent_id, "REACTIVATE_AGENT", expect=409)
    later.run("u", "true")
    later.wait_state("u", "TASK_FINISHED")
    restart_master(cluster)
    wait_for(lambda: registered(cluster), "the agent at the last master")
    assert agent_views(cluster) == {(True, False)}


def test_agents_that_cannot_be_deactivated(shared_cluster):
    for kind in ("DEACTIVATE_AGENT", "REACTIVATE_AGENT"):
        assert "nobody" in deactivation(shared_cluster, "nobody", kind, expect=400)
        post(shared_cluster, {"type": kind}, expect=400)
    deactivation(shared_cluster, registered(shared_cluster)[0]["agent_info"]["id"]["value"], "REACTIVATE_AGENT", expect=409)
    assert agent_views(shared_cluster) == {(True, False)}
