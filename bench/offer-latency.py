"""Tasks that fill simulated agents end at a steady rate while 50 frameworks share the cluster: from a task's last update to the
offer of what it had, at a scheduler. The registry is on disk."""
from harness.cluster import Cluster

from _load import load, scaled
from _report import Report, at_most

FRAMEWORKS = 50
ENDS_PER_SECOND = 500
SAMPLES = 10_000
# What Mesos' frameworks wait for at most: its allocation interval.
MESOS_US = 1_000_000


def main():
    report = Report("offer-latency")
    for agents in (1_000, 10_000):
        count = scaled(agents, 10)
        with Cluster(agents=0) as cluster:
            found = load("offers", master=cluster.address, tasks=scaled(SAMPLES, 100), frameworks=FRAMEWORKS, rate=ENDS_PER_SECOND,
                         agents=count, connections=8, deadline=300)
        report.add("end to offer", {"agents": count, "frameworks": FRAMEWORKS, "ends_per_second": round(found["ends_per_second"])},
                   found["offer_us_p99"] / 1000, "ms p99", p50=found["offer_us_p50"], p99=found["offer_us_p99"], floor=MESOS_US / 1000,
                   ratio=found["offer_us_p99"] / MESOS_US, bar=at_most(5))
    report.write()


main()
