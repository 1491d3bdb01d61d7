"""mesos-go's `mwatch`, as its authors published it, follows the master's event stream."""
import pathlib
import subprocess

from harness.scheduler import Scheduler
from harness.wait import wait_for

MWATCH = pathlib.Path(__file__).resolve().parents[2] / "build" / "compat" / "mwatch"


def test_prints_what_happens(shared_cluster, tmp_path):
    output = tmp_path / "mwatch.txt"
    streams = lambda: shared_cluster.metric("master/operator_event_stream_subscribers")
    before = streams()
    with open(output, "w") as out:
        watch = subprocess.Popen([MWATCH, "-master", "127.0.0.1", "-port", str(shared_cluster.port)], stdout=out,
                                 stderr=subprocess.STDOUT)
    try:
        wait_for(lambda: streams() == before + 1, "mwatch's stream")
        scheduler = Scheduler(shared_cluster.port, name="watched")
        scheduler.run("watched-task", "exit 0")
        scheduler.wait_state("watched-task", "TASK_FINISHED")
        scheduler.teardown()
        wait_for(lambda: "FRAMEWORK_REMOVED" in output.read_text(), "the framework's end in mwatch's output")
        assert watch.poll() is None, output.read_text()
    finally:
        watch.kill()
        watch.wait(20)
    kinds = [line.split()[0] for line in output.read_text().splitlines() if "watched" in line]
    assert kinds == ["FRAMEWORK_ADDED", "TASK_ADDED", "TASK_UPDATED", "TASK_UPDATED", "TASK_UPDATED", "FRAMEWORK_REMOVED"]
