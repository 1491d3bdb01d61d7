"""PyPI's `mesoshttp`, unmodified: it reads the stream line by line and decodes before it slices."""
import threading

from mesoshttp.client import MesosClient

from harness.wait import wait_for


class Framework:
    """Launches the given commands, one an offer, and keeps every update."""

    def __init__(self, cluster, commands):
        self.commands = dict(commands)
        self.updates = []
        self.driver = None
        self.client = MesosClient(mesos_urls=[f"http://{cluster.address}"], frameworkName="mesoshttp-test", frameworkUser="root")
        self.client.on(MesosClient.SUBSCRIBED, self.on_subscribed)
        self.client.on(MesosClient.OFFERS, self.on_offers)
        self.client.on(MesosClient.UPDATE, self.on_update)
        self.thread = threading.Thread(target=self.client.register, daemon=True)
        self.thread.start()

    def on_subscribed(self, driver):
        self.driver = driver

    def on_offers(self, offers):
        for offer in offers:
            if not self.commands:
                offer.decline(options={"filters": {"refuse_seconds": 600}})
                continue
            name, command = self.commands.popitem()
            offer.accept([{
                "name": name, "task_id": {"value": name}, "agent_id": offer.get_offer()["agent_id"],
                "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}},
                              {"name": "mem", "type": "SCALAR", "scalar": {"value": 32}}],
                "command": {"value": command},
            }], options={"filters": {"refuse_seconds": 0}})

    def on_update(self, update):
        status = update["status"]
        self.updates.append(status)

    def states(self, name):
        return [u["state"] for u in self.updates if u["task_id"]["value"] == name]


def test_runs_and_kills_tasks(shared_cluster):
    framework = Framework(shared_cluster, {"ok": "exit 0", "bad": "exit 3", "long": "sleep 1000", "näme": "exit 0"})
    # The client sees record N when record N+1 begins, so a heartbeat may be needed for the last one: 15 s.
    wait_for(lambda: "TASK_FINISHED" in framework.states("ok"), "the end of ok", 40)
    wait_for(lambda: "TASK_FAILED" in framework.states("bad"), "the end of bad", 40)
    wait_for(lambda: "TASK_FINISHED" in framework.states("näme"), "the end of the task with a non-ASCII id", 40)
    running = wait_for(lambda: next((u for u in framework.updates if u["task_id"]["value"] == "long"
                                     and u["state"] == "TASK_RUNNING"), None), "long to run", 40)
    framework.driver.kill(running["agent_id"]["value"], "long")
    wait_for(lambda: "TASK_KILLED" in framework.states("long"), "the end of long", 40)
    framework.driver.tearDown()
    wait_for(lambda: framework.driver.frameworkId in [
        f["id"] for f in shared_cluster.state()["completed_frameworks"]], "the framework's teardown")
    framework.client.stop = True
