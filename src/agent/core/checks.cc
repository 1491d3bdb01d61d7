#include "agent/core/checks.h"

#include <algorithm>
#include <limits>

#include "agent/core/ending.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;
using Status = v1::TaskStatus;

// A check that changes with every look must not fill the checkpoint store while the framework is
// away: above this, only what is then current is told once there is room.
constexpr std::size_t updates_pending_max = 64;

// Between the end of a look and the next one; an interval of 0 is "as often as is sensible".
constexpr Duration interval_min = std::chrono::milliseconds{10};

constexpr std::int32_t http_good_first = 200;
constexpr std::int32_t http_good_last = 399;

// Looks that are due at about the same time are made together, as the wake-ups for a look cost more
// than the look: an interval is off by at most half of such a part of it, and of such a time.
constexpr int gather_parts = 32;
constexpr Duration gather_max = std::chrono::milliseconds{100};

/// Delay, interval and timeout of one of the two.
struct Pace {
    Duration delay;
    Duration interval;
    Duration timeout;
};

// Message: HealthCheck or CheckInfo, whose fields of this kind are alike; so are their defaults
// (15 s, 10 s, 20 s).
template <typename Message>
Pace pace_of(const Message& check) {
    const auto span = [](double value) {
        return std::max(Duration::zero(), duration_from_seconds(value));
    };
    return {span(check.delay_seconds()), std::max(interval_min, span(check.interval_seconds())),
            span(check.timeout_seconds())};
}

Pace pace_of(const TaskRun& task, TimerKind kind) {
    return kind == TimerKind::health ? pace_of(task.info.health_check())
                                     : pace_of(task.info.check());
}

/// Health checks without a type are older than types: what is set decides.
v1::HealthCheck::Type type_of(const v1::HealthCheck& check) {
    if (check.has_type()) return check.type();
    if (check.has_command()) return v1::HealthCheck::COMMAND;
    if (check.has_http()) return v1::HealthCheck::HTTP;
    return check.has_tcp() ? v1::HealthCheck::TCP : v1::HealthCheck::UNKNOWN;
}

template <typename Message>
HttpProbe http_probe(const Message& http) {
    HttpProbe probe;
    probe.port = static_cast<std::uint16_t>(http.port());
    if (!http.path().empty()) probe.path = http.path();
    return probe;
}

ProbeTarget target_of(const v1::HealthCheck& check) {
    switch (type_of(check)) {
        case v1::HealthCheck::COMMAND: return CommandProbe{check.command()};
        case v1::HealthCheck::HTTP: {
            HttpProbe probe = http_probe(check.http());
            if (!check.http().scheme().empty()) probe.scheme = check.http().scheme();
            probe.ipv6 = check.http().protocol() == v1::NetworkInfo::IPv6;
            return probe;
        }
        default:
            return TcpProbe{static_cast<std::uint16_t>(check.tcp().port()),
                            check.tcp().protocol() == v1::NetworkInfo::IPv6};
    }
}

ProbeTarget target_of(const v1::CheckInfo& check) {
    switch (check.type()) {
        case v1::CheckInfo::COMMAND: return CommandProbe{check.command().command()};
        case v1::CheckInfo::HTTP: return http_probe(check.http());
        default: return TcpProbe{static_cast<std::uint16_t>(check.tcp().port()), false};
    }
}

/// A container with a network of its own is looked at there: at its loopback address, else at its
/// first address of that kind.
ProbeTarget at_address_of(const TaskRun& task, ProbeTarget target) {
    const auto address = [&](bool ipv6) -> std::string {
        const auto wanted = ipv6 ? v1::NetworkInfo::IPv6 : v1::NetworkInfo::IPv4;
        for (const v1::NetworkInfo& network : task.container_status.network_infos()) {
            for (const v1::NetworkInfo::IPAddress& ip : network.ip_addresses()) {
                if (ip.protocol() == wanted) return ip.ip_address();
            }
        }
        return {};
    };
    if (auto* http = std::get_if<HttpProbe>(&target)) http->address = address(http->ipv6);
    if (auto* tcp = std::get_if<TcpProbe>(&target)) tcp->address = address(tcp->ipv6);
    return target;
}

v1::CheckStatusInfo empty_result(const v1::CheckInfo& check) {
    v1::CheckStatusInfo result;
    result.set_type(check.type());
    switch (check.type()) {
        case v1::CheckInfo::COMMAND: result.mutable_command(); break;
        case v1::CheckInfo::HTTP: result.mutable_http(); break;
        case v1::CheckInfo::TCP: result.mutable_tcp(); break;
        default: break;
    }
    return result;
}

v1::CheckStatusInfo result_of(const v1::CheckInfo& check, const ProbeResult& probe) {
    v1::CheckStatusInfo result = empty_result(check);
    if (probe.outcome != ProbeResult::Outcome::answered) return result;
    switch (check.type()) {
        case v1::CheckInfo::COMMAND: result.mutable_command()->set_exit_code(probe.value); break;
        case v1::CheckInfo::HTTP:
            result.mutable_http()->set_status_code(static_cast<std::uint32_t>(probe.value));
            break;
        case v1::CheckInfo::TCP: result.mutable_tcp()->set_succeeded(probe.value != 0); break;
        default: break;
    }
    return result;
}

bool same(const v1::CheckStatusInfo& a, const v1::CheckStatusInfo& b) {
    return a.SerializeAsString() == b.SerializeAsString();
}

bool is_good(const v1::HealthCheck& check, const ProbeResult& probe) {
    if (probe.outcome != ProbeResult::Outcome::answered) return false;
    switch (type_of(check)) {
        case v1::HealthCheck::COMMAND: return probe.value == 0;
        case v1::HealthCheck::HTTP:
            return probe.value >= http_good_first && probe.value <= http_good_last;
        default: return probe.value != 0;
    }
}

/// Since its process started, by the wall clock, which alone goes on over a restart; a jump back
/// must not give time.
Duration age(const Context& context, const TaskRun& task) {
    return std::max(Duration::zero(), context.now.wall.since_epoch - task.started.since_epoch);
}

void set_timer(Context& context, const TaskRun& task, TimerKind kind, Duration wait) {
    context.state.timers.set({kind, task.container.value}, context.now.instant + wait);
}

/// The next look, an interval from now or a little off, at an instant that is that of others too.
void set_next(Context& context, const TaskRun& task, TimerKind kind) {
    const Duration interval = pace_of(task, kind).interval;
    const Duration grain = std::min(interval / gather_parts, gather_max);
    const Instant due = context.now.instant + interval;
    const Duration over = due.since_start % grain;
    const Duration shift = over < grain / 2 ? -over : grain - over;
    context.state.timers.set({kind, task.container.value}, due + shift);
}

std::optional<ProbeId>& probe_of(CheckState& checks, TimerKind kind) {
    return kind == TimerKind::health ? checks.health_probe : checks.check_probe;
}

bool may_be_looked_at(const TaskRun& task) { return task.phase == Phase::running && !task.ending; }

bool has_room(const State& state, const TaskRun& task) {
    const auto it = state.streams.find({task.framework, TaskId{task.info.task_id().value()}});
    return it == state.streams.end() || it->second.queue.size() < updates_pending_max;
}

/// TASK_RUNNING again, with what both checks have told so far.
void report_result(Context& context, TaskRun& task, Status::Reason reason) {
    report(context, task,
           {{.state = v1::TASK_RUNNING,
             .source = Status::SOURCE_EXECUTOR,
             .reason = reason,
             .healthy = task.checks.healthy,
             .check_status = task.checks.result}});
}

void on_healthy(Context& context, TaskRun& task) {
    task.checks.failures = 0;
    if (task.checks.healthy == true || !has_room(context.state, task)) return;
    task.checks.healthy = true;
    report_result(context, task, Status::REASON_TASK_HEALTH_CHECK_STATUS_UPDATED);
}

void on_unhealthy(Context& context, TaskRun& task, const std::string& why) {
    const v1::HealthCheck& check = task.info.health_check();
    const Duration grace = duration_from_seconds(check.grace_period_seconds());
    // Until something counted the task may still be starting up.
    if (!task.checks.healthy && age(context, task) < grace) return;
    if (task.checks.failures < std::numeric_limits<std::uint32_t>::max()) ++task.checks.failures;
    const bool enough = task.checks.failures >= check.consecutive_failures();
    if (!enough && !has_room(context.state, task)) return;
    task.checks.healthy = false;
    report_result(context, task, Status::REASON_TASK_HEALTH_CHECK_STATUS_UPDATED);
    if (!enough) return;
    context.log(Severity::warning,
                "killing task {} of framework {}: its health check failed {} times in a row{}{}",
                task.info.task_id().value(), task.framework, task.checks.failures,
                why.empty() ? "" : ", at last: ", why);
    end_task(context, {task.framework, TaskId{task.info.task_id().value()}}, EndCause::unhealthy,
             default_grace(context.state, task));
}

void on_checked(Context& context, TaskRun& task, const ProbeResult& probe) {
    v1::CheckStatusInfo result = result_of(task.info.check(), probe);
    const v1::CheckStatusInfo& told =
        task.checks.result ? *task.checks.result : empty_result(task.info.check());
    if (same(result, told) || !has_room(context.state, task)) return;
    task.checks.result = std::move(result);
    report_result(context, task, Status::REASON_TASK_CHECK_STATUS_UPDATED);
}

/// What an earlier life of the agent told.
void restore(TaskRun& task) {
    for (const Status& status : task.statuses) {
        if (status.state() != v1::TASK_RUNNING) continue;
        if (status.has_healthy()) task.checks.healthy = status.healthy();
        if (status.has_check_status()) task.checks.result = status.check_status();
    }
    if (task.checks.healthy == false) task.checks.failures = 1;  // At least.
}

void start_one(Context& context, const TaskRun& task, TimerKind kind) {
    const Pace pace = pace_of(task, kind);
    const Duration ran = age(context, task);
    // Past its delay it was looked at before, by an agent that is gone.
    set_timer(context, task, kind, ran <= pace.delay ? pace.delay - ran : pace.interval);
}

}  // namespace

void start_checks(Context& context, TaskRun& task) {
    if (!may_be_looked_at(task)) return;
    restore(task);
    if (task.info.has_health_check()) start_one(context, task, TimerKind::health);
    if (task.info.has_check()) start_one(context, task, TimerKind::check);
}

void stop_checks(Context& context, TaskRun& task) {
    for (const TimerKind kind : {TimerKind::health, TimerKind::check}) {
        context.state.timers.clear({kind, task.container.value});
    }
    if (!task.checks.health_probe && !task.checks.check_probe) return;
    task.checks.health_probe.reset();
    task.checks.check_probe.reset();
    context.effects.push_back(StopProbes{task.container});
}

void on_check_due(Context& context, TimerKind kind, const ContainerId& container) {
    TaskRun* task = find_task(context.state, container);
    if (task == nullptr || !may_be_looked_at(*task) || probe_of(task->checks, kind)) return;
    const ProbeId probe{context.state.next_probe++};
    probe_of(task->checks, kind) = probe;
    ProbeTarget target = kind == TimerKind::health ? target_of(task->info.health_check())
                                                   : target_of(task->info.check());
    const bool own_network = !task->container_status.network_infos().empty();
    context.effects.push_back(StartProbe{probe, container, at_address_of(*task, std::move(target)),
                                         pace_of(*task, kind).timeout,
                                         own_network ? task->pid : 0});
}

void on_probe_ended(Context& context, const ProbeEnded& ended) {
    TaskRun* task = find_task(context.state, ended.container);
    if (task == nullptr || !may_be_looked_at(*task)) return;
    for (const TimerKind kind : {TimerKind::health, TimerKind::check}) {
        std::optional<ProbeId>& out = probe_of(task->checks, kind);
        if (out != ended.probe) continue;
        out.reset();
        set_next(context, *task, kind);
        if (kind == TimerKind::check) {
            on_checked(context, *task, ended.result);
        } else if (is_good(task->info.health_check(), ended.result)) {
            on_healthy(context, *task);
        } else {
            on_unhealthy(context, *task, ended.result.why);
        }
        return;
    }
}

void add_check_result(const TaskRun& task, const UpdateSpec& spec, v1::TaskStatus& status) {
    if (spec.healthy) status.set_healthy(*spec.healthy);
    if (!task.info.has_check()) return;
    *status.mutable_check_status() =
        spec.check_status ? *spec.check_status : empty_result(task.info.check());
}

}  // namespace tepui::agent
