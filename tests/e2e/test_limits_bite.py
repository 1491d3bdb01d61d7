"""Limits that bite: what a task may use of its machine is what it gets, and what it used is told."""
import json
import pathlib

import pytest
from harness.cluster import Cluster, call, request, sandbox_file
from harness.scheduler import Scheduler, scalar
from harness.wait import wait_for

CGROUPS = pathlib.Path("/sys/fs/cgroup")
ISOLATION = ("cgroups/cpu,cgroups/mem,cgroups/pids,cgroups/cpuset,cgroups/blkio,cgroups/devices,namespaces/pid,"
             "filesystem/linux,network/ports")
BURN = "while :; do :; done"


@pytest.fixture(scope="module")
def cluster():
    flags = {"isolation": ISOLATION, "enforce_container_ports": "true", "container_ports_watch_interval": "50ms",
             "check_agent_port_range_only": "true", "resource_estimator": "fixed",
             "resource_estimator_parameters": json.dumps({"resources": "cpus:2"}),
             "oversubscribed_resources_interval": "100ms"}
    with Cluster(agent_flags=flags) as made:
        yield made


@pytest.fixture()
def scheduler(cluster):
    made = Scheduler(cluster.port, name="limits")
    yield made
    made.teardown()
    made.close()


def statistics(cluster, task, agent=0):
    """What /monitor/statistics says of a task; None while it is not there."""
    status, _, body = request(cluster.agents[agent].port, "GET", "/monitor/statistics")
    assert status == 200, body
    return next((each["statistics"] for each in json.loads(body) if each["executor_id"] == task), None)


def last(scheduler, task):
    return [status for status in scheduler.updates if status["task_id"]["value"] == task][-1]


def test_cpu_quota_throttles(cluster, scheduler):
    scheduler.run("quota", BURN, cpus=0.1, limits={"cpus": {"value": 0.2}})
    scheduler.wait_state("quota", "TASK_RUNNING")
    seen = wait_for(lambda: (lambda s: s if s and s.get("cpus_nr_throttled", 0) > 2 else None)(statistics(cluster, "quota")),
                    "throttled periods")
    assert seen["cpus_limit"] == pytest.approx(0.2), "the limit of the task, without --cgroups_enable_cfs"
    assert seen["cpus_soft_limit"] == pytest.approx(0.1, abs=0.01)
    assert seen["cpus_throttled_time_secs"] > 0
    assert seen["cpus_nr_periods"] >= seen["cpus_nr_throttled"]
    scheduler.kill("quota")


def test_memory_ends_the_task_and_says_why(cluster, scheduler):
    scheduler.run("memory", "head -c 300m /dev/zero | tail > /dev/null", mem=32, limits={"mem": {"value": 64}})
    end = scheduler.wait_state("memory", "TASK_FAILED")
    assert end["reason"] == "REASON_CONTAINER_LIMITATION_MEMORY"
    limit = next(r for r in end["limitation"]["resources"] if r["name"] == "mem")
    assert limit["scalar"]["value"] >= 32


@pytest.mark.skipif(not (CGROUPS / "memory").exists(), reason="cgroups v2 tells stalls, not levels of pressure")
def test_memory_pressure_is_counted(cluster, scheduler):
    # Files' pages count, too, and are taken back again and again.
    scheduler.run("pressed", "until test -e go; do sleep 0.05; done; "
                             "while :; do dd if=/dev/zero of=big bs=1M count=150 conv=notrunc; done 2>/dev/null", mem=32)
    scheduler.wait_state("pressed", "TASK_RUNNING")
    before = wait_for(lambda: statistics(cluster, "pressed"), "the first look, with which counting begins")
    assert before["mem_low_pressure_counter"] == 0
    directory = next(e["directory"] for f in cluster.agents[0].state()["frameworks"] for e in f["executors"] if e["id"] == "pressed")
    (pathlib.Path(directory) / "go").touch()
    wait_for(lambda: (statistics(cluster, "pressed") or {}).get("mem_low_pressure_counter", 0) > 0, "pressure")
    scheduler.kill("pressed")
    scheduler.wait_state("pressed", "TASK_KILLED")


def test_requests_and_limits_are_told_apart(cluster, scheduler):
    scheduler.run("burst", "cat /proc/self/oom_score_adj; sleep 1000", cpus=0.1, mem=32,
                  limits={"mem": {"value": 256}, "cpus": {"value": "Infinity"}})
    scheduler.wait_state("burst", "TASK_RUNNING")
    seen = wait_for(lambda: statistics(cluster, "burst"), "statistics")
    assert seen["mem_soft_limit_bytes"] == 32 << 20
    assert seen["mem_limit_bytes"] == 256 << 20
    for field in ("timestamp", "processes", "threads", "cpus_user_time_secs", "cpus_system_time_secs", "mem_total_bytes",
                  "mem_rss_bytes", "mem_cache_bytes", "mem_mapped_file_bytes", "mem_swap_bytes", "mem_unevictable_bytes",
                  "mem_low_pressure_counter", "mem_medium_pressure_counter", "mem_critical_pressure_counter",
                  "blkio_statistics"):
        assert field in seen, f"{field} in {sorted(seen)}"
    score = wait_for(lambda: sandbox_file(cluster, cluster.agents[0], "burst"), "its OOM score")
    assert 900 < int(score) < 1000, "it may burst: it goes before those that may not"
    first = statistics(cluster, "burst")["timestamp"]
    answers = [statistics(cluster, "burst")["timestamp"] for _ in range(20)]
    assert len({first, *answers}) <= 3, "one look a second is shared by all who ask"
    containers = call(cluster.agents[0].port, {"type": "GET_CONTAINERS"})["get_containers"]["containers"]
    mine = next(c for c in containers if c["executor_id"]["value"] == "burst")
    assert mine["resource_statistics"]["mem_limit_bytes"] == 256 << 20
    scheduler.kill("burst")


def test_every_controller_has_the_task_and_lets_it_go(cluster, scheduler):
    scheduler.run("groups", "cat /proc/self/cgroup; head -c1 /dev/null && echo null; mknod m c 1 1; head -c1 m || echo no; "
                            "sleep 1000", cpus=0.1)
    scheduler.wait_state("groups", "TASK_RUNNING")
    text = wait_for(lambda: (lambda t: t if "no\n" in t else None)(sandbox_file(cluster, cluster.agents[0], "groups")),
                    "the task's own look")
    paths = {}
    for line in text.splitlines():
        if line.count(":") == 2:
            paths[line.split(":")[1]] = line.split(":")[2]
    for controller in ("cpu", "memory", "pids", "cpuset", "blkio", "devices"):
        path = next(path for names, path in paths.items() if controller in names.split(","))
        assert path.startswith("/tepui/"), (controller, path)
    assert "null\n" in text
    pids = next(path for names, path in paths.items() if "pids" in names.split(","))
    assert (CGROUPS / "pids" / pids.lstrip("/") / "pids.max").read_text() == "4096\n"
    scheduler.kill("groups")
    scheduler.wait_state("groups", "TASK_KILLED")
    wait_for(lambda: not [1 for controller in ("cpuset", "blkio", "devices")
                          if (CGROUPS / controller / paths[controller].lstrip("/")).exists()], "its cgroups to go")


LISTEN = ("import socket,time; s=socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); "
          "s.bind((\"127.0.0.1\", %d)); s.listen(); time.sleep(1000)")


def test_a_port_that_was_not_given_ends_the_task(cluster, scheduler):
    ports = {"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": 31500, "end": 31500}]}}
    resources = [scalar("cpus", 0.1), scalar("mem", 64), ports]
    scheduler.run("honest", f"exec python3 -c '{LISTEN % 31500}'", resources=resources)
    scheduler.wait_state("honest", "TASK_RUNNING")
    scheduler.run("thief", f"exec python3 -c '{LISTEN % 31501}'", mem=64)
    end = scheduler.wait_state("thief", "TASK_FAILED")
    assert end["reason"] == "REASON_CONTAINER_LIMITATION"
    assert "31501" in end["message"]
    taken = end["limitation"]["resources"][0]["ranges"]["range"][0]
    assert (taken["begin"], taken["end"]) == (31501, 31501)
    assert scheduler.states("honest")[-1] == "TASK_RUNNING"
    scheduler.kill("honest")


def revocable_offer(scheduler):
    def find():
        with scheduler._lock:
            for offer in scheduler.offers.values():
                if any("revocable" in resource for resource in offer["resources"]):
                    return offer
        return None
    return wait_for(find, "an offer of revocable resources")


def run_revocable(scheduler, task, command):
    offer = revocable_offer(scheduler)
    cpus = dict(scalar("cpus", 0.5), revocable={})
    scheduler.accept(offer, [scheduler.task(offer, task, command, resources=[cpus, scalar("mem", 32)])])
    scheduler.wait_state(task, "TASK_RUNNING")


def test_revocable_resources_are_offered_and_weigh_little(cluster):
    plain = Scheduler(cluster.port, name="plain")
    offer = plain.wait_offer(1)
    assert not any("revocable" in resource for resource in offer["resources"]), "it did not ask for them"
    plain.teardown()
    plain.close()
    brave = Scheduler(cluster.port, name="brave", capabilities=("PARTITION_AWARE", "REVOCABLE_RESOURCES"))
    offer = revocable_offer(brave)
    amount = sum(r["scalar"]["value"] for r in offer["resources"] if "revocable" in r and r["name"] == "cpus")
    assert amount == 2
    run_revocable(brave, "spare", "sleep 1000")
    seen = wait_for(lambda: statistics(cluster, "spare"), "statistics")
    assert seen["cpus_soft_limit"] < 0.01, "a hundredth of the share of others"
    slave = json.loads(request(cluster.port, "GET", "/slaves")[2])["slaves"][0]
    assert slave["resources"]["cpus_revocable"] == 2
    assert slave["used_resources"]["cpus_revocable"] == 0.5
    brave.teardown()
    brave.close()


def test_revocable_tasks_are_the_first_to_go():
    flags = {"resource_estimator": "fixed", "resource_estimator_parameters": json.dumps({"resources": "cpus:2"}),
             "oversubscribed_resources_interval": "100ms", "qos_controller": "load",
             "qos_controller_parameters": json.dumps({"load_threshold_15min": "0.0001"})}
    with Cluster(agent_flags=flags) as cluster:
        brave = Scheduler(cluster.port, name="brave", capabilities=("PARTITION_AWARE", "REVOCABLE_RESOURCES"))
        brave.run("firm", "sleep 1000")
        brave.wait_state("firm", "TASK_RUNNING")
        offer = revocable_offer(brave)
        cpus = dict(scalar("cpus", 0.5), revocable={})
        brave.accept(offer, [brave.task(offer, "spare", "sleep 1000", resources=[cpus, scalar("mem", 32)])])
        end = brave.wait_state("spare", "TASK_GONE")
        assert end["reason"] == "REASON_CONTAINER_PREEMPTED"
        assert brave.states("firm")[-1] == "TASK_RUNNING"
        brave.teardown()
        brave.close()
