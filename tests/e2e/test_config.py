"""Flags from a config file."""
import json
import subprocess

from harness.cluster import TEPUI, Cluster, request
from harness.scheduler import Scheduler


def test_a_master_and_an_agent_take_their_flags_from_files(tmp_path):
    master = tmp_path / "master.conf"
    master.write_text("# of this test\ncluster = from the file\npublish-per-framework-metrics = false\nport = 1\n")
    agent = tmp_path / "agent.conf"
    agent.write_text("attributes = rack:r7\nmax_request_bytes = 5KB\n")
    with Cluster(agents=1, master_flags={"config": master}, agent_flags={"config": agent}) as cluster:
        flags = json.loads(request(cluster.port, "GET", "/flags")[2])["flags"]
        assert flags["cluster"] == "from the file"
        assert flags["port"] == str(cluster.port), "the command line counts more"
        assert cluster.state()["slaves"][0]["attributes"] == {"rack": "r7"}
        assert request(cluster.agents[0].port, "POST", "/api/v1", b" " * 6000)[0] == 413

        scheduler = Scheduler(cluster.port, "unmeasured")
        names = json.loads(request(cluster.port, "GET", "/metrics/snapshot")[2])
        assert names["master/frameworks_active"] == 1
        assert not [name for name in names if name.startswith("master/frameworks/")]
        scheduler.teardown()
        scheduler.close()


def test_a_mistake_is_told_with_its_line(tmp_path):
    config = tmp_path / "broken.conf"
    config.write_text(f"work_dir = {tmp_path / 'w'}\nclustr = typo\n")
    for arguments in (["master"], ["agent"]):
        ended = subprocess.run([TEPUI, *arguments, f"--config={config}"], capture_output=True, text=True, timeout=20, check=False)
        assert ended.returncode == 2
        assert f"{config}:2: unknown flag --clustr" in ended.stderr
