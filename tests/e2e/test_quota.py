"""Who may have what, with real masters and agents: guarantees, limits, the order of roles, and what keeps offers away."""
import json

from harness.cluster import Cluster, call, request
from harness.scheduler import Scheduler
from harness.wait import wait_for

ROLES = ("MULTI_ROLE", "PARTITION_AWARE", "RESERVATION_REFINEMENT")


def amounts(text):
    """"cpus:1;mem:32" as a quota has it."""
    return {name: {"value": float(value)} for name, value in (part.split(":") for part in text.split(";") if part)}


def update(cluster, role, guarantees="", limits="", force=False, expect=200):
    config = {"role": role, "guarantees": amounts(guarantees), "limits": amounts(limits)}
    body = {"type": "UPDATE_QUOTA", "update_quota": {"force": force, "quota_configs": [config]}}
    status, _, text = request(cluster.port, "POST", "/api/v1", json.dumps(body), {"Content-Type": "application/json"})
    assert status == expect, f"{config} answered {status}: {text!r}"
    return text.decode()


def configs(cluster):
    """Role to its config, the same wherever it is asked for; those without anything left out."""
    v1 = call(cluster.port, {"type": "GET_QUOTA"}).get("get_quota", {}).get("status", {}).get("configs", [])
    assert v1 == json.loads(request(cluster.port, "GET", "/quota")[2]).get("configs", [])
    return {c["role"]: c for c in v1 if len(c) > 1}


def role(cluster, name):
    roles = json.loads(request(cluster.port, "GET", "/roles")[2])["roles"]
    return next((r for r in roles if r["name"] == name), {})


def held(cluster, name):
    """CPUs that the role is offered or uses."""
    return role(cluster, name).get("resources", {}).get("cpus", 0)


def rescinded(framework):
    return {e["rescind"]["offer_id"]["value"] for e in list(framework.events) if e["type"] == "RESCIND"}


def test_a_guarantee_waits_for_the_role_that_comes_later():
    with Cluster(agents=2) as cluster:
        assert update(cluster, "late", guarantees="cpus:5;mem:1024") == ""
        batch = Scheduler(cluster.port, "batch", capabilities=ROLES, roles=["batch"])
        wait_for(lambda: held(cluster, "batch") == 3, "all but the headroom for role batch")
        late = Scheduler(cluster.port, "late", capabilities=ROLES, roles=["late/web"])
        wait_for(lambda: held(cluster, "late") == 5, "what role late is guaranteed")
        late.run("t", "sleep 1000", cpus=1)
        late.wait_state("t", "TASK_RUNNING")
        shown = role(cluster, "late")["quota"]
        assert shown["guarantee"] == {"cpus": 5.0, "mem": 1024.0} and shown["limit"] == {}
        assert shown["consumed"]["cpus"] == 1.0, "offers are not consumed"
        prefix = "allocator/mesos/quota/roles/late/resources/cpus/"
        assert cluster.metric(prefix + "guarantee") == 5
        wait_for(lambda: cluster.metric(prefix + "offered_or_allocated") == 5, "the metric of what counts against it")
        assert held(cluster, "batch") == 3
        batch.close()
        late.teardown()


def test_a_guarantee_set_while_all_is_offered_takes_offers_back():
    with Cluster(agents=2) as cluster:
        batch = Scheduler(cluster.port, "batch", capabilities=ROLES, roles=["batch"])
        wait_for(lambda: held(cluster, "batch") == 8, "all for role batch")
        assert "'force'" in update(cluster, "late", guarantees="cpus:100", expect=400)
        assert configs(cluster) == {}
        late = Scheduler(cluster.port, "late", capabilities=ROLES, roles=["late"])
        update(cluster, "late", guarantees="cpus:4")
        wait_for(lambda: rescinded(batch), "the end of an offer of role batch")
        wait_for(lambda: held(cluster, "late") >= 4, "what role late is guaranteed")
        assert held(cluster, "late") + held(cluster, "batch") <= 8


def test_a_limit_holds_for_all_below_it_and_is_lowered_without_ending_tasks():
    with Cluster(agents=2) as cluster:
        update(cluster, "capped", limits="cpus:3;mem:1024")
        one = Scheduler(cluster.port, "one", capabilities=ROLES, roles=["capped/one"])
        two = Scheduler(cluster.port, "two", capabilities=ROLES, roles=["capped/two"])
        wait_for(lambda: held(cluster, "capped") == 3, "offers up to the limit")
        winner = wait_for(lambda: next((s for s in (one, two) if s.offers), None), "the one with the offer")
        winner.run("t", "sleep 1000", cpus=2, mem=64)
        winner.wait_state("t", "TASK_RUNNING")
        wait_for(lambda: role(cluster, "capped")["quota"]["consumed"].get("cpus") == 2, "the task's CPUs")
        wait_for(lambda: held(cluster, "capped") == 3, "an offer of what is left")
        # Lower than what is offered and used: the offer ends; than what is used: only by force.
        ended = {s: rescinded(s) for s in (one, two)}
        update(cluster, "capped", limits="cpus:2.5;mem:1024")
        wait_for(lambda: any(rescinded(s) - ended[s] for s in (one, two)), "the end of the offer above the limit")
        wait_for(lambda: held(cluster, "capped") == 2.5, "what the limit leaves")
        assert "has 2 cpus already" in update(cluster, "capped", limits="cpus:1", expect=400)
        update(cluster, "capped", limits="cpus:1", force=True)
        wait_for(lambda: held(cluster, "capped") == 2, "nothing but the task")
        assert winner.states("t")[-1] == "TASK_RUNNING"
        update(cluster, "capped")
        assert configs(cluster) == {}
        wait_for(lambda: held(cluster, "capped") == 8, "everything, as there is no limit any more")


def test_quota_outlives_the_master_and_is_kept_from_its_first_offer_on():
    with Cluster(agents=2) as cluster:
        update(cluster, "capped", limits="cpus:2;mem:512")
        framework = Scheduler(cluster.port, capabilities=ROLES, roles=["capped"])
        framework.run("t", "sleep 1000", cpus=1.5, mem=64)
        framework.wait_state("t", "TASK_RUNNING")
        before = configs(cluster)
        assert before["capped"]["limits"] == amounts("cpus:2;mem:512")
        cluster.master.kill9()
        cluster.master.start()
        cluster.wait_healthy()
        assert configs(cluster) == before
        cluster.wait_agents(2)
        Scheduler(cluster.port, framework_id=framework.id, capabilities=ROLES, roles=["capped"])
        wait_for(lambda: held(cluster, "capped") == 2, "the task, and an offer of the rest")
        assert role(cluster, "capped")["quota"]["consumed"]["cpus"] == 1.5


def test_the_older_calls():
    with Cluster(agents=1) as cluster:
        def send(method, path, body=None):
            headers = {"Content-Type": "application/json"}
            return request(cluster.port, method, path, json.dumps(body) if body else None, headers)[0]

        wish = {"role": "old", "guarantee": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.5}}]}
        assert send("POST", "/quota", wish) == 200
        assert configs(cluster)["old"]["guarantees"] == configs(cluster)["old"]["limits"] == amounts("cpus:0.5")
        assert send("POST", "/quota", wish) == 400, "it is there already"
        big = {**wish, "role": "big", "guarantee": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 50}}]}
        assert send("POST", "/master/quota", big) == 409
        assert send("POST", "/quota", {**big, "force": True}) == 200
        assert send("DELETE", "/quota/big") == 200 and send("DELETE", "/quota/big") == 400
        request_v1 = {"type": "REMOVE_QUOTA", "remove_quota": {"role": "old"}}
        assert send("POST", "/api/v1", request_v1) == 200 and configs(cluster) == {}
        assert send("POST", "/api/v1", {"type": "SET_QUOTA", "set_quota": {"quota_request": wish}}) == 200
        assert list(configs(cluster)) == ["old"]


def test_a_whitelist_is_followed_as_it_changes(tmp_path):
    listed = tmp_path / "hosts"

    def write(*hosts):
        (tmp_path / "new").write_text("".join(f"{host}\n" for host in hosts))
        (tmp_path / "new").rename(listed)

    write("one.example")
    with Cluster(agents=0, master_flags={"whitelist": f"file://{listed}"}) as cluster:
        for host in ("one.example", "two.example"):
            cluster.add_agent(hostname=host)
        cluster.wait_agents(2)
        framework = Scheduler(cluster.port)
        assert framework.wait_offer()["hostname"] == "one.example"
        write("one.example", "two.example")
        wait_for(lambda: {o["hostname"] for o in list(framework.offers.values())} == {"one.example", "two.example"},
                 "an offer of the other agent")
        assert not rescinded(framework)


def test_frameworks_say_which_agents_and_how_much_they_want():
    with Cluster(agents=0) as cluster:
        cluster.add_agent(attributes="rack:r1", hostname="one.example")
        cluster.add_agent(attributes="rack:r2", hostname="two.example")
        cluster.wait_agents(2)
        framework = Scheduler(cluster.port, capabilities=ROLES, roles=["a"])
        wait_for(lambda: len(framework.offers) == 2, "both agents")
        info = {"user": "root", "name": "test", "id": {"value": framework.id}, "checkpoint": True, "roles": ["a"],
                "failover_timeout": 600.0, "capabilities": [{"type": c} for c in ROLES]}

        def wants(predicate, **fields):
            rack = {"attribute_constraints": [{"selector": {"attribute_name": "rack"}, "predicate": predicate}]}
            return {"framework_info": {**info, **fields}, "offer_constraints": {"role_constraints": {"a": {"groups": [rack]}}}}

        framework.call("UPDATE_FRAMEWORK", wants({"text_matches": {"regex": "("}}), expect=400)
        framework.call("UPDATE_FRAMEWORK", wants({"text_matches": {"regex": "r[2-9]"}}), expect=200)
        for offer in list(framework.offers.values()):
            framework.offers.pop(offer["id"]["value"])
            framework.call("DECLINE", {"offer_ids": [offer["id"]], "filters": {"refuse_seconds": 0.0}})
        assert framework.wait_offer()["hostname"] == "two.example"
        assert role(cluster, "a")["offered"]["cpus"] == 4
        # More than an agent has: nothing is worth an offer any more.
        least = {"a": {"min_allocatable_resources": {"quantities": [{"quantities": amounts("cpus:5")}]}}}
        framework.call("UPDATE_FRAMEWORK", wants({"exists": {}}, offer_filters=least), expect=200)
        offer = framework.wait_offer()
        framework.call("DECLINE", {"offer_ids": [offer["id"]], "filters": {"refuse_seconds": 0.0}})
        wait_for(lambda: held(cluster, "a") == 0, "no offer")


def test_what_is_excluded_from_fair_sharing_is_in_no_share():
    with Cluster(master_flags={"fair_sharing_excluded_resource_names": "cpus"}) as cluster:
        framework = Scheduler(cluster.port, "eng", capabilities=ROLES, roles=["eng"])
        offer = framework.wait_offer(cpus=4)
        share = "allocator/mesos/roles/eng/shares/dominant"
        wait_for(lambda: cluster.metric(share) == 1, "the share of all that is offered")
        framework.accept(offer, [framework.task(offer, "t", "sleep 1000", cpus=4, mem=512)], refuse_seconds=1000)
        framework.wait_state("t", "TASK_RUNNING")
        # All of the CPUs, which do not count, and a quarter of the memory.
        wait_for(lambda: cluster.metric(share) == 0.25, "the share of the task")


def test_the_registry_shows_quotas():
    with Cluster(agents=0) as cluster:
        update(cluster, "late", guarantees="cpus:5", limits="cpus:8", force=True)
        shown = json.loads(request(cluster.port, "GET", "/registrar(1)/registry")[2])
        assert shown["quota_configs"] == [{"role": "late", "guarantees": amounts("cpus:5"), "limits": amounts("cpus:8")}]
