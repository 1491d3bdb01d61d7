"""Roles, weights, quotas, reservations, volumes, maintenance and draining from the command line, on a real cluster."""
import json

import pytest

from harness.cluster import Cluster
from harness.scheduler import Scheduler
from harness.wait import wait_for

HOST = "127.0.0.1"


@pytest.fixture
def machine():
    with Cluster(agent_flags={"resources": "cpus:4;mem:2048;disk:4096;ports:[31000-31010]"}) as running:
        yield running


def ok(cluster, *words, **options):
    done = cluster.tepui(*words, **options)
    assert done.returncode == 0, f"{words}: {done.stderr}"
    return done.stdout


def json_of(cluster, *words):
    return json.loads(ok(cluster, *words, "-o", "json"))


def test_weights(machine):
    assert ok(machine, "weight", "set", "--dry-run", "prod=4") == (
        "prod: weight 1 -> 4\n  offers of all roles are rescinded and made anew\n")
    assert machine.tepui("weight").stdout == ""
    assert ok(machine, "weight", "set", "prod=4", "test=0.5") == "prod: weight 1 -> 4\ntest: weight 1 -> 0.5\n"
    assert [line.split() for line in ok(machine, "weight").splitlines()[1:]] == [["prod", "4"], ["test", "0.5"]]
    wrong = machine.tepui("weight", "set", "prod=none")
    assert wrong.returncode == 2 and "prod" in wrong.stderr


def test_quotas(machine):
    refused = machine.tepui("quota", "set", "prod", "--guarantee", "cpus:64")
    assert refused.returncode == 2, refused.stderr
    assert "tepui quota set --dry-run prod" in refused.stderr
    dry = ok(machine, "quota", "set", "prod", "--guarantee", "cpus:64", "--dry-run")
    assert "the cluster has 4" in dry
    ok(machine, "quota", "set", "prod", "--guarantee", "cpus:2", "--limit", "cpus:3;mem:1024")
    row = ok(machine, "quota").splitlines()[1]
    assert row.startswith("prod") and "cpus 2" in row and "cpus 3, mem 1GB" in row
    # What is not given stays.
    ok(machine, "quota", "set", "prod", "--limit", "cpus:4")
    configs = json_of(machine, "quota")
    assert configs == [{"role": "prod", "guarantees": {"cpus": {"value": 2.0}}, "limits": {"cpus": {"value": 4.0}}}]
    assert "Guarantee:" in ok(machine, "role", "prod")
    ok(machine, "quota", "remove", "prod")
    assert machine.tepui("quota").stderr == "tepui: no role has a quota\n"
    missing = machine.tepui("quota", "remove", "prod")
    assert missing.returncode == 3


def test_reserve_volume_and_back(machine):
    assert ok(machine, "reserve", "--role", "db", HOST, "cpus:1;disk:1024", "--label", "why=test").count("nobody -> db") == 2
    beyond = machine.tepui("reserve", "--role", "db", HOST, "cpus:8")
    assert beyond.returncode == 1 and "cpus" in beyond.stderr
    ok(machine, "volume", "create", "--role", "db", "--size", "512MB", HOST, "orders")
    assert ok(machine, "volume").splitlines()[1].split() == ["orders", "db", HOST, "512MB", "data", "no", "0"]
    ok(machine, "volume", "grow", "--size", "256MB", HOST, "orders")
    assert ok(machine, "volume").splitlines()[1].split()[3] == "768MB"
    ok(machine, "volume", "shrink", "--size", "512MB", HOST, "orders")
    assert json_of(machine, "volume")[0]["scalar"]["value"] == 256
    # Volumes stand in the way of nothing but themselves.
    ok(machine, "unreserve", "--role", "db", HOST)
    assert machine.tepui("unreserve", "--role", "db", HOST).returncode == 3
    unanswered = machine.tepui("volume", "destroy", HOST, "orders", input="")
    assert unanswered.returncode == 2 and "--yes" in unanswered.stderr
    ok(machine, "volume", "destroy", "--yes", HOST, "orders")
    assert machine.tepui("volume").stderr == "tepui: there are no persistent volumes\n"
    ok(machine, "unreserve", "--role", "db", HOST)

    def free():
        agent = json.loads(ok(machine, "get", "agents", "-o", "json"))[0]
        return all("reservations" not in resource for resource in agent["total_resources"])
    wait_for(free, "an agent without reservations")


def test_maintenance(machine):
    framework = Scheduler(machine.port)
    framework.run("sleeper", "sleep 1000")
    framework.wait_state("sleeper", "TASK_RUNNING")
    ok(machine, "maintenance", "schedule", "--start", "in 1hrs", "--duration", "2hrs", HOST)
    asked = framework.wait_event("INVERSE_OFFERS")
    offer = asked["inverse_offers"]["inverse_offers"][0]
    framework.call("ACCEPT_INVERSE_OFFERS", {"inverse_offer_ids": [offer["id"]]})
    wait_for(lambda: "1 agreed" in ok(machine, "maintenance"), "the framework's answer")
    row = ok(machine, "maintenance").splitlines()[1].split()
    assert row[:2] == [HOST, "DRAINING"] and row[3] == "2hrs"
    ok(machine, "maintenance", "down", "--yes", HOST)
    wait_for(lambda: not machine.active_agents(), "no agent")
    framework.wait_state("sleeper", "TASK_LOST")
    assert "DOWN" in ok(machine, "maintenance")
    ok(machine, "maintenance", "up", HOST)
    assert machine.tepui("maintenance").stderr == "tepui: no maintenance is planned\n"
    assert machine.tepui("maintenance", "down", "--yes", HOST).returncode == 3
    framework.teardown()
    framework.close()


def test_drain_and_back(machine):
    framework = Scheduler(machine.port)
    framework.run("sleeper", "trap '' TERM; while :; do sleep 1; done")
    framework.wait_state("sleeper", "TASK_RUNNING")
    ok(machine, "deactivate", HOST)
    ok(machine, "reactivate", HOST)
    unanswered = machine.tepui("drain", HOST, input="")
    assert unanswered.returncode == 2 and "--yes" in unanswered.stderr
    assert "1 tasks to end" in ok(machine, "drain", "--dry-run", HOST)
    ok(machine, "drain", "--yes", HOST)  # Its own grace is 3 s.
    assert "not draining any more" in ok(machine, "drain", "--cancel", "--dry-run", HOST)
    assert "DRAINING" in ok(machine, "get", "agents")
    assert "not draining any more" in ok(machine, "drain", "--cancel", HOST)
    assert machine.tepui("drain", "--cancel", HOST).returncode != 0
    framework.wait_state("sleeper", "TASK_KILLED")
    framework.run("second", "trap '' TERM; while :; do sleep 1; done")
    framework.wait_state("second", "TASK_RUNNING")
    drained = ok(machine, "drain", "--yes", "--wait", "--timeout", "30secs", "--max-grace-period", "100ms", HOST)
    assert drained.splitlines()[-1].endswith(": drained")
    status = framework.wait_state("second", "TASK_KILLED")
    assert status["reason"] == "REASON_AGENT_DRAINING"
    assert "DRAINED" in ok(machine, "get", "agents")
    ok(machine, "reactivate", HOST)
    framework.wait_offer(cpus=4)
    framework.teardown()
    framework.close()
