"""Containers in networks of their own, made by the CNI plugins of this machine: addresses, ports, names, checks, and nothing left."""
import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request

import pytest
from harness.cluster import TEPUI, Cluster, free_ports, request, sandbox_file
from harness.registry import Image, Registry, busybox_layer
from harness.scheduler import Scheduler
from harness.wait import wait_for

PLUGINS = pathlib.Path("/usr/lib/cni")
SUBNET = "10.198.7"
BRIDGE = f"tpe{os.getpid()}"[:15]
# The bridge without a configuration, of the subnet that this test's agent has for it.
SUBNET_OURS, BRIDGE_OURS = "10.198.9.0/24", "tepui0ac6090024"
SUBNET_V6 = "fd00:198:12:"
BRIDGE_V6 = f"tpf{os.getpid()}"[:15]
NOTHING = {"rules": [], "veths": [], "namespaces": [], "leases": []}
# Serves the file "page" of its sandbox.
SERVE = "echo {text} > page; exec busybox httpd -f -p {at} -h ."


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def rules():
    """What iptables has of our networks."""
    done = run("iptables-save", "-t", "nat")
    assert done.returncode == 0, f"port mappings need an iptables that works on this kernel: {done.stderr}"
    return [line for line in done.stdout.splitlines() if SUBNET in line or "CNI-DN-" in line or "CNI-SN-" in line]


def veths():
    return sorted(str(path) for path in pathlib.Path(f"/sys/class/net/{BRIDGE}/brif").glob("*"))


def namespaces(runtime_dir):
    """Network namespaces that an agent keeps."""
    lines = pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
    return sorted(line.split()[4] for line in lines if " nsfs " in line and line.split()[4].startswith(f"{runtime_dir}/"))


def leases(folder):
    return sorted(path.name for path in folder.rglob(f"{SUBNET}.*"))


class Networks:
    """The folder of configurations, and what is on the machine because of them."""

    def __init__(self):
        for plugin in ("bridge", "host-local", "portmap", "bandwidth"):
            assert (PLUGINS / plugin).exists(), f"{PLUGINS / plugin} is missing: install containernetworking-plugins"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tepui-networks-"))
        self.configs = self.folder / "configs"
        self.configs.mkdir()
        self.run = self.folder / "run"
        self.foreign = set(rules())  # Of whoever else has containers here.
        bridge = {"type": "bridge", "bridge": BRIDGE, "isGateway": True, "ipMasq": True, "hairpinMode": True,
                  "ipam": {"type": "host-local", "dataDir": str(self.folder / "leases"),
                           "subnet": f"{SUBNET}.0/24", "rangeEnd": f"{SUBNET}.127", "routes": [{"dst": "0.0.0.0/0"}]}}
        chain = [bridge, {"type": "portmap", "capabilities": {"portMappings": True}},
                 {"type": "bandwidth", "capabilities": {"bandwidth": True}}]
        self.configure("front", {"cniVersion": "1.0.0", "name": "front", "plugins": chain})
        # As a cluster of Mesos has it; on the same bridge, whose addresses the two give out each on its own.
        half = {**bridge, "ipam": {**bridge["ipam"], "rangeEnd": f"{SUBNET}.250", "rangeStart": f"{SUBNET}.128"}}
        self.configure("mapped", {"name": "mapped", "type": "mesos-cni-port-mapper", "chain": "MESOS-MAPPED",
                                  "excludeDevices": [BRIDGE], "delegate": half}, "conf")
        second = {"type": "ptp", "ipam": {"type": "host-local", "dataDir": str(self.folder / "leases"), "subnet": "10.198.8.0/24"}}
        self.configure("back", {"cniVersion": "1.0.0", "name": "back", "plugins": [second]})

        ranges = [[{"subnet": "10.198.12.0/24"}], [{"subnet": f"{SUBNET_V6}:/64"}]]
        self.configure("dual", {"cniVersion": "1.0.0", "name": "dual", "plugins": [
            {"type": "bridge", "bridge": BRIDGE_V6, "isGateway": True,
             "ipam": {"type": "host-local", "dataDir": str(self.folder / "leases"), "ranges": ranges}}]})

    def configure(self, name, config, suffix="conflist"):
        (self.configs / f"{name}.{suffix}").write_text(json.dumps(config))

    def left(self):
        return {"rules": [line for line in rules() if line not in self.foreign], "veths": veths(),
                "namespaces": namespaces(self.run), "leases": leases(self.folder)}

    def close(self):
        run("ip", "link", "del", BRIDGE)
        run("ip", "link", "del", BRIDGE_V6)
        shutil.rmtree(self.folder)


@pytest.fixture(scope="module")
def networks():
    made = Networks()
    yield made
    made.close()


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    with Registry(tmp_path_factory.mktemp("registry")) as running:
        running.push("base:v1", Image([busybox_layer().tar()]))
        yield running


@pytest.fixture(scope="module")
def cluster(networks, registry):
    dns = {"mesos": [{"network_mode": "CNI", "network_name": "front",
                      "dns": {"nameservers": [f"{SUBNET}.53"], "search": ["tepui.test"]}}]}
    flags = {"runtime_dir": networks.run, "isolation": "cgroups/cpu,cgroups/mem,namespaces/pid,filesystem/linux,docker/runtime,network/cni",
             "image_providers": "docker", "docker_registry": f"http://{registry.host}",
             "network_cni_config_dir": networks.configs, "network_cni_plugins_dir": PLUGINS,
             "default_container_dns": json.dumps(dns), "network_bridge_subnet": SUBNET_OURS}
    with Cluster(agent_flags=flags) as running:
        yield running
    assert networks.left() == NOTHING


@pytest.fixture
def scheduler(cluster):
    framework = Scheduler(cluster.port)
    yield framework
    framework.teardown()
    framework.close()


def container(*names, **network):
    return {"type": "MESOS", "network_infos": [{"name": name, **network} for name in names]}


def ports(first):
    return {"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": first, "end": first}]}}


def launch(scheduler, name, command, box, host_port=None, **fields):
    offer = scheduler.wait_offer(cpus=0.1)
    task = scheduler.task(offer, name, command, container=box, **fields)
    if host_port:
        task["resources"].append(ports(host_port))
    scheduler.accept(offer, [task])
    return scheduler.wait_state(name, "TASK_RUNNING")


def addresses(update):
    return [ip["ip_address"] for network in update["container_status"]["network_infos"] for ip in network["ip_addresses"]]


def answers(address, port, text):
    """Whether the page comes from there."""
    with contextlib.suppress(OSError):
        with urllib.request.urlopen(f"http://{address}:{port}/page", timeout=2) as answer:
            return answer.read().decode().strip() == text
    return False


def wait_healthy(scheduler, name):
    def healthy():
        with scheduler._lock:
            return any(u.get("healthy") for u in scheduler.updates if u["task_id"]["value"] == name)
    wait_for(healthy, f"good health of {name}")


def end(scheduler, *names):
    for name in names:
        scheduler.kill(name)
    for name in names:
        scheduler.wait_state(name, "TASK_KILLED")


def output(cluster, scheduler, name, command, box, **fields):
    """What a command in such a container writes."""
    scheduler.run(name, command, container=box, **fields)
    scheduler.wait_state(name, "TASK_FINISHED")
    return sandbox_file(cluster, cluster.agents[0], name)


def test_containers_reach_each_other_and_are_told_of(cluster, scheduler):
    update = launch(scheduler, "web", SERVE.format(text="hello", at=8080), container("front"))
    [address] = addresses(update)
    assert address.startswith(SUBNET)
    assert update["container_status"]["network_infos"][0]["name"] == "front"
    wait_for(lambda: answers(address, 8080, "hello"), "the page at the container's address")
    page = output(cluster, scheduler, "client", f"busybox wget -qO- http://{address}:8080/page", container("front"))
    assert page.strip() == "hello"

    agent = cluster.agents[0]
    [framework] = [f for f in agent.state()["frameworks"] if f["id"] == scheduler.id]
    [task] = [t for e in framework["executors"] for t in e["tasks"] if t["id"] == "web"]
    assert task["statuses"][-1]["container_status"]["network_infos"][0]["ip_addresses"][0]["ip_address"] == address
    [box] = [c for c in json.loads(request(agent.port, "GET", "/containers")[2]) if c["executor_id"] == "web"]
    assert box["status"]["network_infos"][0]["ip_addresses"][0]["ip_address"] == address
    assert box["statistics"]["net_tx_bytes"] > 0 and box["statistics"]["net_rx_packets"] > 0
    end(scheduler, "web")


def test_what_a_container_sees(cluster, scheduler):
    script = 'echo "$MESOS_CONTAINER_IP"; cat /etc/hostname; hostname; cat /etc/resolv.conf; cat /etc/hosts; cat /proc/net/dev'
    text = output(cluster, scheduler, "look", script, {**container("front"), "hostname": "looker"})
    lines = text.splitlines()
    assert lines[0].startswith(SUBNET) and lines[1:3] == ["looker", "looker"]
    assert f"nameserver {SUBNET}.53" in lines and "search tepui.test" in lines
    assert f"{lines[0]} looker" in lines
    assert "eth0:" in text and BRIDGE not in text
    # Where nobody says anything of DNS it is the host's.
    assert "looker" not in pathlib.Path("/etc/hosts").read_text()


def test_the_loopback_of_the_host_is_not_the_containers(cluster, scheduler):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        script = f"busybox nc -w 2 127.0.0.1 {port} </dev/null && echo reached; busybox nc -w 2 {SUBNET}.1 {port} </dev/null && echo reached; echo done"
        assert output(cluster, scheduler, "prisoner", script, container("front")).split() == ["done"]


def test_a_published_port_leads_to_the_container(cluster, scheduler, networks):
    rules()  # Fails here, with the reason, where iptables does not work.
    for name, port in (("front", 31500), ("mapped", 31501)):
        mapping = [{"host_port": port, "container_port": 8080}]
        update = launch(scheduler, f"at-{name}", SERVE.format(text=name, at=8080), container(name, port_mappings=mapping), port)
        assert update["container_status"]["network_infos"][0]["port_mappings"][0]["host_port"] == port
        wait_for(lambda: answers(f"{SUBNET}.1", port, name), f"the page at the host's port {port}")
    assert answers("127.0.0.1", 31500, "front")
    end(scheduler, "at-front", "at-mapped")
    assert not answers(f"{SUBNET}.1", 31500, "front") and networks.left()["rules"] == []


def test_the_bridge_that_nobody_configured(cluster, scheduler, networks):
    try:
        update = launch(scheduler, "default", SERVE.format(text="bridged", at=8080),
                        container("bridge", port_mappings=[{"host_port": 31510, "container_port": 8080}]), 31510)
        [address] = addresses(update)
        wait_for(lambda: answers(address, 8080, "bridged"), "the page at the container's address")
        wait_for(lambda: answers("127.0.0.1", 31510, "bridged"), "the page at the published port")
        end(scheduler, "default")
        assert not list(pathlib.Path(f"/sys/class/net/{BRIDGE_OURS}/brif").iterdir())
    finally:
        run("ip", "link", "del", BRIDGE_OURS)


def test_several_networks(cluster, scheduler):
    text = output(cluster, scheduler, "both", "cat /proc/net/dev", container("front", "back"))
    assert "eth0:" in text and "eth1:" in text


def test_bandwidth_is_limited(cluster, scheduler):
    """A megabyte a second, so that three of them take their time both ways; one burst is a tenth of that."""
    labels = {"labels": [{"key": "bandwidth_ingress", "value": "8M"}, {"key": "bandwidth_egress", "value": "8M"}]}
    script = "head -c 3000000 /dev/zero > page; busybox httpd -p 8080 -h .; busybox nc -l -p 9090 | wc -c; exec sleep 1000"
    [address] = addresses(launch(scheduler, "slow", script, container("front", labels=labels)))

    def connected(port):
        with contextlib.suppress(OSError):
            return socket.create_connection((address, port), timeout=20)
        return None
    with wait_for(lambda: connected(8080), "the task's server") as out:
        begin = time.monotonic()
        out.sendall(b"GET /page HTTP/1.0\r\n\r\n")
        got = 0
        while more := len(out.recv(65536)):
            got += more
        assert got > 3_000_000 and time.monotonic() - begin > 1.5
    with wait_for(lambda: connected(9090), "the task's listener") as into:
        begin = time.monotonic()
        into.sendall(bytes(3_000_000))
        into.shutdown(socket.SHUT_WR)
        wait_for(lambda: sandbox_file(cluster, cluster.agents[0], "slow").strip() == "3000000", "all of it at the task")
        assert time.monotonic() - begin > 1.5
    end(scheduler, "slow")
    assert "rate 8Mbit" not in run("tc", "qdisc", "show").stdout


def test_a_task_of_the_host_network_has_the_hosts(cluster, scheduler):
    """With a container but no network's name."""
    for name, box in (("plain", {"type": "MESOS"}), ("nameless", {"type": "MESOS", "network_infos": [{}]})):
        assert output(cluster, scheduler, name, "readlink /proc/self/ns/net", box).strip() == os.readlink("/proc/self/ns/net")


def test_an_image_in_a_bridge_network(cluster, scheduler):
    """Run by the OCI runtime, in the namespace that plugins attached."""
    box = {**container("front", port_mappings=[{"host_port": 31502, "container_port": 80}]), "hostname": "boxed",
           "mesos": {"image": {"type": "DOCKER", "docker": {"name": "base:v1"}}}}
    health = {"type": "HTTP", "http": {"port": 80, "path": "/page"}, "delay_seconds": 0, "interval_seconds": 0.1}
    script = "cat /etc/resolv.conf /etc/hosts /etc/hostname; hostname; echo imaged > page; exec busybox httpd -f -p 80 -h ."
    [address] = addresses(launch(scheduler, "imaged", script, box, 31502, health_check=health))
    assert address.startswith(SUBNET)
    wait_healthy(scheduler, "imaged")
    assert answers(address, 80, "imaged") and answers("127.0.0.1", 31502, "imaged")
    lines = sandbox_file(cluster, cluster.agents[0], "imaged").splitlines()
    assert f"nameserver {SUBNET}.53" in lines and f"{address} boxed" in lines and lines[-2:] == ["boxed", "boxed"]
    end(scheduler, "imaged")


@pytest.mark.parametrize(("box", "says"), [
    (container("nowhere"), "there is no container network 'nowhere'"),
    (container("front", "front"), "'front' twice"),
    (container("front", port_mappings=[{"host_port": 31999, "container_port": 80}]), "port 31999 of the host is not among"),
    (container("back", port_mappings=[{"host_port": 31520, "container_port": 80}]), "add the plugin portmap"),
    ({**container("front"), "hostname": "not a name"}, "is no host's name"),
])
def test_what_cannot_be_is_refused(cluster, scheduler, box, says):
    offer = scheduler.wait_offer(cpus=0.1)
    task = scheduler.task(offer, "refused", "true", container=box)
    task["resources"].append(ports(31520))
    scheduler.accept(offer, [task])
    assert says in scheduler.wait_state("refused", "TASK_FAILED")["message"]


def test_without_the_isolator_a_network_is_refused(shared_cluster):
    framework = Scheduler(shared_cluster.port)
    framework.run("t", "true", container=container("front"))
    assert "network/cni" in framework.wait_state("t", "TASK_FAILED")["message"]
    framework.teardown()
    framework.close()


@pytest.mark.parametrize("at", ["8080", "127.0.0.1:8080"])
def test_checks_look_inside_the_network(cluster, scheduler, at):
    """Also at what listens on the container's loopback alone, where the host itself has nobody."""
    check = {"type": "HTTP", "http": {"port": 8080, "path": "/page"}, "delay_seconds": 0, "interval_seconds": 0.1}
    tcp = {"type": "TCP", "tcp": {"port": 8080}, "delay_seconds": 0, "interval_seconds": 0.1}
    launch(scheduler, "checked", SERVE.format(text="x", at=at), container("front"), health_check=check, check=tcp)

    def healthy():
        return any(u.get("healthy") and u.get("check_status", {}).get("tcp", {}).get("succeeded")
                   for u in scheduler.updates if u["task_id"]["value"] == "checked")
    wait_for(healthy, "a healthy task")
    assert not answers("127.0.0.1", 8080, "x")
    end(scheduler, "checked")


def test_commands_check_inside_the_network(cluster, scheduler):
    script = "busybox wget -qO- http://127.0.0.1:8080/page | grep -q mine && busybox ip addr show dev eth0"
    check = {"type": "COMMAND", "command": {"command": {"value": script}}, "delay_seconds": 0, "interval_seconds": 0.1}
    health = {"type": "COMMAND", "command": {"value": script}, "delay_seconds": 0, "interval_seconds": 0.1}
    launch(scheduler, "asked", SERVE.format(text="mine", at="127.0.0.1:8080"), container("front"), health_check=health, check=check)
    wait_healthy(scheduler, "asked")
    wait_for(lambda: any(u.get("check_status", {}).get("command", {}).get("exit_code") == 0
                         for u in scheduler.updates if u["task_id"]["value"] == "asked"), "a check with status 0")
    end(scheduler, "asked")


@pytest.fixture(scope="module")
def certificate(networks):
    key, certificate = networks.folder / "key.pem", networks.folder / "certificate.pem"
    made = run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=task",
               "-days", "2", "-keyout", str(key), "-out", str(certificate))
    assert made.returncode == 0, made.stderr
    return f"-key {key} -cert {certificate}"


# Only one of the task's addresses, so that no other way leads there.
OWN_V6 = "$(busybox ip -6 addr show dev eth0 scope global | sed -n 's:.*inet6 \\([^/]*\\)/.*:\\1:p')"


@pytest.mark.parametrize(("family", "at"), [("IPv4", "127.0.0.1"), ("IPv4", "$MESOS_CONTAINER_IP"), ("IPv6", "[::1]"), ("IPv6", f"[{OWN_V6}]")])
def test_checks_by_https_in_both_families(cluster, scheduler, certificate, family, at):
    script = f"exec openssl s_server -quiet -www {certificate} -accept {at}:8443"
    health = {"type": "HTTP", "http": {"scheme": "https", "port": 8443, "path": "/", "protocol": family},
              "delay_seconds": 0, "interval_seconds": 0.1, "grace_period_seconds": 30}
    update = launch(scheduler, "tls", script, container("dual"), health_check=health)
    ips = update["container_status"]["network_infos"][0]["ip_addresses"]
    assert [ip["protocol"] for ip in ips] == ["IPv4", "IPv6"] and ips[1]["ip_address"].startswith(SUBNET_V6)
    wait_healthy(scheduler, "tls")
    end(scheduler, "tls")


@pytest.mark.parametrize("at", ["[::1]", f"[{OWN_V6}]"])
def test_checks_by_tcp_over_ipv6(cluster, scheduler, at):
    health = {"type": "TCP", "tcp": {"port": 8080, "protocol": "IPv6"}, "delay_seconds": 0, "interval_seconds": 0.1,
              "grace_period_seconds": 30}
    launch(scheduler, "six", f"exec busybox httpd -f -p {at}:8080", container("dual"), health_check=health)
    wait_healthy(scheduler, "six")
    end(scheduler, "six")


def test_a_pod_shares_its_network(cluster, scheduler):
    offer = scheduler.wait_offer(cpus=0.5)
    executor = {"type": "DEFAULT", "executor_id": {"value": "pod"}, "framework_id": {"value": scheduler.id},
                "container": container("front"),
                "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}},
                              {"name": "mem", "type": "SCALAR", "scalar": {"value": 32}},
                              {"name": "disk", "type": "SCALAR", "scalar": {"value": 32}}]}
    wget = "until busybox wget -qO- http://127.0.0.1:8080/page; do :; done; sleep 1000"
    tasks = [scheduler.task(offer, "server", SERVE.format(text="inside", at="127.0.0.1:8080")),
             scheduler.task(offer, "client", wget)]
    with scheduler._lock:
        scheduler.offers.pop(offer["id"]["value"], None)
    scheduler.call("ACCEPT", {"offer_ids": [offer["id"]], "filters": {"refuse_seconds": 0.0}, "operations": [
        {"type": "LAUNCH_GROUP", "launch_group": {"executor": executor, "task_group": {"tasks": tasks}}}]})
    updates = [scheduler.wait_state(task, "TASK_RUNNING") for task in ("server", "client")]
    assert addresses(updates[0]) == addresses(updates[1]) and addresses(updates[0])[0].startswith(SUBNET)
    logs = "pod/runs/*/containers/*/stdout"
    wait_for(lambda: any("inside" in path.read_text() for path in cluster.agents[0].work_dir.rglob(logs)),
             "the page that one of the pod got of the other")
    end(scheduler, "server", "client")


def test_twenty_up_and_down_leave_nothing(cluster, scheduler, networks):
    wait_for(lambda: networks.left() == NOTHING, "the end of what other tests ran")
    for i in range(20):
        scheduler.run(f"t{i}", "true", container=container("front"))
    for i in range(20):
        scheduler.wait_state(f"t{i}", "TASK_FINISHED")
    assert networks.left() == NOTHING


def test_an_agent_that_was_killed_knows_what_is_attached(cluster, scheduler, networks):
    wait_for(lambda: networks.left() == NOTHING, "the end of what other tests ran")
    agent = cluster.agents[0]
    update = launch(scheduler, "survivor", SERVE.format(text="still", at=8080), container("front"))
    [address] = addresses(update)
    # One that is being attached while its agent dies.
    offer = scheduler.wait_offer(cpus=0.1)
    scheduler.accept(offer, [scheduler.task(offer, "caught", "sleep 1000", container=container("front"))])
    wait_for(lambda: len(namespaces(networks.run)) == 2, "the namespace of the second one")
    agent.kill9()
    assert answers(address, 8080, "still")
    agent.start()
    wait_for(lambda: set(scheduler.states("caught")) - {"TASK_STAGING", "TASK_STARTING"}, "news of the second one", 60)

    def registered():
        with contextlib.suppress(OSError, ValueError, KeyError):
            return json.loads(request(agent.port, "GET", "/metrics/snapshot")[2])["slave/registered"] == 1
        return False
    wait_for(registered, "registration of the restarted agent")
    assert answers(address, 8080, "still")
    [box] = [c for c in json.loads(request(agent.port, "GET", "/containers")[2]) if c["executor_id"] == "survivor"]
    assert box["status"]["network_infos"][0]["ip_addresses"][0]["ip_address"] == address
    end(scheduler, "survivor")
    if scheduler.states("caught")[-1] == "TASK_RUNNING":
        end(scheduler, "caught")
    wait_for(lambda: networks.left() == NOTHING, "everything to be taken back")


def test_tepui_run_publishes_a_port(cluster):
    box = subprocess.Popen([TEPUI, "run", "--network", "front", "--publish", "31530:8080",
                            "--", "sh", "-c", "echo cli > page; exec busybox httpd -f -p 8080 -h ."],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                           env={**os.environ, "TEPUI_MASTER": cluster.address, "NO_COLOR": "1"})
    try:
        wait_for(lambda: answers("127.0.0.1", 31530, "cli"), "the page at the published port")
    finally:
        box.terminate()
        box.wait(30)


def test_a_local_cluster_has_a_bridge(tmp_path):
    """Without any configuration: what `tepui up` started takes --network bridge, and `tepui down` takes all of it back."""
    foreign = set(rules())
    port = free_ports(3)
    up = run(TEPUI, "up", "--detach", "--agents=2", f"--port={port}", f"--work-dir={tmp_path}")
    assert up.returncode == 0, up.stdout + up.stderr
    # The second agent's share of the ports: it has to be found for the task.
    box = subprocess.Popen([TEPUI, "run", "--network", "bridge", "--publish", "31900:8080",
                            "--", "sh", "-c", "echo local > page; exec busybox httpd -f -p 8080 -h ."],
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                           env={**os.environ, "TEPUI_MASTER": f"127.0.0.1:{port}", "NO_COLOR": "1"})
    try:
        wait_for(lambda: answers("127.0.0.1", 31900, "local"), "the page at the published port")
        agents = [json.loads(request(port + i, "GET", "/state")[2])["flags"]["runtime_dir"] for i in (1, 2)]
        assert sum(len(namespaces(agent)) for agent in agents) == 1
    finally:
        down = run(TEPUI, "down", f"--work-dir={tmp_path}")
        box.kill()
        box.communicate()
        assert down.returncode == 0, down.stderr
        assert not set(rules()) - foreign
    assert not any(namespaces(agent) for agent in agents)
