"""Agents that come, go, and come back: what masters and agents refuse, and what nobody may lose by it."""
import contextlib
import json
import os
import shutil
import sqlite3
import subprocess

import pytest

from harness.cluster import Cluster, call, free_port, request
from harness.scheduler import Scheduler
from harness.wait import wait_for

FAST_PINGS = {"agent_ping_timeout": "1secs", "max_agent_ping_timeouts": "2"}


def gone(cluster, agent_id, expect=200):
    body = json.dumps({"type": "MARK_AGENT_GONE", "mark_agent_gone": {"agent_id": {"value": agent_id}}})
    status, _, text = request(cluster.port, "POST", "/api/v1", body, {"Content-Type": "application/json"})
    assert status == expect, text
    return text.decode()


def agent_ids(cluster):
    return [agent["agent_info"]["id"]["value"] for agent in cluster.active_agents()]


def metric(cluster, name):
    answer = call(cluster.port, {"type": "GET_METRICS", "get_metrics": {}})
    return next(m["value"] for m in answer["get_metrics"]["metrics"] if m["name"] == name)


def running_task(framework, name, **fields):
    framework.run(name, "sleep 1000", **fields)
    return framework.wait_state(name, "TASK_RUNNING")["container_status"]["executor_pid"]


def vanishes(pid):
    wait_for(lambda: not os.path.exists(f"/proc/{pid}"), f"the end of process {pid}")


def restart_with(agent, **flags):
    """Starts a dead agent with other flags; those of the same name are replaced."""
    kept = [a for a in agent.arguments if not any(a.startswith(f"--{name}=") for name in flags)]
    agent.arguments = kept + [f"--{name}={value}" for name, value in flags.items()]
    agent.start()


def test_gone_agent_ends_its_tasks_and_stays_away(cluster):
    framework = Scheduler(cluster.port)
    agent = cluster.agents[0]
    pid = running_task(framework, "t")
    agent_id = agent_ids(cluster)[0]
    assert gone(cluster, agent_id) == ""
    assert framework.wait_state("t", "TASK_GONE_BY_OPERATOR")["reason"] == "REASON_AGENT_REMOVED_BY_OPERATOR"
    assert agent.child.wait(20) != 0
    vanishes(pid)
    assert "marked gone" in agent.log_text()
    assert gone(cluster, agent_id) == "", "it is so already"
    assert "nobody" in gone(cluster, "nobody", expect=404)
    framework.call("RECONCILE", {"tasks": [{"task_id": {"value": "other"}, "agent_id": {"value": agent_id}}]})
    assert framework.wait_state("other", "TASK_GONE_BY_OPERATOR")["reason"] == "REASON_RECONCILIATION"
    agent.start()  # The machine is clean, and may serve as a new agent.
    cluster.wait_agents(1)
    assert agent_ids(cluster) != [agent_id]


def test_agent_that_was_away_when_it_was_marked_gone(cluster):
    framework = Scheduler(cluster.port)
    agent = cluster.agents[0]
    pid = running_task(framework, "t")
    agent_id = agent_ids(cluster)[0]
    agent.kill9()
    gone(cluster, agent_id)
    framework.wait_state("t", "TASK_GONE_BY_OPERATOR")
    cluster.master.kill9()  # Also a later master refuses it.
    cluster.master.start()
    cluster.wait_healthy()
    assert os.path.exists(f"/proc/{pid}")
    agent.start()
    assert agent.child.wait(30) != 0
    vanishes(pid)
    assert agent_ids(cluster) == []


def test_removal_rate_limit():
    flags = {**FAST_PINGS, "agent_removal_rate_limit": "1/1hrs"}
    with Cluster(agents=2, master_flags=flags) as cluster:
        agents = {a["agent_info"]["port"]: a["agent_info"]["id"]["value"] for a in cluster.active_agents()}
        for agent in cluster.agents:
            agent.kill9()
        wait_for(lambda: metric(cluster, "master/slaves_unreachable") == 1, "one agent to be given up")
        wait_for(lambda: metric(cluster, "master/slave_unreachable_scheduled") == 2, "the other to wait")
        assert metric(cluster, "master/slave_unreachable_completed") == 1
        for agent in cluster.agents:
            agent.start()
        cluster.wait_agents(2)
        assert set(agent_ids(cluster)) == set(agents.values())
        assert metric(cluster, "master/slave_unreachable_canceled") == 1


def test_copied_work_directory_is_refused_and_the_first_goes_on(cluster):
    framework = Scheduler(cluster.port)
    first = cluster.agents[0]
    pid = running_task(framework, "t")
    copy = cluster.folder / "copy"
    shutil.copytree(first.work_dir, copy, symlinks=True, ignore=shutil.ignore_patterns("run"))
    # The same port and name at another address: only the master can tell that there are two.
    arguments = [a for a in first.arguments if not a.startswith(("--work_dir=", "--ip="))]
    second = subprocess.run([*arguments, f"--work_dir={copy}", "--ip=127.0.0.2"], capture_output=True, text=True,
                            timeout=60, check=False)
    assert second.returncode != 0
    assert "may not use its id" in second.stderr and "copy" in second.stderr, second.stderr[-2000:]
    # At another port the copy itself sees that it is not what it was.
    another = cluster.folder / "another"
    shutil.copytree(first.work_dir, another, symlinks=True, ignore=shutil.ignore_patterns("run"))
    arguments = [a for a in first.arguments if not a.startswith(("--work_dir=", "--port="))]
    third = subprocess.run([*arguments, f"--work_dir={another}", f"--port={free_port()}"], capture_output=True,
                           text=True, timeout=60, check=False)
    assert third.returncode != 0 and "port" in third.stderr, third.stderr[-2000:]
    assert os.path.exists(f"/proc/{pid}")
    assert framework.states("t")[-1] == "TASK_RUNNING"
    assert len(cluster.active_agents()) == 1
    framework.run("after", "true")
    framework.wait_state("after", "TASK_FINISHED")


def test_recover_cleanup_ends_everything_and_forgets(cluster):
    framework = Scheduler(cluster.port)
    agent = cluster.agents[0]
    pid = running_task(framework, "t")
    before = agent_ids(cluster)
    agent.kill9()
    assert os.path.exists(f"/proc/{pid}")
    plain = list(agent.arguments)
    restart_with(agent, recover="cleanup")
    assert agent.child.wait(30) == 0
    vanishes(pid)
    agent.arguments = plain
    agent.start()
    cluster.wait_agents(1)
    assert agent_ids(cluster) != before


def test_tasks_do_not_wait_for_an_agent_for_ever():
    with Cluster(agent_flags={"recovery_timeout": "2secs"}) as cluster:
        agent = cluster.agents[0]
        patient = Scheduler(cluster.port, name="patient")
        # It does not survive its agent, and needs no recovery_timeout for that.
        brief = Scheduler(cluster.port, name="brief", checkpoint=False)
        offer = patient.wait_offer(1)
        brief.call("SUPPRESS", {})
        patient.accept(offer, [patient.task(offer, "waits", "sleep 1000")])
        waits = patient.wait_state("waits", "TASK_RUNNING")["container_status"]["executor_pid"]
        patient.call("SUPPRESS", {})
        for offer_id in list(patient.offers):
            patient.call("DECLINE", {"offer_ids": [{"value": offer_id}]})
        brief.call("REVIVE", {})
        dies = running_task(brief, "dies")
        agent.kill9()
        vanishes(dies)
        assert os.path.exists(f"/proc/{waits}")
        vanishes(waits)
        agent.start()
        assert patient.wait_state("waits", "TASK_FAILED")["message"] == "Command terminated with signal Terminated"


def test_strict_recovery_stops_at_damage_and_says_what_to_do(cluster):
    framework = Scheduler(cluster.port)
    agent = cluster.agents[0]
    pid = running_task(framework, "t")
    agent.kill9()
    with contextlib.closing(sqlite3.connect(agent.work_dir / "meta" / "agent.db")) as database:
        tables = [row[0] for row in database.execute("select name from sqlite_master where type='table'")]
        table = next(t for t in tables if {"key", "value"} <=
                     {row[1] for row in database.execute(f"pragma table_info({t})")})
        key = database.execute(f"select key from {table} where key like 'tasks/%/info'").fetchone()[0]
        database.execute(f"update {table} set value = x'ffff' where key = ?", (key,))
        database.commit()
    agent.start()
    assert agent.child.wait(20) != 0
    said = agent.log_text()
    for part in (f"{agent.work_dir}/meta/agent.db", key, "--strict=false"):
        assert part in said
    assert os.path.exists(f"/proc/{pid}"), "nothing is ended by a start that fails"
    restart_with(agent, strict="false")
    cluster.wait_agents(1)
    vanishes(pid)


@pytest.mark.parametrize("policy", ["equal", "additive"])
def test_reconfiguration(cluster, policy):
    framework = Scheduler(cluster.port)
    agent = cluster.agents[0]
    pid = running_task(framework, "t")
    before = agent_ids(cluster)
    agent.kill9()
    restart_with(agent, resources="cpus:6;mem:2048;disk:4096;ports:[31000-32000]", reconfiguration_policy=policy)
    if policy == "equal":
        assert agent.child.wait(20) != 0
        assert "--reconfiguration_policy=additive" in agent.log_text()
        assert os.path.exists(f"/proc/{pid}")
        restart_with(agent, resources=Cluster.DEFAULT_AGENT_FLAGS["resources"])
        cluster.wait_agents(1)
    else:
        cluster.wait_agents(1)
        offer = framework.wait_offer(5)
        assert offer["agent_id"]["value"] == before[0]
    assert agent_ids(cluster) == before
    assert os.path.exists(f"/proc/{pid}")
