#include "agent/core/core.h"

#include "agent/core/checkpoint.h"
#include "agent/core/checks.h"
#include "agent/core/completion.h"
#include "agent/core/context.h"
#include "agent/core/departure.h"
#include "agent/core/drain.h"
#include "agent/core/ending.h"
#include "agent/core/executor_calls.h"
#include "agent/core/executor_ending.h"
#include "agent/core/executor_stream.h"
#include "agent/core/executors.h"
#include "agent/core/frameworks.h"
#include "agent/core/nested.h"
#include "agent/core/operations.h"
#include "agent/core/oversubscription.h"
#include "agent/core/pods.h"
#include "agent/core/recovery.h"
#include "agent/core/registration.h"
#include "agent/core/sandboxes.h"
#include "agent/core/state.h"
#include "agent/core/tasks.h"
#include "agent/core/updates.h"
#include "base/overloaded.h"

namespace tepui::agent {
namespace {

void on_frame(Context& context, const link::ToAgent& frame) {
    State& state = context.state;
    using Frame = link::ToAgent;
    switch (frame.message_case()) {
        case Frame::kAgentRegistered: return on_agent_registered(context, frame.agent_registered());
        case Frame::kAgentReregistered:
            return on_agent_reregistered(context, frame.agent_reregistered());
        case Frame::kShutdownAgent:
            if (on_departure_answered(context)) return;
            return shutdown_agent(context, frame.shutdown_agent().message());
        case Frame::kPing: return on_ping(context, frame.ping());
        default: break;
    }
    // Before the registration is answered the master's epoch is not known: it may be deposed.
    if (state.registration.phase != RegistrationPhase::registered) {
        context.log(Severity::warning, "ignoring a message of a master that did not register us");
        return;
    }
    switch (frame.message_case()) {
        case Frame::kRunTask: return run_task(context, frame.run_task());
        case Frame::kRunTaskGroup:
            if (frame.run_task_group().executor().type() != mesos::v1::ExecutorInfo::DEFAULT) {
                return run_group_in_executor(context, frame.run_task_group());
            }
            return run_pod(context, frame.run_task_group());
        case Frame::kKillTask: return kill_task(context, frame.kill_task());
        case Frame::kAcknowledgeUpdate: return acknowledge(context, frame.acknowledge_update());
        case Frame::kShutdownFramework:
            return shutdown_framework(
                context, FrameworkId{frame.shutdown_framework().framework_id().value()});
        case Frame::kShutdownExecutor: return shutdown_executor(context, frame.shutdown_executor());
        case Frame::kUpdateFramework:
            return update_framework(context, frame.update_framework().framework());
        case Frame::kFrameworkMessage:
            return send_framework_message(context, frame.framework_message());
        case Frame::kApplyOperation: return apply_operation(context, frame.apply_operation());
        case Frame::kAcknowledgeOperation:
            return acknowledge_operation(context, frame.acknowledge_operation());
        case Frame::kDrainAgent: return drain_agent(context, frame.drain_agent());
        default: return;  // A newer master's message.
    }
}

void on_durable(Context& context, CheckpointToken token) {
    auto node = context.state.after_writes.extract(token);
    if (node.empty()) return;
    for (const AfterWrite& after : node.mapped()) {
        std::visit(Overloaded{
                       [&](const LaunchAfter& x) { on_task_durable(context, x.container); },
                       [&](const ForwardAfter& x) { on_update_durable(context, x); },
                       [&](const NextAfter& x) { on_acknowledged_durable(context, x); },
                       [&](const SignalAfter& x) { on_signal_durable(context, x.container); },
                       [&](const QueueAfter& x) { on_queue_durable(context, x); },
                       [&](const AcknowledgeAfter& x) { acknowledge_to_executor(context, x); },
                       [&](const NestedAfter& x) { on_nested_durable(context, x.container); },
                       [&](const OperationAfter& x) { on_operation_durable(context, x); },
                       [&](const ForgetAfter& x) {
                           context.effects.push_back(ForgetContainer{x.container});
                       },
                       [&](const EndAfter& x) {
                           context.effects.push_back(EndAgent{x.why, !context.state.departure});
                       },
                   },
                   after);
    }
}

void on_tick(Context& context) {
    for (const TimerKey& key : context.state.timers.take_due(context.now.instant)) {
        const ContainerId container{key.id};
        switch (key.kind) {
            case TimerKind::registration: on_registration_timer(context); break;
            case TimerKind::ping: on_ping_timeout(context); break;
            case TimerKind::retry:
                on_retry(context, {FrameworkId{key.id}, TaskId{key.task}});
                break;
            case TimerKind::escalation: on_escalation(context, container); break;
            case TimerKind::completion: on_completion_time(context, container); break;
            case TimerKind::sandbox: on_sandbox_due(context, container); break;
            case TimerKind::departure: on_departure_due(context); break;
            case TimerKind::executor_subscription: on_subscription_due(context, container); break;
            case TimerKind::executor_shutdown: on_executor_grace_over(context, container); break;
            case TimerKind::executor_heartbeat: on_executor_heartbeat(context, container); break;
            case TimerKind::operation: on_operation_due(context, key.id); break;
            case TimerKind::health:
            case TimerKind::check: on_check_due(context, key.kind, container); break;
        }
    }
}

}  // namespace

Core::Core(std::unique_ptr<State> state) : state_(std::move(state)) {}
Core::~Core() = default;

Result<std::unique_ptr<Core>> Core::create(CoreConfig config,
                                           std::map<std::string, std::string> checkpoints,
                                           std::uint64_t seed, Now now) {
    if (config.work_dir.empty() || config.work_dir.front() != '/') {
        return fail(Errc::invalid_argument, "the work directory '{}' must be an absolute path",
                    config.work_dir);
    }
    auto state = std::make_unique<State>(std::move(config), seed);
    load_checkpoints(*state, checkpoints, now);
    if (state->config.strict && state->broken) {
        return fail(
            state->broken->code,
            "not starting on damaged checkpoints (strict): {}/meta/agent.db: {}; put a "
            "sound copy there, or start once with --strict=false, which gives up only what "
            "is damaged, or remove {}/meta, which makes this a new agent and ends its tasks",
            state->config.work_dir, state->broken->text, state->config.work_dir);
    }
    return std::unique_ptr<Core>(new Core(std::move(state)));
}

std::vector<ContainerId> Core::expected_containers() const {
    std::vector<ContainerId> expected;
    // After a boot the pids of old belong to other processes.
    if (state_->boot_changed) return expected;
    for (const auto& [container, key] : state_->containers) {
        const TaskRun* task = find_task(*state_, key);
        if (custom_executor_of(*state_, *task) != nullptr) continue;  // Lives in its executor's.
        if (task->phase != Phase::ended) expected.push_back(container);
    }
    for (const auto& [container, key] : state_->executor_containers) {
        const ExecutorRun* executor = find_executor(*state_, key);
        if (executor->phase != ExecutorPhase::ended) expected.push_back(container);
    }
    expect_nested(*state_, expected);
    return expected;
}

Effects Core::recover(std::vector<FoundContainer> found, Now now) {
    Effects effects;
    Context context{*state_, effects, now};
    if (state_->boot_changed) found.clear();
    recover_agent(context, std::move(found));
    proceed_departure(context);
    return effects;
}

Effects Core::step(Event event, Now now) {
    Effects effects;
    Context context{*state_, effects, now};
    std::visit(
        Overloaded{
            [&](const MasterConnected&) { on_master_connected(context); },
            [&](const MasterDisconnected&) { on_master_disconnected(context); },
            [&](const MasterFrameReceived& x) { on_frame(context, x.frame); },
            [&](const CheckpointWritten& x) { on_durable(context, x.token); },
            [&](const ContainerStarted& x) { on_container_started(context, x); },
            [&](const ContainerLaunchFailed& x) { on_container_failed(context, x); },
            [&](const ContainerExited& x) {
                on_container_exited(context, with_preemption(*state_, x));
            },
            [&](const DepartureRequested&) { on_departure_requested(context); },
            [&](const ProbeEnded& x) { on_probe_ended(context, x); },
            [&](const ContainerUpdated& x) { on_container_updated(context, x); },
            [&](const ExecutorSubscribed& x) { on_executor_subscribed(context, x); },
            [&](const ExecutorDisconnected& x) { on_executor_disconnected(context, x); },
            [&](const ExecutorCalled& x) { on_executor_called(context, x.call); },
            [&](const ContainerAsked& x) { on_container_asked(context, x); },
            [&](const AskerLeft& x) { on_asker_left(context, x.request); },
            [&](const DiskFreeMeasured& x) { context.state.disk_free_bytes = x.bytes; },
            [&](const DiskUsageMeasured& x) { on_disk_usage(context, x.used); },
            [&](const OversubscriptionEstimated& x) { on_oversubscription_estimated(context, x); },
            [&](const ContainerPreempted& x) { on_container_preempted(context, x); },
            [&](const VolumeChanged& x) { on_volume_changed(context, x); },
            [&](const Tick&) { on_tick(context); },
        },
        event);
    release_registration(context);
    proceed_drain(context);
    proceed_departure(context);
    return effects;
}

Instant Core::next_deadline() const { return state_->timers.next(); }

const State& Core::state() const { return *state_; }

}  // namespace tepui::agent
