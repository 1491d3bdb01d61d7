"""kill -9 at awkward moments: nothing that runs is lost, nothing runs twice, everything converges."""
import os
import signal

from harness.cluster import Cluster, sandbox_file
from harness.scheduler import Scheduler
from harness.wait import wait_for


def agent_knows_running(agent, task_id):
    """Whether the agent answers, and lists the task as running."""
    try:
        frameworks = agent.state()["frameworks"]
    except (OSError, ValueError, KeyError):
        return False
    return any(task["id"] == task_id and task["state"] == "TASK_RUNNING"
               for framework in frameworks for executor in framework["executors"] for task in executor["tasks"])


def resubscribed(cluster, framework, seconds=30):
    """The same framework on a new stream, once the master answers again."""
    def attempt():
        try:
            return Scheduler(cluster.port, framework_id=framework.id)
        except (OSError, AssertionError):
            return None
    return wait_for(attempt, "the framework to subscribe again", seconds)


def test_master_killed_while_a_task_runs(cluster):
    first = Scheduler(cluster.port)
    first.run("survivor", "sleep 1000")
    pid = first.wait_state("survivor", "TASK_RUNNING")["container_status"]["executor_pid"]
    cluster.master.kill9()
    assert os.path.exists(f"/proc/{pid}")
    cluster.master.start()
    cluster.wait_healthy()
    cluster.wait_agents(1)
    again = resubscribed(cluster, first)
    assert again.id == first.id
    again.call("RECONCILE", {"tasks": []})
    assert again.wait_state("survivor", "TASK_RUNNING")["reason"] == "REASON_RECONCILIATION"
    assert os.path.exists(f"/proc/{pid}")
    again.kill("survivor")
    again.wait_state("survivor", "TASK_KILLED")
    assert not os.path.exists(f"/proc/{pid}")


def test_task_that_ended_without_a_master_is_reported(cluster):
    first = Scheduler(cluster.port)
    release = cluster.folder / "release"
    first.run("ends-alone", f"while [ ! -e {release} ]; do sleep 0.05; done; exit 7")
    pid = first.wait_state("ends-alone", "TASK_RUNNING")["container_status"]["executor_pid"]
    cluster.master.kill9()
    release.touch()
    wait_for(lambda: not os.path.exists(f"/proc/{pid}"), "the task's end")
    cluster.master.start()
    cluster.wait_healthy()
    again = resubscribed(cluster, first)
    assert again.wait_state("ends-alone", "TASK_FAILED", 60)["message"] == "Command exited with status 7"


def test_failover_deadline_survives_the_master(cluster):
    brief = Scheduler(cluster.port, name="brief", failover_timeout=5.0)
    brief.run("orphan", "sleep 1000")
    pid = brief.wait_state("orphan", "TASK_RUNNING")["container_status"]["executor_pid"]
    brief.close()
    wait_for(lambda: not cluster.state()["frameworks"][0]["connected"], "the master to notice")
    cluster.master.kill9()
    assert os.path.exists(f"/proc/{pid}")
    cluster.master.start()
    cluster.wait_healthy()
    # Nobody subscribes again: the persisted deadline ends the framework and its task.
    wait_for(lambda: not os.path.exists(f"/proc/{pid}"), "the orphan's end", 40)
    assert brief.id not in [f["id"] for f in cluster.state()["frameworks"]]


def test_agent_killed_and_back_adopts_its_container(cluster):
    framework = Scheduler(cluster.port)
    agent = cluster.agents[0]
    framework.run("adopted", "sleep 1000")
    pid = framework.wait_state("adopted", "TASK_RUNNING")["container_status"]["executor_pid"]
    assert os.path.exists(f"/proc/{pid}")
    agent.kill9()
    assert os.path.exists(f"/proc/{pid}")
    agent.start()
    wait_for(lambda: agent_knows_running(agent, "adopted"), "the agent to know the task again")
    cluster.wait_agents(1)
    assert os.path.exists(f"/proc/{pid}")
    framework.kill("adopted")
    framework.wait_state("adopted", "TASK_KILLED")
    assert framework.states("adopted") == ["TASK_STARTING", "TASK_RUNNING", "TASK_KILLING", "TASK_KILLED"]
    assert not os.path.exists(f"/proc/{pid}")


def test_task_that_ended_without_an_agent_is_reported(cluster):
    framework = Scheduler(cluster.port)
    agent = cluster.agents[0]
    release = cluster.folder / "release"
    framework.run("while-away", f"while [ ! -e {release} ]; do sleep 0.05; done; exit 5")
    pid = framework.wait_state("while-away", "TASK_RUNNING")["container_status"]["executor_pid"]
    agent.kill9()
    release.touch()
    wait_for(lambda: not os.path.exists(f"/proc/{pid}"), "the task's end")
    agent.start()
    assert framework.wait_state("while-away", "TASK_FAILED", 60)["message"] == "Command exited with status 5"


def test_agent_killed_during_launches(cluster):
    framework = Scheduler(cluster.port)
    agent = cluster.agents[0]
    offer = framework.wait_offer(cpus=2)
    names = [f"burst-{i}" for i in range(20)]
    framework.accept(offer, [framework.task(offer, name, "sleep 1000", cpus=0.05, mem=16) for name in names])
    framework.wait_state(names[0], "TASK_RUNNING")
    agent.kill9()
    agent.start()
    cluster.wait_agents(1)

    def settled():
        # Every accepted launch becomes visible: it runs, or the scheduler was told that it does not.
        return all(framework.states(n) and framework.states(n)[-1] in
                   ("TASK_RUNNING", "TASK_FAILED", "TASK_LOST", "TASK_DROPPED", "TASK_GONE") for n in names)
    wait_for(settled, "every launch to be told", 60)
    running = {n for n in names if framework.states(n)[-1] == "TASK_RUNNING"}
    on_agent = {t["id"] for f in agent.state()["frameworks"] for e in f["executors"] for t in e["tasks"]
                if t["state"] == "TASK_RUNNING"}
    assert running == on_agent
    framework.teardown()
    wait_for(lambda: not agent.state()["frameworks"], "the tasks' end", 60)


def test_shim_killed(cluster):
    framework = Scheduler(cluster.port)
    framework.run("headless", "sleep 1000")
    pid = framework.wait_state("headless", "TASK_RUNNING")["container_status"]["executor_pid"]
    shim = shim_of(pid)
    os.kill(shim, signal.SIGKILL)
    update = framework.wait_state("headless", "TASK_FAILED")
    assert update["source"] in ("SOURCE_AGENT", "SOURCE_EXECUTOR")
    wait_for(lambda: not os.path.exists(f"/proc/{pid}"), "the task to die with its shim")


def shim_of(pid):
    """The nearest ancestor of a task's process that is the shim."""
    while pid > 1:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            text = file.read()
        if "(tepui-shim)" in text:
            parent = int(text.rsplit(")", 1)[1].split()[1])
            with open(f"/proc/{parent}/stat", encoding="utf-8", errors="replace") as file:
                if "(tepui-shim)" in file.read():
                    pid = parent
                    continue
            return pid
        pid = int(text.rsplit(")", 1)[1].split()[1])
    raise AssertionError("no shim above the task")


def test_framework_killed_without_failover_loses_its_tasks(cluster):
    framework = Scheduler(cluster.port, failover_timeout=0.0)
    framework.run("left-behind", "sleep 1000")
    pid = framework.wait_state("left-behind", "TASK_RUNNING")["container_status"]["executor_pid"]
    framework.close()
    wait_for(lambda: not os.path.exists(f"/proc/{pid}"), "the task's end")
    assert framework.id in [f["id"] for f in cluster.state()["completed_frameworks"]]


def test_framework_killed_with_failover_keeps_its_tasks(cluster):
    first = Scheduler(cluster.port)
    first.run("kept", "sleep 1000")
    pid = first.wait_state("kept", "TASK_RUNNING")["container_status"]["executor_pid"]
    first.close()
    again = resubscribed(cluster, first)
    assert os.path.exists(f"/proc/{pid}")
    again.kill("kept")
    again.wait_state("kept", "TASK_KILLED")


def test_newer_subscription_replaces_the_older(cluster):
    first = Scheduler(cluster.port)
    again = Scheduler(cluster.port, framework_id=first.id)
    assert first.wait_event("ERROR")["error"]["message"] == "Framework failed over"
    assert first.ended.wait(10)
    first.call("REVIVE", expect=400)
    again.call("REVIVE")


def test_unreachable_agent_and_its_return():
    flags = {"agent_ping_timeout": "1secs", "max_agent_ping_timeouts": "2"}
    with Cluster(master_flags=flags) as cluster:
        framework = Scheduler(cluster.port)
        agent = cluster.agents[0]
        framework.run("partitioned", "sleep 1000")
        pid = framework.wait_state("partitioned", "TASK_RUNNING")["container_status"]["executor_pid"]
        agent.freeze()
        try:
            update = framework.wait_state("partitioned", "TASK_UNREACHABLE")
            assert (update["source"], update["reason"]) == ("SOURCE_MASTER", "REASON_AGENT_REMOVED")
            assert "unreachable_time" in update and "uuid" not in update
            framework.wait_event("FAILURE")
        finally:
            agent.signal(signal.SIGCONT)
        wait_for(lambda: framework.states("partitioned")[-1] == "TASK_RUNNING", "the task to be back", 40)
        last = framework.updates[-1]
        assert last["reason"] == "REASON_AGENT_REREGISTERED"
        assert os.path.exists(f"/proc/{pid}")


def test_corrupt_checkpoint_drops_only_that_task(cluster):
    import sqlite3
    framework = Scheduler(cluster.port)
    agent = cluster.agents[0]
    pids = {}
    for name in ("good", "bad"):
        framework.run(name, "sleep 1000")
        pids[name] = framework.wait_state(name, "TASK_RUNNING")["container_status"]["executor_pid"]
    agent.kill9()
    store = next(agent.work_dir.rglob("agent.db"))
    database = sqlite3.connect(store)
    tables = [row[0] for row in database.execute("select name from sqlite_master where type='table'")]
    damaged = []
    for table in tables:
        columns = [row[1] for row in database.execute(f"pragma table_info({table})")]
        if "key" in columns and "value" in columns:
            where = "key like '%task%' and instr(value, x'626164') > 0"  # "bad" in bytes.
            damaged += [row[0] for row in database.execute(f"select key from {table} where {where}")]
            database.execute(f"update {table} set value = x'ffffffffff' where {where}")
    database.commit()
    database.close()
    assert damaged
    agent.arguments.append("--strict=false")
    agent.start()
    wait_for(lambda: agent_knows_running(agent, "good"), "the good task to be adopted")
    cluster.wait_agents(1)
    for key in damaged:
        assert key in agent.log_text()
    wait_for(lambda: framework.states("bad")[-1] in ("TASK_LOST", "TASK_DROPPED", "TASK_GONE", "TASK_FAILED"), "the bad task to be given up")
    assert framework.states("good")[-1] == "TASK_RUNNING"
    assert os.path.exists(f"/proc/{pids['good']}") and not os.path.exists(f"/proc/{pids['bad']}")


def test_output_after_the_agent_is_back(cluster):
    framework = Scheduler(cluster.port)
    agent = cluster.agents[0]
    release = cluster.folder / "release"
    framework.run("talker", f"echo before; while [ ! -e {release} ]; do sleep 0.05; done; echo after")
    framework.wait_state("talker", "TASK_RUNNING")
    agent.kill9()
    agent.start()
    cluster.wait_agents(1)
    release.touch()
    framework.wait_state("talker", "TASK_FINISHED", 60)
    assert sandbox_file(cluster, agent, "talker") == "before\nafter\n"
