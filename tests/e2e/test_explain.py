"""Why offers do not come, as `tepui explain` tells it of a real cluster, with ways out that work; who sits on offers."""
import json

from harness.cluster import Cluster
from harness.scheduler import Scheduler
from harness.wait import DeadlineExceeded, wait_for

CAPABILITIES = ("MULTI_ROLE", "PARTITION_AWARE")
STUBBORN = "trap '' TERM; while :; do sleep 0.1; done"
HOST = "127.0.0.1"


def ok(cluster, *words):
    done = cluster.tepui(*words)
    assert done.returncode == 0, f"{words}: {done.stderr}"
    return done.stdout


def json_of(cluster, *words):
    return json.loads(ok(cluster, *words, "-o", "json"))


def explained(cluster, kind, name, *wanted):
    """The page, once it says all that is wanted."""
    pages = [""]

    def find():
        pages.append(ok(cluster, "explain", kind, name))
        return all(part in pages[-1] for part in wanted)
    try:
        wait_for(find, "the explanation", interval=0.1)
    except DeadlineExceeded as late:
        missing = [part for part in wanted if part not in pages[-1]]
        raise AssertionError(f"{missing} not in:\n{pages[-1]}") from late
    return pages[-1]


def framework(cluster, name, role):
    return Scheduler(cluster.port, name, capabilities=CAPABILITIES, roles=[role])


def decline_all(scheduler, seconds):
    for offer in list(scheduler.offers.values()):
        scheduler.offers.pop(offer["id"]["value"], None)
        scheduler.call("DECLINE", {"offer_ids": [offer["id"]], "filters": {"refuse_seconds": seconds}})


def only_rack(scheduler, role, rack):
    """Restricts its offers to agents of a rack."""
    info = {"user": "root", "name": "web", "id": {"value": scheduler.id}, "checkpoint": True, "roles": [role],
            "failover_timeout": 600.0, "capabilities": [{"type": c} for c in CAPABILITIES]}
    same = {"selector": {"attribute_name": "rack"}, "predicate": {"text_equals": {"value": rack}}}
    constraints = {"role_constraints": {role: {"groups": [{"attribute_constraints": [same]}]}}}
    scheduler.call("UPDATE_FRAMEWORK", {"framework_info": info, "offer_constraints": constraints}, expect=200)


def test_a_framework_that_does_not_want_any():
    with Cluster() as cluster:
        web = framework(cluster, "web", "ads")
        web.wait_offer()
        decline_all(web, 1000.0)
        explained(cluster, "framework", "web", f"framework web ({web.id}): connected", "declined such an offer",
                  "-> wait 16 min until its filters end")
        web.call("SUPPRESS", {})
        page = explained(cluster, "framework", web.id, "has suppressed offers for role 'ads'", "has to call REVIVE")
        assert f"1 agent ({HOST}): " in page and "role ads: weight 1" in page
        [client] = json_of(cluster, "explain", "framework", "web")["clients"]
        assert client["suppressed"] and client["filters"] == 1
        assert [c["cause"] for c in client["classes"][0]["causes"]] == ["suppressed", "declined"]
        web.call("REVIVE")
        web.wait_offer()
        explained(cluster, "framework", "web", f"it is offered to framework web ({web.id}) already")
        web.close()
        explained(cluster, "framework", "web", f"framework web ({web.id}): not connected", f"tepui teardown {web.id}")


def test_a_limit_that_is_reached():
    with Cluster() as cluster:
        ok(cluster, "quota", "set", "ads", "--limit", "cpus:2;mem:512")
        web = framework(cluster, "web", "ads/web")
        web.run("t", "sleep 1000", cpus=2, mem=512)
        web.wait_state("t", "TASK_RUNNING")
        wanted = ("limit of role 'ads' reached for cpus, mem", "raise it: tepui quota set ads --limit 'cpus:MORE;mem:MORE'")
        explained(cluster, "framework", "web", *wanted)
        page = explained(cluster, "role", "ads/web", "limited to cpus:2;mem:512", *wanted)
        assert page.index("role ads:") < page.index("role ads/web:")
        ok(cluster, "quota", "set", "ads", "--limit", "cpus:3;mem:1024")
        web.wait_offer(cpus=1, mem=512)
        web.teardown()


def test_each_agent_has_its_reason(tmp_path):
    listed = tmp_path / "hosts"
    listed.write_text("rack.example\ndb.example\nold.example\n")
    with Cluster(agents=0, master_flags={"whitelist": f"file://{listed}"}) as cluster:
        for host in ("db.example", "old.example", "away.example"):
            cluster.add_agent(hostname=host, attributes="rack:r1")
        cluster.add_agent(hostname="rack.example", attributes="rack:r2")
        cluster.wait_agents(4)
        ok(cluster, "reserve", "--role", "db", "db.example", "cpus:4;mem:2048")
        ok(cluster, "drain", "--yes", "--wait", "--timeout", "30secs", "old.example")
        web = framework(cluster, "web", "ads")
        assert web.wait_offer()["hostname"] == "rack.example"
        only_rack(web, "ads", "r1")
        decline_all(web, 0.0)
        explained(cluster, "framework", "web",
                  "1 agent (db.example): what is free is reserved for role db\n"
                  "    -> give it back: tepui unreserve --role db db.example",
                  "1 agent (old.example): drained\n    -> tepui reactivate old.example",
                  "1 agent (away.example): not on the master's whitelist\n    -> add away.example to the master's --whitelist",
                  f"1 agent (rack.example): not what the offer constraints of framework web ({web.id}) for role 'ads' ask for")
        assert not web.offers
        away = explained(cluster, "agent", "away.example", "active, not on the master's whitelist")
        assert "1 framework" in away and "it has cpus 4, disk 4GB, mem 2GB, of which cpus 4, disk 4GB, mem 2GB free" in away
        assert "reserved: cpus 4, mem 2GB for role db" in ok(cluster, "explain", "agent", "db.example")
        # What it says helps.
        ok(cluster, "unreserve", "--role", "db", "db.example")
        ok(cluster, "reactivate", "old.example")
        wait_for(lambda: {o["hostname"] for o in list(web.offers.values())} == {"db.example", "old.example"}, "both agents")
        web.teardown()


def test_a_draining_agent():
    with Cluster() as cluster:
        web = framework(cluster, "web", "ads")
        web.run("t", STUBBORN, kill_policy={"grace_period": {"nanoseconds": 6_000_000_000}})
        web.wait_state("t", "TASK_RUNNING")
        ok(cluster, "drain", "--yes", HOST)
        page = explained(cluster, "agent", HOST, "the agent is draining", f"tepui drain --cancel {HOST}")
        assert page.startswith(f"agent {HOST} (") and f"framework web ({web.id}) uses cpus 0.1, mem 32MB" in page
        explained(cluster, "framework", "web", f"1 agent ({HOST}): drained", f"-> tepui reactivate {HOST}")
        ok(cluster, "reactivate", HOST)
        web.wait_offer(cpus=4)
        web.teardown()


def test_who_sits_on_offers_and_taking_them_back():
    with Cluster() as cluster:
        hog = framework(cluster, "hog", "batch")
        held = hog.wait_offer()["id"]["value"]
        web = framework(cluster, "web", "ads")
        page = explained(cluster, "role", "ads", "what is free is in offers that were not answered yet: framework hog",
                         f"framework hog ({hog.id}) holds offers of 1 agent")
        assert f"tepui offer rescind $(tepui offer list -o name {hog.id})" in page
        assert json_of(cluster, "explain", "role", "ads")["hoarders"][0]["framework_id"] == hog.id
        row = ok(cluster, "offer", "list").splitlines()[1].split()
        assert row[:4] == [held, "hog", "batch", HOST]
        assert ok(cluster, "offer", "list", "-o", "name", "hog") == held + "\n"
        [offer] = json_of(cluster, "offer", "list")
        assert offer["id"] == held and offer["amounts"]["cpus"] == 4.0 and offer["age_secs"] >= 0
        assert cluster.tepui("offer", "list", "web").returncode == 3

        hog.call("SUPPRESS", {})
        dry = cluster.tepui("offer", "rescind", "--dry-run", held)
        assert f"{held}: framework hog ({hog.id}) in role batch" in dry.stdout and "nothing was changed" in dry.stderr
        unknown = cluster.tepui("offer", "rescind", held, "nothing")
        assert unknown.returncode == 3 and "'nothing'" in unknown.stderr and "try: tepui offer list" in unknown.stderr
        assert held in hog.offers and not web.offers
        assert held in ok(cluster, "offer", "rescind", held)
        assert hog.wait_event("RESCIND")["rescind"]["offer_id"]["value"] == held
        web.wait_offer(cpus=4)
        hog.teardown()
        web.teardown()


def test_what_it_does_not_know():
    with Cluster(agents=0) as cluster:
        for kind in ("role", "framework", "agent"):
            missing = cluster.tepui("explain", kind, "nobody")
            assert missing.returncode == 3 and "nobody" in missing.stderr and f"try: tepui get {kind}s" in missing.stderr
        assert cluster.tepui("explain", "task", "x").returncode == 2
        assert cluster.tepui("offer", "list").stderr == "tepui: there are no open offers\n"
        twins = [framework(cluster, "twin", "ads") for _ in range(2)]
        several = cluster.tepui("explain", "framework", "twin")
        assert several.returncode == 1 and all(twin.id in several.stderr for twin in twins)
        assert "there are no agents" in ok(cluster, "explain", "framework", twins[0].id)
