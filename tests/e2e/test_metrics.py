"""What monitoring reads: /metrics/snapshot under Mesos' names, /metrics in Prometheus' text format."""
import json
import re
import urllib.parse

import pytest

from harness.cluster import request
from harness.scheduler import Scheduler
from harness.wait import wait_for

FRAMEWORK_NAMES = (
    "subscribed offers/sent offers/accepted offers/declined offers/rescinded offers/held_secs "
    "offers/oldest_secs calls calls/subscribe calls/accept calls/decline calls/revive calls/kill calls/shutdown "
    "calls/acknowledge calls/acknowledge_operation_status calls/reconcile "
    "calls/reconcile_operations calls/message calls/request calls/suppress calls/teardown calls/update_framework "
    "calls/accept_inverse_offers calls/decline_inverse_offers events events/subscribed events/offers events/rescind "
    "events/update events/message events/failure events/error events/heartbeat events/inverse_offers "
    "events/rescind_inverse_offer events/update_operation_status operations operations/launch operations/launch_group "
    "operations/reserve operations/unreserve operations/create operations/destroy operations/grow_volume "
    "operations/shrink_volume operations/create_disk operations/destroy_disk tasks/active/task_staging "
    "tasks/active/task_starting tasks/active/task_running tasks/active/task_killing tasks/active/task_unreachable "
    "tasks/active/task_unknown tasks/terminal/task_finished tasks/terminal/task_failed tasks/terminal/task_killed "
    "tasks/terminal/task_lost tasks/terminal/task_error tasks/terminal/task_dropped tasks/terminal/task_gone "
    "tasks/terminal/task_gone_by_operator roles/*/suppressed").split()


def snapshot(port):
    status, _, body = request(port, "GET", "/metrics/snapshot")
    assert status == 200
    return json.loads(body)


@pytest.fixture
def scheduler(shared_cluster):
    scheduler = Scheduler(shared_cluster.port, "monitored/one")
    yield scheduler
    scheduler.close()
    if scheduler.id in [framework["id"] for framework in json.loads(request(shared_cluster.port, "GET", "/state")[2])["frameworks"]]:
        status, _, body = request(shared_cluster.port, "POST", "/teardown", f"frameworkId={scheduler.id}")
        assert status == 200, body


def test_what_a_framework_did_is_counted(shared_cluster, scheduler):
    scheduler.run("counted", "exit 3")
    scheduler.wait_state("counted", "TASK_FAILED")
    scheduler.call("SUPPRESS")
    prefix = f"master/frameworks/{urllib.parse.quote('monitored/one', safe='')}/{scheduler.id}/"

    def numbers():
        return {name[len(prefix):]: value for name, value in snapshot(shared_cluster.port).items() if name.startswith(prefix)}

    found = wait_for(lambda: numbers() if numbers().get("calls/suppress") == 1 and numbers()["calls/acknowledge"] >= 3 else None,
                     "the calls to be counted")
    assert set(found) == set(FRAMEWORK_NAMES)
    assert found["subscribed"] == 1
    assert found["calls/subscribe"] == 1
    assert found["calls/accept"] == 1
    assert found["operations"] == found["operations/launch"] == 1
    assert found["offers/accepted"] == 1
    assert found["offers/sent"] >= 1
    assert found["events/update"] >= 3
    assert found["events"] == sum(value for name, value in found.items() if name.startswith("events/"))
    assert found["tasks/terminal/task_failed"] == 1
    assert found["tasks/active/task_running"] == 0
    assert found["roles/*/suppressed"] == 1
    # What ended stays visible, as long as the framework's history does.
    scheduler.teardown()
    wait_for(lambda: numbers().get("subscribed") == 0, "the framework to be completed")
    assert numbers()["tasks/terminal/task_failed"] == 1


def test_terminal_states_tell_who_and_why(shared_cluster, scheduler):
    before = snapshot(shared_cluster.port).get("master/task_error/source_master/reason_task_invalid", 0)
    offer = scheduler.wait_offer(0.1)
    scheduler.accept(offer, [scheduler.task(offer, "too-big", "true", cpus=10_000)])
    scheduler.wait_state("too-big", "TASK_ERROR")
    after = snapshot(shared_cluster.port)["master/task_error/source_master/reason_task_invalid"]
    assert after == before + 1


SAMPLE = re.compile(r'^[a-zA-Z_:][a-zA-Z0-9_:]*(\{[a-z_]+="(\\.|[^"\\])*"(,[a-z_]+="(\\.|[^"\\])*")*\})? [0-9eE.+-]+$')


@pytest.mark.parametrize("daemon", ["master", "agent"])
def test_prometheus_reads_the_same_numbers(shared_cluster, scheduler, daemon):
    scheduler.run(f"seen-{daemon}", "sleep 1000")
    scheduler.wait_state(f"seen-{daemon}", "TASK_RUNNING")
    port = shared_cluster.port if daemon == "master" else shared_cluster.agents[0].port
    status, headers, body = request(port, "GET", "/metrics")
    assert status == 200
    assert {k.lower(): v for k, v in headers.items()}["content-type"].startswith("text/plain; version=0.0.4")
    text = body.decode() if isinstance(body, bytes) else body
    samples, types = {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            assert name not in types, "a family is told once"
            types[name] = kind
            continue
        assert SAMPLE.match(line), line
        key, _, value = line.rpartition(" ")
        assert key not in samples, key
        samples[key] = float(value)
    assert len(samples) == len(snapshot(port))
    cpus = f'tepui_{daemon}_resource_available{{resource="cpus",revocable="false"}}'
    assert samples[cpus] == snapshot(port)["master/cpus_total" if daemon == "master" else "slave/cpus_total"]
    if daemon == "master":
        assert samples['tepui_master_tasks{state="TASK_RUNNING"}'] >= 1
        mine = [key for key in samples if f'framework_id="{scheduler.id}"' in key and 'framework_name="monitored/one"' in key]
        assert len(mine) == len(FRAMEWORK_NAMES)
