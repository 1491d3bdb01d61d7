"""1, 5 and 20 clients read the whole state of 10,000 simulated agents with 100,000 running tasks, over TCP, as fast as they can;
meanwhile /health is asked. The registry is on disk."""
import contextlib
import json
import multiprocessing
import socket
import threading
import time

from harness.cluster import Cluster

from _load import held_load, scaled, simulated_agents
from _report import Report, at_least, at_most

AGENTS = 10_000
SLOTS = 10
TASK_CPUS, TASK_MEM = 0.1, 32
SECONDS = 8
CALL = json.dumps({"type": "GET_STATE"}).encode()


def exchange(host, method, path, accept=None, body=b""):
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
    if accept:
        lines += [f"Accept: {accept}", "Content-Type: application/json"]
    lines += [f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


class Reader:
    """A connection that is kept; read() takes one whole answer and gives its length."""

    def __init__(self, port, request):
        self.request = request
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        self.buffer = memoryview(bytearray(1 << 20))

    def read(self):
        self.socket.sendall(self.request)
        head = b""
        while b"\r\n\r\n" not in head:
            part = self.socket.recv(65536)
            if not part:
                raise RuntimeError("the master closed a reader's connection")
            head += part
        head, _, begun = head.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode(errors="replace"))
        size = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        left = size - len(begun)
        while left:
            count = self.socket.recv_into(self.buffer, min(left, len(self.buffer)))
            if not count:
                raise RuntimeError("the master closed a reader's connection")
            left -= count
        return size


def percentile(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def repeat(reader, end, found):
    while time.monotonic() < end:
        begin = time.perf_counter()
        size = reader.read()
        found.append((time.perf_counter() - begin, size))


def ask_health(port, end, found, interval=0.01):
    """One request each `interval`; late ones are not made up for. In a process of its own: the readers' threads would hold it up."""
    reader, latencies = Reader(port, exchange("h", "GET", "/health")), []
    while time.monotonic() < end:
        begin = time.perf_counter()
        reader.read()
        latencies.append(time.perf_counter() - begin)
        time.sleep(interval)
    found.send(latencies)


def measure(port, request, readers, seconds=SECONDS):
    """(bytes a second, latencies of reads, latencies of /health)."""
    end = time.monotonic() + seconds
    reads = [[] for _ in range(readers)]
    health, health_end = multiprocessing.Pipe(duplex=False)
    asker = multiprocessing.Process(target=ask_health, args=(port, end, health_end))
    asker.start()
    threads = [threading.Thread(target=repeat, args=(Reader(port, request), end, found)) for found in reads]
    begin = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - begin
    latencies = health.recv()
    asker.join()
    flat = [entry for found in reads for entry in found]
    return sum(size for _, size in flat) / took, [latency for latency, _ in flat], latencies


def main():
    report = Report("state")
    agents = scaled(AGENTS, 10)
    tasks = agents * SLOTS
    with contextlib.ExitStack() as stack:
        cluster = stack.enter_context(Cluster(agents=0))
        stack.enter_context(simulated_agents(cluster.address, agents=agents, connections=8, cpus=TASK_CPUS * SLOTS,
                                             mem=TASK_MEM * SLOTS, stay=True))
        stack.enter_context(held_load("tasks", master=cluster.address, tasks=tasks, connections=4, deadline=300,
                                      master_pid=cluster.master.pid, task_cpus=TASK_CPUS, task_mem=TASK_MEM))
        _, _, idle = measure(cluster.port, None, 0, seconds=3)
        idle_us = percentile(idle, 0.99) * 1e6
        kinds = {"/state": exchange("h", "GET", "/state"),
                 "GET_STATE JSON": exchange("h", "POST", "/api/v1", "application/json", CALL),
                 "GET_STATE protobuf": exchange("h", "POST", "/api/v1", "application/x-protobuf", CALL)}
        for kind, request in kinds.items():
            begin = time.perf_counter()
            size = Reader(cluster.port, request).read()
            first_us = (time.perf_counter() - begin) * 1e6
            for readers in (1, 5, 20):
                rate, latencies, health = measure(cluster.port, request, readers)
                params = {"agents": agents, "tasks": tasks, "readers": readers, "bytes": size}
                report.add(kind, params, rate / 1e6, "MB/s", p50=percentile(latencies, 0.5) * 1e6,
                           p99=percentile(latencies, 0.99) * 1e6, bar=at_least(1000))
                health_us = percentile(health, 0.99) * 1e6
                report.add(f"/health beside {kind}", params, health_us, "us p99", p50=percentile(health, 0.5) * 1e6,
                           p99=health_us, floor=idle_us, ratio=health_us / idle_us, bar=at_most(2), bar_of="ratio")
            report.add(f"{kind}, rendered for the first time", {"agents": agents, "tasks": tasks, "bytes": size}, first_us, "us")
    report.write()


main()
