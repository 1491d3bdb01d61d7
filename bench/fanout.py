"""1, 100 and 1,000 readers of the operator event stream, 2,000 events a second for 10 s; one in twenty never reads."""
from harness.cluster import Cluster

from _load import load, scaled
from _report import Report, at_least, at_most

RATE = 2_000
SECONDS = 10
STALLED_PERCENT = 5


def measure(readers, stalled_percent):
    with Cluster(agents=0) as cluster:
        found = load("fanout", master=cluster.address, master_pid=cluster.master.pid, readers=readers, rate=RATE,
                     seconds=scaled(SECONDS), stalled_percent=stalled_percent, deadline=300)
        found["cut_off"] = cluster.metric("master/operator_event_streams_cut_off_slow")
    return found


def run(report, readers):
    alone = measure(readers, 0)
    found = measure(readers, STALLED_PERCENT) if readers > 1 else alone
    live = readers - found["stalled"]
    params = {"readers": readers, "stalled": int(found["stalled"]), "cut_off": int(found["cut_off"]),
              "events_per_second": RATE}
    # The floor: what as many readers get when all read.
    floor = alone["delivered_per_second"] * live / readers
    rate = found["delivered_per_second"]
    report.add("delivered", params, rate, "events/s", p50=found["lag_us_p50"], p99=found["lag_us_p99"], floor=floor,
               ratio=rate / floor, bar=at_least(0.9), bar_of="ratio")
    report.add("master memory", params, found["master_growth_mb"], "MB more than without readers", bar=at_most(1000))


def main():
    report = Report("fanout")
    for readers in (1, 100, 1_000):
        run(report, readers)
    report.write()


main()
