"""DRAIN_AGENT on real processes: tasks end with at most the grace that is given, the drain outlasts master and agent, can be taken
back, or ends with the agent gone."""
import json

from harness.cluster import Cluster, call, request
from harness.scheduler import Scheduler
from harness.wait import wait_for

STUBBORN = "trap '' TERM; while :; do sleep 0.1; done"


def post(cluster, path, body, expect=200):
    status, _, text = request(cluster.port, "POST", path, json.dumps(body), {"Content-Type": "application/json"})
    assert status == expect, f"{path} {body} answered {status}: {text!r}"
    return text.decode()


def drain(cluster, agent_id, expect=200, **fields):
    return post(cluster, "/api/v1", {"type": "DRAIN_AGENT", "drain_agent": {"agent_id": {"value": agent_id}, **fields}}, expect)


def cancel(cluster, agent_id, expect=200):
    return post(cluster, "/tepui/cancel-drain", {"agent_id": agent_id}, expect)


def reactivate(cluster, agent_id, expect=200):
    return post(cluster, "/api/v1", {"type": "REACTIVATE_AGENT", "reactivate_agent": {"agent_id": {"value": agent_id}}}, expect)


def agents(cluster):
    return call(cluster.port, {"type": "GET_AGENTS"})["get_agents"].get("agents", [])


def only_agent(cluster):
    [agent] = wait_for(lambda: agents(cluster), "the agent")
    return agent


def drain_info(cluster):
    """The drain's state and config, the same wherever it is shown."""
    agent = only_agent(cluster)
    info = agent.get("drain_info")
    since = agent.get("estimated_drain_start_time", {}).get("nanoseconds")
    for path in ("/slaves", "/state"):
        slave = json.loads(request(cluster.port, "GET", path)[2])["slaves"][0]
        assert slave["deactivated"] == agent["deactivated"] and slave["active"] == agent.get("active", False)
        if info == slave.get("drain_info"):  # Else it moved on in between.
            assert slave.get("estimated_drain_start_time_seconds") == (since // 1_000_000_000 if since else None)
    return info


def drained(cluster):
    wait_for(lambda: (drain_info(cluster) or {}).get("state") == "DRAINED", "the end of the drain")


def restart_master(cluster):
    cluster.master.kill9()
    cluster.master.start()
    cluster.wait_healthy()


def test_tasks_end_and_the_agent_rests_till_it_is_reactivated(cluster):
    framework = Scheduler(cluster.port)
    framework.run("meek", "sleep 1000")
    framework.run("stubborn", STUBBORN, kill_policy={"grace_period": {"nanoseconds": 100_000_000_000}})
    for task in ("meek", "stubborn"):
        framework.wait_state(task, "TASK_RUNNING")
    offer = framework.wait_offer()
    agent_id = offer["agent_id"]["value"]
    assert drain_info(cluster) is None
    assert drain(cluster, agent_id, max_grace_period="500ms") == ""
    wait_for(lambda: offer["id"]["value"] not in framework.offers, "the end of the offer")
    for task in ("meek", "stubborn"):
        killed = framework.wait_state(task, "TASK_KILLED")
        assert killed["reason"] == "REASON_AGENT_DRAINING"
        assert framework.wait_state(task, "TASK_KILLING")["reason"] == "REASON_AGENT_DRAINING"
    drained(cluster)
    assert drain_info(cluster) == {"state": "DRAINED", "config": {"max_grace_period": {"nanoseconds": 500_000_000},
                                                                 "mark_gone": False}}
    assert only_agent(cluster)["deactivated"] and not only_agent(cluster).get("active")
    assert drain(cluster, agent_id) == "", "a new config, and it is drained already"
    wait_for(lambda: drain_info(cluster) == {"state": "DRAINED", "config": {"mark_gone": False}}, "the new config")
    restart_master(cluster)
    assert only_agent(cluster)["drain_info"]["state"] == "DRAINED"
    later = Scheduler(cluster.port, framework_id=framework.id)
    assert "drained already" in cancel(cluster, agent_id, expect=409)
    assert not later.offers
    assert reactivate(cluster, agent_id) == ""
    assert drain_info(cluster) is None
    later.run("next", "true")
    later.wait_state("next", "TASK_FINISHED")
    later.teardown()


def test_the_drain_outlasts_the_master_and_the_agent(cluster):
    framework = Scheduler(cluster.port, acknowledge=False)
    framework.run("t", STUBBORN, kill_policy={"grace_period": {"nanoseconds": 1_000_000_000_000}})
    framework.wait_state("t", "TASK_STARTING")
    framework.acknowledge = True
    for update in list(framework.updates):
        framework.ack(update)
    framework.wait_state("t", "TASK_RUNNING")
    agent, agent_id = cluster.agents[0], only_agent(cluster)["agent_info"]["id"]["value"]
    agent.kill9()
    assert drain(cluster, agent_id, max_grace_period={"seconds": 1}) == "", "it learns of it when it is back"
    restart_master(cluster)
    later = Scheduler(cluster.port, framework_id=framework.id, acknowledge=False)
    agent.start()
    killed = later.wait_state("t", "TASK_KILLING")
    assert killed["reason"] == "REASON_AGENT_DRAINING"
    assert drain_info(cluster)["state"] == "DRAINING"
    assert "still draining" in reactivate(cluster, agent_id, expect=409)
    before = cluster.metric("master/slave_reregistrations")
    agent.kill9()
    agent.start()
    wait_for(lambda: cluster.metric("master/slave_reregistrations") > before, "the restarted agent")
    later.ack(killed)
    end = later.wait_state("t", "TASK_KILLED")
    assert drain_info(cluster)["state"] == "DRAINING", "the end is not acknowledged"
    later.acknowledge = True
    later.ack(end)
    drained(cluster)
    later.teardown()


def test_marked_gone_when_it_is_drained():
    with Cluster() as cluster:
        aware = Scheduler(cluster.port)
        aware.run("aware", "sleep 1000")
        plain = Scheduler(cluster.port, capabilities=())
        aware.wait_state("aware", "TASK_RUNNING")
        for offer in list(aware.offers.values()):
            aware.call("DECLINE", {"offer_ids": [offer["id"]], "filters": {"refuse_seconds": 1000}})
        plain.run("plain", "sleep 1000")
        plain.wait_state("plain", "TASK_RUNNING")
        agent, agent_id = cluster.agents[0], only_agent(cluster)["agent_info"]["id"]["value"]
        assert drain(cluster, agent_id, mark_gone=True) == ""
        assert aware.wait_state("aware", "TASK_GONE_BY_OPERATOR")["reason"] == "REASON_AGENT_DRAINING"
        assert plain.wait_state("plain", "TASK_KILLED")["reason"] == "REASON_AGENT_DRAINING"
        wait_for(lambda: not agents(cluster), "the end of the agent at the master")
        wait_for(lambda: not agent.alive(), "the end of the agent")
        gone = json.loads(request(cluster.port, "GET", "/registrar/registry")[2])["gone"]["slaves"]
        assert [entry["id"]["value"] for entry in gone] == [agent_id]
        assert drain(cluster, agent_id, expect=400)


def test_a_drain_is_taken_back(cluster):
    framework = Scheduler(cluster.port)
    framework.run("t", STUBBORN, kill_policy={"grace_period": {"nanoseconds": 3_000_000_000}})
    framework.wait_state("t", "TASK_RUNNING")
    agent_id = only_agent(cluster)["agent_info"]["id"]["value"]
    assert "not draining" in cancel(cluster, agent_id, expect=409)
    drain(cluster, agent_id, mark_gone=True)
    framework.wait_state("t", "TASK_KILLING")
    framework.offers.clear()
    assert cancel(cluster, agent_id) == ""
    assert drain_info(cluster) is None and only_agent(cluster)["active"]
    framework.run("next", "sleep 1000")  # While the killed one still ends.
    framework.wait_state("next", "TASK_RUNNING")
    framework.wait_state("t", "TASK_KILLED")  # And is not called gone, as the agent is not.
    assert framework.states("next")[-1] == "TASK_RUNNING"
    assert only_agent(cluster)["active"]
    framework.teardown()


def test_what_cannot_be_drained(shared_cluster):
    assert "nobody" in drain(shared_cluster, "nobody", expect=400)
    cancel(shared_cluster, "nobody", expect=404)
    post(shared_cluster, "/api/v1", {"type": "DRAIN_AGENT"}, expect=400)
    agent = only_agent(shared_cluster)["agent_info"]
    drain(shared_cluster, agent["id"]["value"], max_grace_period={"seconds": -1}, expect=400)
    window = {"machine_ids": [{"hostname": agent["hostname"]}], "unavailability": {"start": {"nanoseconds": 1}}}
    for windows, expect in (([window], 400), ([], 200)):
        post(shared_cluster, "/maintenance/schedule", {"windows": windows})
        assert drain(shared_cluster, agent["id"]["value"], expect=expect) == "" or expect == 400
    drained(shared_cluster)
    reactivate(shared_cluster, agent["id"]["value"])
    assert drain_info(shared_cluster) is None
