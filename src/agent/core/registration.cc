#include "agent/core/registration.h"

#include <utility>

#include "agent/core/checkpoint.h"
#include "agent/core/executor_recovery.h"
#include "agent/core/frameworks.h"
#include "agent/core/operations.h"
#include "agent/core/oversubscription.h"
#include "agent/core/task_message.h"
#include "agent/core/updates.h"

namespace tepui::agent {
namespace {

constexpr Duration backoff_limit = std::chrono::minutes{1};

const TimerKey registration_timer{TimerKind::registration, ""};
const TimerKey ping_timer{TimerKind::ping, ""};

/// The next attempt comes after a random time in [0, backoff_max]; the one after it later.
void schedule_attempt(Context& context) {
    Registration& registration = context.state.registration;
    const double part = context.state.prng.unit();
    const auto delay = Duration{
        static_cast<std::int64_t>(part * static_cast<double>(registration.backoff_max.count()))};
    context.state.timers.set(registration_timer, context.now.instant + delay);
    registration.backoff_max =
        std::min(registration.backoff_max * 2, std::max(backoff_limit, Duration{1}));
}

void begin_registering(Context& context) {
    Registration& registration = context.state.registration;
    registration.phase = RegistrationPhase::registering;
    registration.backoff_max = context.state.config.registration_backoff;
    context.state.timers.clear(ping_timer);
    pause_streams(context);
    pause_operations(context);
    schedule_attempt(context);
}

void leave_master(Context& context) {
    context.state.registration.phase = RegistrationPhase::disconnected;
    context.state.registration.held = false;
    context.state.registration.late_exits.clear();
    context.state.timers.clear(registration_timer);
    context.state.timers.clear(ping_timer);
    pause_streams(context);
    pause_operations(context);
}

template <typename Message>
void fill_common(const State& state, Message& message) {
    *message.mutable_agent() = state.config.info;
    message.set_version(state.config.version);
    message.set_ip(state.config.ip);
    for (const std::string& name : state.config.capabilities) message.add_capabilities(name);
    if (!state.config.boot_id.empty()) message.set_boot_id(state.config.boot_id);
}

link::ToMaster register_frame(const State& state) {
    link::ToMaster frame;
    fill_common(state, *frame.mutable_register_agent());
    return frame;
}

link::ToMaster reregister_frame(const State& state) {
    link::ToMaster frame;
    link::ReregisterAgent& message = *frame.mutable_reregister_agent();
    fill_common(state, message);
    message.mutable_agent()->mutable_id()->set_value(state.id->value);
    for (const auto& [id, framework] : state.frameworks) {
        *message.add_frameworks() = framework.info;
        for (const auto& [executor_id, executor] : framework.executors) {
            if (executor.phase == ExecutorPhase::ended) continue;
            mesos::v1::ExecutorInfo& listed = *message.add_executors();
            listed = executor.info;
            listed.mutable_framework_id()->set_value(id.value);
        }
        for (const auto& [task_id, task] : framework.tasks) {
            mesos::v1::Task& listed = *message.add_tasks();
            listed = task_message(state, task);
            // Updates that still wait for their turn are not to be told by reconciliation before
            // it.
            if (!task.forwarded_state) listed.set_status_update_state(mesos::v1::TASK_STAGING);
        }
    }
    if (state.registration.restarted) message.set_restarted(true);
    *message.mutable_checkpointed_resources() = state.kept_durable.to_proto();
    for (const auto& [uuid, run] : state.operations) {
        if (run.silent) continue;
        mesos::v1::Operation& listed = *message.add_operations();
        listed = run.operation;
        if (run.durable) continue;
        // Nothing is told before it is stored.
        listed.clear_statuses();
        listed.mutable_latest_status()->clear_uuid();
        listed.mutable_latest_status()->clear_message();
        listed.mutable_latest_status()->clear_converted_resources();
        listed.mutable_latest_status()->set_state(mesos::v1::OPERATION_PENDING);
    }
    return frame;
}

/// Whether the answer counts: it was asked for, and its master is not one that was succeeded.
template <typename Answer>
bool accept(Context& context, const Answer& answer) {
    State& state = context.state;
    if (state.registration.phase == RegistrationPhase::disconnected) return false;
    if (answer.epoch() < state.registration.epoch) {
        context.log(Severity::warning,
                    "refusing master {}: its epoch {} is older than {}, which was seen before",
                    answer.master_id(), answer.epoch(), state.registration.epoch);
        leave_master(context);
        context.effects.push_back(ReconnectMaster{});
        return false;
    }
    if (state.id && state.id->value != answer.agent_id().value()) {
        context.effects.push_back(EndAgent{fmt::format(
            "the master calls this agent {}, but it is {}; is another agent using its work "
            "directory?",
            answer.agent_id().value(), *state.id)});
        return false;
    }
    return true;
}

template <typename Answer>
void registered(Context& context, const Answer& answer) {
    State& state = context.state;
    Registration& registration = state.registration;
    const bool news = !state.id || registration.epoch != answer.epoch();
    const bool as_new = !state.id;
    state.id = AgentId{answer.agent_id().value()};
    registration.epoch = answer.epoch();
    registration.master_id = answer.master_id();
    registration.master_hostname = answer.master_hostname();
    registration.ping_timeout = duration_from_seconds(answer.ping_timeout_seconds());
    registration.restarted = false;
    if (news) write_checkpoint(context, {identity_write(state)});
    state.timers.clear(registration_timer);
    if (registration.ping_timeout > Duration::zero()) {
        state.timers.set(ping_timer, context.now.instant + registration.ping_timeout);
    }
    // A repeated answer on the same connection changes nothing for the streams.
    if (registration.phase == RegistrationPhase::registered) return;
    registration.phase = RegistrationPhase::registered;
    registration.registered_at = context.now.wall;
    ++state.counters.registrations;
    context.log(Severity::info, "registered with master {} as {}", answer.master_id(), *state.id);
    resume_operations(context, as_new);
    resume_streams(context);
    for (link::ToMaster& frame : std::exchange(registration.late_exits, {})) {
        send_to_master(context, std::move(frame));
    }
    tell_oversubscribed(context);
}

}  // namespace

void on_master_connected(Context& context) {
    const bool cleans_up = context.state.config.recover == RecoverMode::cleanup;
    if (context.state.shutting_down || context.state.refused || cleans_up) return;
    if (awaits_executors(context.state)) {
        context.state.registration.held = true;
        return;
    }
    begin_registering(context);
}

void release_registration(Context& context) {
    Registration& registration = context.state.registration;
    if (!registration.held || awaits_executors(context.state)) return;
    registration.held = false;
    begin_registering(context);
}

void on_master_disconnected(Context& context) { leave_master(context); }

void on_agent_registered(Context& context, const link::AgentRegistered& answer) {
    if (accept(context, answer)) registered(context, answer);
}

void on_agent_reregistered(Context& context, const link::AgentReregistered& answer) {
    if (!context.state.id || !accept(context, answer)) return;
    // First what is over, so that its updates are not sent once more.
    for (const auto& id : answer.completed_frameworks()) {
        shutdown_framework(context, FrameworkId{id.value()});
    }
    registered(context, answer);
}

void on_ping(Context& context, const link::Ping& ping) {
    State& state = context.state;
    if (!state.id || state.registration.held) return;
    link::ToMaster frame;
    frame.mutable_pong();
    send_to_master(context, std::move(frame));
    if (state.registration.phase != RegistrationPhase::registered) return;
    if (!ping.connected()) {
        context.log(Severity::warning, "the master counts this agent as disconnected");
        begin_registering(context);
        return;
    }
    if (state.registration.ping_timeout > Duration::zero()) {
        state.timers.set(ping_timer, context.now.instant + state.registration.ping_timeout);
    }
}

void on_registration_timer(Context& context) {
    if (context.state.registration.phase != RegistrationPhase::registering) return;
    context.state.registration.late_exits.clear();  // They are not listed any more.
    send_to_master(context, context.state.id ? reregister_frame(context.state)
                                             : register_frame(context.state));
    schedule_attempt(context);
}

void on_ping_timeout(Context& context) {
    if (context.state.registration.phase != RegistrationPhase::registered) return;
    context.log(Severity::warning, "no ping of the master for {}: looking for the leader anew",
                format_duration(context.state.registration.ping_timeout));
    leave_master(context);
    context.effects.push_back(ReconnectMaster{});
}

}  // namespace tepui::agent
