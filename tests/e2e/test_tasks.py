"""What a scheduler sees of a task's life: the cases of the recorded situations that need no second machine."""
import pytest

from harness.cluster import call, sandbox_file
from harness.scheduler import Scheduler
from harness.wait import wait_for


ENDS = [
    ("exit-0", "exit 0", "TASK_FINISHED", "Command exited with status 0"),
    ("exit-3", "exit 3", "TASK_FAILED", "Command exited with status 3"),
    ("sigkill", "kill -9 $$", "TASK_FAILED", "Command terminated with signal Killed"),
    ("segfault", "kill -SEGV $$", "TASK_FAILED", "Command terminated with signal Segmentation fault"),
]


@pytest.mark.parametrize("name,command,state,message", ENDS, ids=[row[0] for row in ENDS])
def test_ends(scheduler, name, command, state, message):
    scheduler.run(name, command)
    last = scheduler.wait_state(name, state)
    assert scheduler.states(name) == ["TASK_STARTING", "TASK_RUNNING", state]
    assert last["message"] == message
    assert last["source"] == "SOURCE_EXECUTOR"
    assert last["executor_id"]["value"] == name
    assert last["container_status"]["container_id"]["value"]
    assert last["container_status"]["network_infos"][0]["ip_addresses"] == [{"protocol": "IPv4", "ip_address": "127.0.0.1"}]


def test_missing_binary_fails_after_start(scheduler):
    scheduler.run("missing", {"shell": False, "value": "/nonexistent/binary", "arguments": ["binary"]})
    assert scheduler.wait_state("missing", "TASK_FAILED")["message"] == "Command exited with status 1"
    assert scheduler.states("missing") == ["TASK_STARTING", "TASK_RUNNING", "TASK_FAILED"]


def test_argv_form_takes_no_shell(scheduler, shared_cluster):
    scheduler.run("argv", {"shell": False, "value": "/bin/echo", "arguments": ["echo", "$HOME;", "two words"]})
    scheduler.wait_state("argv", "TASK_FINISHED")
    assert sandbox_file(shared_cluster, shared_cluster.agents[0], "argv") == "$HOME; two words\n"


def test_environment_directory_and_user(scheduler, shared_cluster):
    command = {"value": "echo $GREETING; pwd; id -un; echo $MESOS_SANDBOX; ulimit -n", "user": "nobody",
               "environment": {"variables": [{"name": "GREETING", "value": "grüezi"}]}}
    scheduler.run("env", command, container={"type": "MESOS", "rlimit_info": {
        "rlimits": [{"type": "RLMT_NOFILE", "soft": 123, "hard": 123}]}})
    scheduler.wait_state("env", "TASK_FINISHED")
    greeting, folder, user, sandbox, files = sandbox_file(shared_cluster, shared_cluster.agents[0], "env").splitlines()
    assert (greeting, user, files) == ("grüezi", "nobody", "123")
    assert folder == sandbox
    assert folder.startswith(str(shared_cluster.agents[0].work_dir))


def test_kill_says_killing_first(scheduler):
    scheduler.run("victim", "sleep 1000")
    scheduler.wait_state("victim", "TASK_RUNNING")
    scheduler.kill("victim")
    assert scheduler.wait_state("victim", "TASK_KILLED")["message"] == "Command terminated with signal Terminated"
    assert scheduler.states("victim") == ["TASK_STARTING", "TASK_RUNNING", "TASK_KILLING", "TASK_KILLED"]


def test_task_that_ignores_sigterm_is_killed_after_its_grace(scheduler, shared_cluster):
    scheduler.run("stubborn", "trap '' TERM; echo ready; while :; do sleep 1; done",
                  kill_policy={"grace_period": {"nanoseconds": 500_000_000}})
    scheduler.wait_state("stubborn", "TASK_RUNNING")
    wait_for(lambda: "ready" in sandbox_file(shared_cluster, shared_cluster.agents[0], "stubborn"), "the trap to be set")
    scheduler.kill("stubborn")
    assert scheduler.wait_state("stubborn", "TASK_KILLED")["message"] == "Command terminated with signal Killed"


def test_whole_tree_gets_sigterm(scheduler, shared_cluster):
    # The first process outlives the signal, so that its child has time for its own trap.
    scheduler.run("tree", "trap : TERM; sh -c 'trap \"echo child ends; exit\" TERM; echo child; while :; do sleep 0.1; done' & wait; wait")
    scheduler.wait_state("tree", "TASK_RUNNING")
    agent = shared_cluster.agents[0]
    wait_for(lambda: "child\n" in sandbox_file(shared_cluster, agent, "tree"), "the child")
    scheduler.kill("tree")
    scheduler.wait_state("tree", "TASK_KILLED")
    assert "child ends" in sandbox_file(shared_cluster, agent, "tree")


def test_max_completion_time(scheduler):
    scheduler.run("slow", "sleep 1000", max_completion_time={"nanoseconds": 300_000_000})
    assert scheduler.wait_state("slow", "TASK_FAILED")["reason"] == "REASON_MAX_COMPLETION_TIME_REACHED"


def test_memory_limit(scheduler):
    scheduler.run("hog", "exec python3 -c 'x=bytearray(200<<20); print(len(x))'", mem=64)
    update = scheduler.wait_state("hog", "TASK_FAILED")
    assert update["reason"] == "REASON_CONTAINER_LIMITATION_MEMORY"
    assert update["source"] == "SOURCE_AGENT"
    assert update["message"].startswith("Memory limit exceeded: Requested: 64MB Maximum Used: 64MB")
    assert update["limitation"]["resources"] == [{"name": "mem", "type": "SCALAR", "scalar": {"value": 64.0}}]


def test_fork_bomb_stays_in_its_container(scheduler, shared_cluster):
    scheduler.run("bomb", "bomb() { bomb | bomb & }; bomb; sleep 1000", mem=128)
    scheduler.run("neighbour", "exit 0")
    scheduler.wait_state("neighbour", "TASK_FINISHED", 60)
    assert shared_cluster.agents[0].alive()
    if scheduler.states("bomb")[-1] not in ("TASK_FAILED", "TASK_FINISHED"):
        scheduler.kill("bomb")
    wait_for(lambda: scheduler.states("bomb")[-1] in ("TASK_KILLED", "TASK_FAILED", "TASK_FINISHED"), "the bomb's end", 60)


def test_unknown_user_is_dropped(scheduler):
    scheduler.run("whoami", {"value": "true", "user": "nosuchuser"})
    update = scheduler.wait_state("whoami", "TASK_DROPPED")
    assert (update["source"], update["reason"]) == ("SOURCE_AGENT", "REASON_EXECUTOR_TERMINATED")
    assert "nosuchuser" in update["message"]


def test_files_are_fetched(scheduler, shared_cluster, tmp_path):
    import tarfile
    inner = tmp_path / "inner.txt"
    inner.write_text("from the archive\n")
    with tarfile.open(tmp_path / "bundle.tar.gz", "w:gz") as archive:
        archive.add(inner, "inner.txt")
    script = tmp_path / "script.sh"
    script.write_text("#!/bin/sh\necho from the script\n")
    uris = [{"value": str(tmp_path / "bundle.tar.gz")}, {"value": f"file://{script}", "executable": True, "output_file": "bin/run"}]
    scheduler.run("fetch", {"value": "cat inner.txt; ./bin/run", "uris": uris})
    scheduler.wait_state("fetch", "TASK_FINISHED")
    assert sandbox_file(shared_cluster, shared_cluster.agents[0], "fetch") == "from the archive\nfrom the script\n"


def test_a_missing_uri_fails_the_launch(scheduler):
    scheduler.run("nofile", {"value": "true", "uris": [{"value": "/nonexistent/file"}]})
    update = scheduler.wait_state("nofile", "TASK_FAILED")
    assert (update["source"], update["reason"]) == ("SOURCE_AGENT", "REASON_CONTAINER_LAUNCH_FAILED")
    assert update["message"].startswith("Failed to launch container: Failed to fetch all URIs for container '")


def test_more_than_offered(scheduler):
    offer = scheduler.wait_offer()
    scheduler.accept(offer, [scheduler.task(offer, "huge", "true", cpus=10000)])
    update = scheduler.wait_state("huge", "TASK_ERROR")
    assert (update["source"], update["reason"]) == ("SOURCE_MASTER", "REASON_TASK_INVALID")
    assert "cpus(allocated: *):10000" in update["message"] and "is more than available" in update["message"]
    assert "uuid" not in update


def test_duplicate_id_and_used_offer(scheduler):
    offer = scheduler.run("twin", "sleep 1000")
    scheduler.wait_state("twin", "TASK_RUNNING")
    again = scheduler.wait_offer()
    scheduler.accept(again, [scheduler.task(again, "twin", "true")])
    assert wait_for(lambda: [u for u in scheduler.updates if u["state"] == "TASK_ERROR"], "the refusal")[0]["message"] == \
        "Task has duplicate ID: twin"
    scheduler.accept(offer, [scheduler.task(offer, "late", "true")])
    update = scheduler.wait_state("late", "TASK_DROPPED")
    assert update["reason"] == "REASON_INVALID_OFFERS"
    scheduler.kill("twin")
    wait_for(lambda: "TASK_KILLED" in scheduler.states("twin"), "the end of the first twin")


def test_reconciliation(scheduler):
    scheduler.run("known", "sleep 1000")
    scheduler.wait_state("known", "TASK_RUNNING")
    scheduler.call("RECONCILE", {"tasks": [{"task_id": {"value": "known"}}, {"task_id": {"value": "nobody-knows"}}]})
    update = wait_for(lambda: [u for u in scheduler.updates if u.get("reason") == "REASON_RECONCILIATION"
                               and u["task_id"]["value"] == "known"], "the known task")[0]
    assert update["state"] == "TASK_RUNNING" and "uuid" not in update
    assert scheduler.wait_state("nobody-knows", "TASK_UNKNOWN")["reason"] == "REASON_RECONCILIATION"


def test_decline_holds_offers_back_until_revive(scheduler):
    offer = scheduler.wait_offer()
    scheduler.offers.clear()
    scheduler.call("DECLINE", {"offer_ids": [offer["id"]], "filters": {"refuse_seconds": 3600}})
    scheduler.call("RECONCILE", {"tasks": [{"task_id": {"value": "marker"}}]})
    scheduler.wait_state("marker", "TASK_UNKNOWN")  # Anything offered at once would have come before it.
    assert not scheduler.offers
    scheduler.call("REVIVE")
    assert scheduler.wait_offer()


def test_two_frameworks_share_and_teardown_frees(scheduler, shared_cluster):
    with_all = scheduler.wait_offer()
    other = Scheduler(shared_cluster.port, name="second")
    scheduler.accept(with_all, [scheduler.task(with_all, "holder", "sleep 1000", cpus=1)])
    scheduler.wait_state("holder", "TASK_RUNNING")
    try:
        offer = other.wait_offer(cpus=2.5) if not scheduler.offers else None
        if offer is None:
            mine = scheduler.wait_offer()
            scheduler.call("DECLINE", {"offer_ids": [mine["id"]], "filters": {"refuse_seconds": 3600}})
            scheduler.offers.clear()
            offer = other.wait_offer(cpus=2.5)
        other.accept(offer, [other.task(offer, "mine", "sleep 1000", cpus=2.5)])
        other.wait_state("mine", "TASK_RUNNING")
        call(shared_cluster.port, {"type": "TEARDOWN", "teardown": {"framework_id": {"value": other.id}}})
        wait_for(lambda: not [t for t in shared_cluster.agents[0].state()["frameworks"] if t["id"] == other.id],
                 "the agent to forget the framework")
        scheduler.call("REVIVE")
        assert scheduler.wait_offer(cpus=2.5)
    finally:
        other.close()
