#include "cli/run/core.h"

#include <algorithm>

#include <fmt/core.h>

#include "base/overloaded.h"
#include "cli/run/exit_status.h"

namespace tepui::cli {

namespace {

using mesos::v1::FrameworkInfo;
using mesos::v1::scheduler::Call;
using mesos::v1::scheduler::Event;

constexpr Duration backoff_first = 500ms;
constexpr Duration backoff_max = 15s;  // The protocol notes' advice for schedulers.
constexpr unsigned missed_heartbeats_max = 5;
constexpr unsigned refusals_max = 5;  // Of calls, in one run.
constexpr Duration heartbeat_usual = 15s;
constexpr Duration kill_retry = 10s;  // KILL is not acknowledged.
/// How long one who was interrupted looks for a master that is gone: others need less to lead. What
/// is not killed by then ends with the framework's failover timeout.
constexpr Duration kill_patience = 15s;
constexpr Duration explain_after = 3s;
constexpr Duration explain_again = 5s;
/// How long the master keeps the tasks of a run whose process is gone, in seconds.
constexpr double failover_seconds = 60;

}  // namespace

RunCore::RunCore(RunSpec spec, Instant now)
    : spec_(std::move(spec)),
      instances_(spec_.instances),
      backoff_(backoff_first),
      silence_max_(heartbeat_usual * missed_heartbeats_max),
      started_(now),
      last_heard_(now),
      explain_at_(now + explain_after) {
    if (spec_.timeout) deadline_ = now + *spec_.timeout;
}

RunEffects RunCore::start(Instant now) {
    last_heard_ = now;
    return {Connect{subscribe_call()}};
}

RunEffects RunCore::step(const RunEvent& event, Instant now) {
    effects_.clear();
    if (finished_) return {};
    std::visit(Overloaded{
                   [&](const EventCame& came) { on_event(came.event, now); },
                   [&](const StreamLost& lost) { on_stream_lost(lost.error, now); },
                   [&](const CallRefused& refused) { on_refused(refused, now); },
                   [&](const Interrupted&) { on_interrupted(now); },
                   [&](const TimePassed&) { on_time(now); },
               },
               event);
    if (!finished_) finish_if_done();
    return std::move(effects_);
}

Instant RunCore::next_deadline() const {
    if (finished_) return Instant::max();
    Instant next = std::min({connect_at_, kill_at_, deadline_, give_up_at_});
    if (connected_) next = std::min(next, last_heard_ + silence_max_);
    if (count(Phase::pending) > 0 && !killing_code_) next = std::min(next, explain_at_);
    return next;
}

void RunCore::on_event(const Event& event, Instant now) {
    last_heard_ = now;
    switch (event.type()) {
        case Event::SUBSCRIBED: on_subscribed(event.subscribed(), now); break;
        case Event::OFFERS: on_offers(event.offers(), now); break;
        case Event::UPDATE: on_update(event.update().status(), now); break;
        case Event::ERROR:
            finished_ = true;
            effects_.push_back(
                GiveUp{Error{Errc::cancelled, event.error().message()}, std::nullopt});
            break;
        case Event::RESCIND:  // An ACCEPT that crosses it is answered TASK_DROPPED or TASK_LOST.
        case Event::HEARTBEAT:
        case Event::UNKNOWN:
        case Event::MESSAGE:
        case Event::FAILURE:
        case Event::INVERSE_OFFERS:
        case Event::RESCIND_INVERSE_OFFER:
        case Event::UPDATE_OPERATION_STATUS: break;
    }
}

void RunCore::on_subscribed(const Event::Subscribed& subscribed, Instant now) {
    const bool again = framework_.has_value();
    framework_ = FrameworkId{subscribed.framework_id().value()};
    connected_ = true;
    connect_at_ = Instant::max();
    give_up_at_ = Instant::max();
    backoff_ = backoff_first;
    const Duration interval = duration_from_seconds(subscribed.heartbeat_interval_seconds());
    silence_max_ =
        (interval > Duration::zero() ? interval : heartbeat_usual) * missed_heartbeats_max;
    // A subscription begins unsuppressed, whatever the one before asked for.
    suppressed_ = false;
    if (!again) return;
    Call reconcile = call(Call::RECONCILE);
    for (const Instance& instance : instances_) {
        if (instance.phase != Phase::launched && instance.phase != Phase::running) continue;
        auto* task = reconcile.mutable_reconcile()->add_tasks();
        task->mutable_task_id()->set_value(instance.task.value);
        task->mutable_agent_id()->set_value(instance.agent.value);
    }
    if (reconcile.reconcile().tasks_size() > 0) effects_.push_back(SendCall{std::move(reconcile)});
    if (killing_code_) send_kills(now);
    effects_.push_back(Note{"connected to the master again"});
}

void RunCore::on_stream_lost(const Error& error, Instant now) {
    const bool hopeless = error.code == Errc::invalid_argument || error.code == Errc::denied ||
                          error.code == Errc::unauthenticated;
    const bool never_there = !framework_ && error.code != Errc::unavailable;
    if (hopeless || never_there) {
        finished_ = true;
        effects_.push_back(GiveUp{error, framework_});
        return;
    }
    if (connected_ || backoff_ == backoff_first) {
        effects_.push_back(Note{fmt::format("{}; trying again", error.text)});
    }
    connected_ = false;
    if (killing_code_ && give_up_at_ == Instant::max()) give_up_at_ = now + kill_patience;
    connect_at_ = now + backoff_;
    backoff_ = std::min(backoff_ * 2, backoff_max);
}

void RunCore::on_refused(const CallRefused& refused, Instant now) {
    const Error error{Errc::unavailable, fmt::format("the master refused {}: {}",
                                                     Call::Type_Name(refused.type), refused.text)};
    if (++refusals_ == refusals_max) {
        finished_ = true;
        effects_.push_back(GiveUp{Error{Errc::conflict, error.text}, framework_});
    } else if (connected_) {
        on_stream_lost(error, now);
    }
}

void RunCore::on_interrupted(Instant now) {
    constexpr int interrupted_code = 128 + 2;  // SIGINT.
    if (killing_code_) {
        finished_ = true;
        effects_.push_back(Finish{*killing_code_, framework_});
        return;
    }
    const std::size_t alive = count(Phase::launched) + count(Phase::running);
    if (alive > 0) {
        effects_.push_back(Note{fmt::format(
            "interrupted: killing {} task{}{}; once more ends at once", alive,
            alive == 1 ? "" : "s", connected_ ? "" : ", for which the master is awaited")});
    }
    begin_killing(interrupted_code, now);
}

void RunCore::on_time(Instant now) {
    if (now >= deadline_ && !killing_code_) {
        effects_.push_back(
            Note{fmt::format("the timeout of {} passed", format_duration(*spec_.timeout))});
        deadline_ = Instant::max();
        constexpr int timeout_code = 4;
        begin_killing(timeout_code, now);
        return;
    }
    if (now >= deadline_) deadline_ = Instant::max();
    if (now >= give_up_at_) {
        finished_ = true;
        effects_.push_back(Note{fmt::format(
            "the master did not come back: its tasks go on until it has been without this command "
            "for {} s, or 'tepui teardown {}' ends them",
            failover_seconds, framework_ ? framework_->value : "ID")});
        effects_.push_back(Finish{*killing_code_, std::nullopt});
        return;
    }
    if (now >= connect_at_) {
        connect_at_ = Instant::max();
        last_heard_ = now;
        effects_.push_back(Connect{subscribe_call()});
        return;
    }
    if (connected_ && now >= last_heard_ + silence_max_) {
        on_stream_lost(Error{Errc::timeout, "the master has been silent for too long"}, now);
    }
    if (killing_code_ && now >= kill_at_) send_kills(now);
    if (now >= explain_at_) explain_pending(now);
}

void RunCore::begin_killing(int code, Instant now) {
    killing_code_ = code;
    if (!connected_) give_up_at_ = now + kill_patience;
    for (Instance& instance : instances_) {
        if (instance.phase == Phase::pending) instance.phase = Phase::done;
    }
    send_kills(now);
}

void RunCore::send_kills(Instant now) {
    kill_at_ = now + kill_retry;
    if (!connected_) return;  // They go out after the next subscription.
    for (const Instance& instance : instances_) {
        if (instance.phase != Phase::launched && instance.phase != Phase::running) continue;
        Call kill = call(Call::KILL);
        kill.mutable_kill()->mutable_task_id()->set_value(instance.task.value);
        kill.mutable_kill()->mutable_agent_id()->set_value(instance.agent.value);
        effects_.push_back(SendCall{std::move(kill)});
    }
}

void RunCore::finish_if_done() {
    if (count(Phase::done) != instances_.size()) return;
    int code = 0;
    for (const Instance& instance : instances_) {
        if (code == 0) code = instance.code;
    }
    finished_ = true;
    effects_.push_back(Finish{killing_code_.value_or(code), framework_});
}

void RunCore::explain_pending(Instant now) {
    explain_at_ = now + explain_again;
    const std::size_t pending = count(Phase::pending);
    if (pending == 0 || !connected_) return;
    std::string text = fmt::format("{} of {} instance{} pending: ", pending, instances_.size(),
                                   instances_.size() == 1 ? "" : "s");
    if (offers_seen_ == 0) {
        text += "no offer has come; the agents are full, or there are none";
    } else if (nearest_miss_) {
        text += fmt::format("{} offer{} came and none fits; nearest: {}", offers_seen_,
                            offers_seen_ == 1 ? "" : "s", to_string(*nearest_miss_));
    } else {
        text += "waiting for more offers";
    }
    if (text == explained_) return;  // Said once; again when it changes.
    explained_ = text;
    effects_.push_back(Note{text});
    effects_.push_back(Note{"  try: tepui get agents"});
}

Call RunCore::call(Call::Type type) const {
    Call message;
    message.set_type(type);
    if (framework_) message.mutable_framework_id()->set_value(framework_->value);
    return message;
}

Call RunCore::subscribe_call() const {
    Call message = call(Call::SUBSCRIBE);
    FrameworkInfo* info = message.mutable_subscribe()->mutable_framework_info();
    info->set_user(spec_.user);
    info->set_name(spec_.name);
    info->add_roles(spec_.role);
    info->set_checkpoint(true);
    info->set_failover_timeout(failover_seconds);
    if (!spec_.hostname.empty()) info->set_hostname(spec_.hostname);
    if (framework_) info->mutable_id()->set_value(framework_->value);
    const bool gpus = std::any_of(spec_.needs.begin(), spec_.needs.end(),
                                  [](const auto& need) { return need.first == "gpus"; });
    std::vector<FrameworkInfo::Capability::Type> capabilities = {
        FrameworkInfo::Capability::MULTI_ROLE, FrameworkInfo::Capability::PARTITION_AWARE,
        FrameworkInfo::Capability::TASK_KILLING_STATE,
        FrameworkInfo::Capability::RESERVATION_REFINEMENT};
    if (gpus) capabilities.push_back(FrameworkInfo::Capability::GPU_RESOURCES);
    for (const auto capability : capabilities) info->add_capabilities()->set_type(capability);
    if (count(Phase::pending) == 0) message.mutable_subscribe()->add_suppressed_roles(spec_.role);
    return message;
}

RunCore::Instance* RunCore::find(const std::string& task_id) {
    const auto it =
        std::find_if(instances_.begin(), instances_.end(), [&](const Instance& instance) {
            return instance.phase != Phase::pending && instance.task.value == task_id;
        });
    return it == instances_.end() ? nullptr : &*it;
}

std::size_t RunCore::count(Phase phase) const {
    return static_cast<std::size_t>(
        std::count_if(instances_.begin(), instances_.end(),
                      [&](const Instance& instance) { return instance.phase == phase; }));
}

}  // namespace tepui::cli
