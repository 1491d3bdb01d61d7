"""Priority bands with real masters and agents: who makes room for a role that starves, how it is asked, and what it is told."""
import json
import time

from harness.cluster import Cluster, request
from harness.scheduler import Scheduler
from harness.wait import wait_for

ROLES = ("MULTI_ROLE", "PARTITION_AWARE", "RESERVATION_REFINEMENT")
QUICK = {"preemption_after": "1secs", "preemption_notice": "2secs"}


def put(cluster, priorities, expect=200):
    status, _, text = request(cluster.port, "PUT", "/tepui/priorities", json.dumps(priorities),
                              {"Content-Type": "application/json"})
    assert status == expect, f"{priorities} answered {status}: {text!r}"
    return text.decode()


def priorities(cluster):
    return json.loads(request(cluster.port, "GET", "/tepui/priorities")[2])


def guarantee(cluster, role, cpus, mem=0):
    config = {"role": role, "guarantees": {"cpus": {"value": cpus}, **({"mem": {"value": mem}} if mem else {})}}
    body = {"type": "UPDATE_QUOTA", "update_quota": {"quota_configs": [config]}}
    status, _, text = request(cluster.port, "POST", "/api/v1", json.dumps(body), {"Content-Type": "application/json"})
    assert status == 200, text


def metric(cluster, name):
    return cluster.metric("master/preemptions/" + name)


def role(cluster, name, **options):
    return Scheduler(cluster.port, name, capabilities=options.pop("capabilities", ROLES), roles=[name], **options)


def fill(cluster, framework, names, cpus=2):
    """Runs tasks one after the other, so that the last is the youngest."""
    for name in names:
        framework.run(name, "sleep 1000", cpus=cpus, mem=256)
        framework.wait_state(name, "TASK_RUNNING")


def last(framework, task):
    return [e["update"]["status"] for e in list(framework.events)
            if e["type"] == "UPDATE" and e["update"]["status"]["task_id"]["value"] == task][-1]


def asked(framework):
    return [offer for e in list(framework.events) if e["type"] == "INVERSE_OFFERS"
            for offer in e["inverse_offers"]["inverse_offers"]]


def test_a_guaranteed_role_displaces_the_youngest_task():
    with Cluster(master_flags=QUICK) as cluster:
        batch = role(cluster, "batch")
        fill(cluster, batch, ["old", "young"])
        prod = role(cluster, "prod")
        guarantee(cluster, "prod", 2)
        put(cluster, {"prod": 10})
        [offer] = wait_for(lambda: asked(batch), "the inverse offer")
        assert offer["framework_id"]["value"] == batch.id
        assert {"name": "cpus", "value": 2.0} in [
            {"name": r["name"], "value": r.get("scalar", {}).get("value")} for r in offer["resources"]]
        assert abs(offer["unavailability"]["start"]["nanoseconds"] - time.time_ns() - 2e9) < 2e9
        batch.wait_state("young", "TASK_GONE")
        status = last(batch, "young")
        assert status["reason"] == "REASON_CONTAINER_PREEMPTED" and status["source"] == "SOURCE_EXECUTOR"
        assert status["message"] == "Displaced by role 'prod' (band 10), which is guaranteed cpus:2 and lacked cpus:2"
        assert prod.wait_offer(cpus=2)
        prod.run("web", "sleep 1000", cpus=2, mem=256)
        prod.wait_state("web", "TASK_RUNNING")
        assert batch.states("old")[-1] == "TASK_RUNNING"
        wait_for(lambda: metric(cluster, "tasks") == 1 and metric(cluster, "asked") == 1, "the metrics")
        assert metric(cluster, "withdrawn") == 0
        status, _, page = request(cluster.port, "GET", "/roles")
        assert b"priorit" not in page and b"band" not in page, "clients of Mesos see what they know"
        prod.teardown()
        batch.teardown()


def test_who_gives_way_by_itself_is_not_killed():
    with Cluster(master_flags={**QUICK, "preemption_notice": "1hrs"}) as cluster:
        batch = role(cluster, "batch")
        fill(cluster, batch, ["old", "young"])
        put(cluster, {"prod": 10})
        prod = role(cluster, "prod")
        guarantee(cluster, "prod", 2)
        [offer] = wait_for(lambda: asked(batch), "the inverse offer")
        batch.call("ACCEPT_INVERSE_OFFERS", {"inverse_offer_ids": [offer["id"]]})
        batch.kill("old")  # The other one than would have been chosen.
        batch.wait_state("old", "TASK_KILLED")
        assert "reason" not in last(batch, "old") or last(batch, "old")["reason"] != "REASON_CONTAINER_PREEMPTED"
        assert prod.wait_offer(cpus=2)
        wait_for(lambda: metric(cluster, "withdrawn") == 1, "that nothing more is needed")
        assert metric(cluster, "tasks") == 0 and batch.states("young")[-1] == "TASK_RUNNING"
        prod.teardown()
        batch.teardown()


def test_nothing_happens_unless_configured_and_a_band_outlives_the_master():
    with Cluster(master_flags=QUICK) as cluster:
        batch = role(cluster, "batch", capabilities=("MULTI_ROLE",))
        fill(cluster, batch, ["old", "young"])
        prod = role(cluster, "prod")
        guarantee(cluster, "prod", 2)
        assert priorities(cluster) == {}
        since = cluster.metric("master/uptime_secs")
        wait_for(lambda: cluster.metric("master/uptime_secs") > since + 3, "three times preemption_after")
        put(cluster, {"batch": 5})  # The wrong one of them.
        cluster.add_agent(hostname="localhost", resources="cpus:4;mem:512")
        prod.wait_offer(cpus=2)
        assert asked(batch) == [] and metric(cluster, "asked") == 0
        assert "give it to 'prod'" in put(cluster, {"prod/web": 1}, expect=400)
        guarantee(cluster, "prod", 6)
        put(cluster, {"prod": 10, "batch": 0})
        cluster.master.kill9()
        cluster.master.start()
        cluster.wait_healthy()
        assert priorities(cluster) == {"prod": 10}
        cluster.wait_agents(2)
        back = Scheduler(cluster.port, "batch", framework_id=batch.id, capabilities=("MULTI_ROLE",), roles=["batch"])
        again = Scheduler(cluster.port, "prod", framework_id=prod.id, capabilities=ROLES, roles=["prod"])
        back.wait_state("young", "TASK_LOST")  # Not partition-aware.
        assert last(back, "young")["reason"] == "REASON_CONTAINER_PREEMPTED"
        assert "lacked cpus:2" in last(back, "young")["message"]
        again.teardown()
        back.teardown()


def test_the_verb_says_whom_it_hurts():
    with Cluster() as cluster:
        batch = role(cluster, "batch")
        fill(cluster, batch, ["t"])
        said = cluster.tepui("priority", "set", "--dry-run", "prod=10")
        assert "prod: priority 0 -> 10" in said.stdout and "1 task of role batch may be displaced by role prod" in said.stderr
        assert priorities(cluster) == {}
        cluster.tepui("priority", "set", "prod=10", "batch=-1")
        listed = cluster.tepui("priority", "list").stdout.split()
        assert listed == ["ROLE", "PRIORITY", "batch", "-1", "prod", "10"]
        assert "Priority" in cluster.tepui("role", "batch").stdout
        assert "no priority" in cluster.tepui("priority", "remove", "test").stderr
        cluster.tepui("priority", "remove", "prod", "batch")
        assert priorities(cluster) == {}
        batch.teardown()
