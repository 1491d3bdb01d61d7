#include "master/metrics.h"

#include <stdlib.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "master/snapshot/operation_views.h"
#include "wire/json_writer.h"

namespace tepui::master {
namespace {

using Metrics = std::map<std::string, double>;

double ratio(double part, double whole) { return whole > 0 ? part / whole : 0; }

void add_agents(Metrics& metrics, const Snapshot& snapshot) {
    double connected = 0;
    double active = 0;
    snapshot.agents.for_each([&](const AgentId&, const auto& agent) {
        connected += agent->connected ? 1 : 0;
        active += agent->active ? 1 : 0;
    });
    const auto all = static_cast<double>(snapshot.agents.size());
    metrics["master/slaves_connected"] = connected;
    metrics["master/slaves_disconnected"] = all - connected;
    metrics["master/slaves_active"] = active;
    metrics["master/slaves_inactive"] = all - active;
    metrics["master/slaves_unreachable"] = static_cast<double>(snapshot.unreachable_agents.size());
}

void add_frameworks(Metrics& metrics, const Snapshot& snapshot) {
    double connected = 0;
    double active = 0;
    snapshot.frameworks.for_each([&](const FrameworkId&, const auto& framework) {
        connected += framework->connected ? 1 : 0;
        active += framework->active ? 1 : 0;
    });
    const auto all = static_cast<double>(snapshot.frameworks.size());
    metrics["master/frameworks_connected"] = connected;
    metrics["master/frameworks_disconnected"] = all - connected;
    metrics["master/frameworks_active"] = active;
    metrics["master/frameworks_inactive"] = all - active;
    metrics["master/outstanding_offers"] = static_cast<double>(snapshot.offers.size());
}

using TasksByFramework = std::map<FrameworkId, CountByNumber>;

/// Tasks that are not ended, by framework and TaskState number.
TasksByFramework count_tasks(const Snapshot& snapshot) {
    TasksByFramework counted;
    snapshot.tasks.for_each(
        [&](const TaskKey& key, const auto& task) { counted[key.first].add(task->info.state()); });
    snapshot.unreachable_tasks.for_each([&](const TaskKey& key, const auto&) {
        counted[key.first].add(mesos::v1::TASK_UNREACHABLE);
    });
    return counted;
}

void add_tasks(Metrics& metrics, const TasksByFramework& counted) {
    const auto add = [&](const char* name, mesos::v1::TaskState state) {
        std::uint64_t sum = 0;
        for (const auto& [framework, tasks] : counted) sum += tasks.of(state);
        metrics[name] = static_cast<double>(sum);
    };
    add("master/tasks_staging", mesos::v1::TASK_STAGING);
    add("master/tasks_starting", mesos::v1::TASK_STARTING);
    add("master/tasks_running", mesos::v1::TASK_RUNNING);
    add("master/tasks_killing", mesos::v1::TASK_KILLING);
    add("master/tasks_unreachable", mesos::v1::TASK_UNREACHABLE);
}

void add_resources(Metrics& metrics, const Totals& totals) {
    const auto add = [&](const std::string& name, const std::string& kind, const Resources& total,
                         const Resources& used) {
        const double whole = total.scalar(name).to_double();
        const double part = used.scalar(name).to_double();
        metrics["master/" + name + kind + "_total"] = whole;
        metrics["master/" + name + kind + "_used"] = part;
        metrics["master/" + name + kind + "_percent"] = ratio(part, whole);
    };
    const Resources total = totals.total.nonrevocable();
    const Resources used = totals.used.nonrevocable();
    const Resources revocable_total = totals.total.revocable();
    const Resources revocable_used = totals.used.revocable();
    for (const char* name : {"cpus", "gpus", "mem", "disk"}) {
        add(name, "", total, used);
        add(name, "_revocable", revocable_total, revocable_used);
    }
}

/// `excluded`: resource names that are in nobody's share, here as in the allocator.
void add_allocator(Metrics& metrics, const Totals& totals, const std::set<std::string>& excluded) {
    const Quantities total = totals.total.scalars();
    Quantities taken;
    for (const auto& [id, share] : totals.frameworks) {
        for (const auto& [name, quantity] : (share.used + share.offered).scalars())
            taken[name] += quantity;
    }
    for (const char* name : {"cpus", "mem", "disk"}) {
        const auto amount = [name](const Quantities& quantities) {
            const auto it = quantities.find(name);
            return it == quantities.end() ? 0.0 : it->second.to_double();
        };
        const std::string prefix = std::string("allocator/mesos/resources/") + name;
        metrics[prefix + "/total"] = amount(total);
        metrics[prefix + "/offered_or_allocated"] = amount(taken);
    }
    for (const auto& [role, share] : totals.roles) {
        double dominant = 0;
        for (const auto& [name, whole] : total) {
            if (excluded.contains(name)) continue;
            double part = 0;
            if (const auto it = share.allocated.find(name); it != share.allocated.end())
                part += it->second.to_double();
            if (const auto it = share.offered.find(name); it != share.offered.end())
                part += it->second.to_double();
            dominant = std::max(dominant, ratio(part, whole.to_double()));
        }
        metrics["allocator/mesos/roles/" + role + "/shares/dominant"] = dominant;
    }
}

/// What top-level roles consume, and of each amount that a quota names what is set and held; also
/// of roles that hold nothing.
void add_quotas(Metrics& metrics, const Snapshot& snapshot) {
    static const Quantities nothing;
    const auto& roles = snapshot.totals().roles;
    const Quantities scalars = snapshot.totals().total.scalars();
    for (const auto& [role, share] : roles) {
        if (role.find('/') != std::string::npos) continue;
        for (const auto& [name, amount] : share.consumed) {
            if (!scalars.contains(name)) continue;  // Ranges do not count.
            metrics["allocator/mesos/quota/roles/" + role + "/resources/" + name + "/consumed"] =
                amount.to_double();
        }
    }
    for (const auto& [role, quota] : *snapshot.quotas) {
        const std::string prefix = "allocator/mesos/quota/roles/" + role + "/resources/";
        const auto share = roles.find(role);
        const Quantities& held = share == roles.end() ? nothing : share->second.held;
        const auto add = [&](const Quantities& amounts, const char* kind) {
            for (const auto& [name, amount] : amounts) {
                metrics[prefix + name + kind] = amount.to_double();
                const auto part = held.find(name);
                metrics[prefix + name + "/offered_or_allocated"] =
                    part == held.end() ? 0.0 : part->second.to_double();
            }
        };
        add(quota.guarantees, "/guarantee");
        add(quota.limits, "/limit");
    }
}

void add_allocation_runs(Metrics& metrics, const LoopStats& loop) {
    metrics["allocator/mesos/allocation_runs"] = static_cast<double>(loop.allocation_runs);
    metrics["allocator/mesos/event_queue_dispatches"] = 0;  // The core calls it directly.
    metrics["allocator/event_queue_dispatches"] = 0;
    loop.allocation_ms.report("allocator/mesos/allocation_run_ms", metrics);
    loop.allocation_latency_ms.report("allocator/mesos/allocation_run_latency_ms", metrics);
}

void add_system(Metrics& metrics) {
    metrics["system/cpus_total"] = static_cast<double>(::sysconf(_SC_NPROCESSORS_ONLN));
    double loads[3];
    if (::getloadavg(loads, 3) == 3) {
        metrics["system/load_1min"] = loads[0];
        metrics["system/load_5min"] = loads[1];
        metrics["system/load_15min"] = loads[2];
    }
    struct sysinfo info{};
    if (::sysinfo(&info) == 0) {
        metrics["system/mem_total_bytes"] = static_cast<double>(info.totalram) * info.mem_unit;
        metrics["system/mem_free_bytes"] = static_cast<double>(info.freeram) * info.mem_unit;
    }
}

}  // namespace

void add_stream_metrics(Metrics& metrics, const OperatorStreams::Stats& stats) {
    const std::string prefix = "master/operator_event_stream";
    metrics[prefix + "_subscribers"] = static_cast<double>(stats.open);
    metrics[prefix + "_messages"] = static_cast<double>(stats.published);
    metrics[prefix + "s_cut_off_slow"] = static_cast<double>(stats.cut_off_slow);
    metrics[prefix + "s_cut_off_surplus"] = static_cast<double>(stats.closed_surplus);
}

Metrics collect_metrics(const MetricsInput& input) {
    Metrics metrics;
    for (const auto& [name, count] : input.core.counters)
        metrics["master/" + name] = static_cast<double>(count);
    const Snapshot& snapshot = *input.snapshot;
    metrics["master/uptime_secs"] =
        seconds(input.now.since_epoch - snapshot.facts->started_at.since_epoch);
    metrics["master/elected"] = 1;
    metrics["master/event_queue_messages"] = static_cast<double>(input.loop.queued);
    metrics["master/event_queue_dispatches"] = 0;  // One queue holds all there is.
    metrics["master/event_queue_http_requests"] = 0;
    metrics["registrar/queued_operations"] = static_cast<double>(input.loop.commits_waiting);
    input.loop.store_ms.report("registrar/state_store_ms", metrics);
    add_agents(metrics, snapshot);
    add_frameworks(metrics, snapshot);
    TasksByFramework tasks = count_tasks(snapshot);
    add_tasks(metrics, tasks);
    for (const FrameworkNumbers& framework : input.core.frameworks)
        add_framework_metrics(metrics, framework, tasks[framework.id], input.now);
    add_offer_metrics(metrics, input.core, input.now);
    add_resources(metrics, snapshot.totals());
    add_allocator(metrics, snapshot.totals(), input.core.fair_sharing_excluded);
    add_quotas(metrics, snapshot);
    add_allocation_runs(metrics, input.loop);
    add_operation_metrics(metrics, snapshot);
    add_system(metrics);
    return metrics;
}

}  // namespace tepui::master
