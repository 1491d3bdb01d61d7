"""The operator event stream of a real cluster, as its readers see it."""
import os
import signal

from harness.cluster import Cluster, request
from harness.events import EventReader
from harness.scheduler import Scheduler
from harness.wait import wait_for


def names(records):
    """Kinds with what they are about, short."""
    texts = []
    for record in records:
        kind = record["type"]
        if kind == "TASK_UPDATED":
            texts.append(f"{kind} {record['task_updated']['status']['state']} {record['task_updated']['state']}")
        elif kind == "TASK_ADDED":
            texts.append(f"{kind} {record['task_added']['task']['state']}")
        else:
            texts.append(kind)
    return texts


def test_a_task_comes_in_the_recorded_order(shared_cluster):
    with EventReader(shared_cluster.port) as reader:
        first = reader.next(heartbeats=True)
        assert first["type"] == "SUBSCRIBED"
        assert first["subscribed"]["heartbeat_interval_seconds"] == 15.0
        assert len(first["subscribed"]["get_state"]["get_agents"]["agents"]) == 1
        assert reader.next(heartbeats=True) == {"type": "HEARTBEAT"}
        scheduler = Scheduler(shared_cluster.port)
        scheduler.run("watched", "exit 3")
        scheduler.wait_state("watched", "TASK_FAILED")
        scheduler.teardown()
        records = reader.until("FRAMEWORK_REMOVED")
        told = names(records)
        assert told[:2] == ["FRAMEWORK_ADDED", "TASK_ADDED TASK_STAGING"]
        assert [t.split()[1] for t in told[2:-1]] == ["TASK_STARTING", "TASK_RUNNING", "TASK_FAILED"]
        assert told[-2].endswith("TASK_FAILED TASK_FAILED")
        assert all("sequence" not in record for record in reader.records)


def test_a_reader_goes_on_where_it_was_and_begins_anew_with_a_new_master():
    with Cluster() as cluster:
        with EventReader(cluster.port, "sequence=1") as reader:
            first = reader.next()
            master, scheduler = first["master_id"], Scheduler(cluster.port)
            at = reader.until("FRAMEWORK_ADDED")[-1]["sequence"]
        scheduler.run("missed", "exit 0")
        scheduler.wait_state("missed", "TASK_FINISHED")
        position = f"after={at}&master={master}"
        with EventReader(cluster.port, position) as reader:
            assert reader.next(heartbeats=True)["type"] == "HEARTBEAT"
            records = [reader.next() for _ in range(4)]
            assert names(records)[0] == "TASK_ADDED TASK_STAGING"
            assert [r["sequence"] for r in records] == [at + 1, at + 2, at + 3, at + 4]
        cluster.master.kill9()
        cluster.master.start()
        cluster.wait_healthy()
        with EventReader(cluster.port, position) as reader:
            fresh = reader.next(heartbeats=True)
            assert fresh["type"] == "SUBSCRIBED" and fresh["master_id"] != master
            scheduler.close()


def test_filters(shared_cluster):
    scheduler = Scheduler(shared_cluster.port)
    with EventReader(shared_cluster.port, f"framework={scheduler.id}&kind=TASK_UPDATED") as mine, \
            EventReader(shared_cluster.port, "framework=another") as others, \
            EventReader(shared_cluster.port) as everything:
        assert mine.next()["subscribed"]["get_state"]["get_agents"]["agents"] == []
        assert others.next()["subscribed"]["get_state"]["get_frameworks"]["frameworks"] == []
        everything.next()
        scheduler.run("filtered", "exit 0")
        scheduler.wait_state("filtered", "TASK_FINISHED")
        assert [r["type"] for r in (mine.next(), mine.next(), mine.next())] == ["TASK_UPDATED"] * 3
        scheduler.teardown()
        everything.until("FRAMEWORK_REMOVED")
        other = Scheduler(shared_cluster.port, framework_id="another")
        assert others.next()["type"] == "FRAMEWORK_ADDED"
        other.teardown()
        assert others.next()["type"] == "FRAMEWORK_REMOVED"


def test_bad_parameters_are_refused(shared_cluster):
    status, _, body = request(shared_cluster.port, "POST", "/api/v1?kind=TASK_LOST", '{"type":"SUBSCRIBE"}',
                              {"Content-Type": "application/json"})
    assert status == 400
    assert b"'TASK_LOST' is no kind of event" in body


def test_an_agent_that_leaves_takes_its_tasks_along():
    with Cluster() as cluster:
        scheduler = Scheduler(cluster.port)
        scheduler.run("lost", "sleep 1000")
        scheduler.wait_state("lost", "TASK_RUNNING")
        with EventReader(cluster.port) as reader:
            reader.next()
            os.kill(cluster.agents[0].pid, signal.SIGUSR1)
            told = names(reader.until("AGENT_REMOVED"))
            assert told[-1] == "AGENT_REMOVED"
            assert any(t.startswith("TASK_UPDATED") for t in told[:-1])
            wait_for(lambda: not cluster.agents[0].alive(), "the agent's end")
            cluster.add_agent()
            assert reader.until("AGENT_ADDED")[-1]["agent_added"]["agent"]["active"]
        scheduler.teardown()
        scheduler.close()


def test_the_oldest_stream_is_closed_for_a_new_one():
    with Cluster(agents=0, master_flags={"max_operator_event_stream_subscribers": 2}) as cluster:
        readers = [EventReader(cluster.port) for _ in range(2)]
        assert [reader.next()["type"] for reader in readers] == ["SUBSCRIBED"] * 2
        readers.append(EventReader(cluster.port))
        assert readers[2].next()["type"] == "SUBSCRIBED"
        assert readers[0].next() is None
        assert cluster.metric("master/operator_event_stream_subscribers") == 2
        for reader in readers:
            reader.close()
