#include "agent/core/executor_calls.h"

#include "agent/core/completion.h"
#include "agent/core/executor_ending.h"
#include "agent/core/executor_stream.h"
#include "agent/core/executors.h"
#include "agent/core/updates.h"
#include "base/bytes.h"
#include "resources/task_state.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;
using v1::executor::Call;

constexpr std::size_t uuid_bytes = 16;

Result<void> check_update(const State& state, const Call& call) {
    const v1::TaskStatus& status = call.update().status();
    const std::string& task = status.task_id().value();
    if (!status.has_uuid()) {
        return fail(Errc::invalid_argument, "The update of task {} needs a 'uuid'", task);
    }
    if (status.uuid().size() != uuid_bytes) {
        return fail(Errc::invalid_argument,
                    "The 'uuid' of the update of task {} has {} bytes, not 16", task,
                    status.uuid().size());
    }
    if (status.has_source() && status.source() != v1::TaskStatus::SOURCE_EXECUTOR) {
        return fail(Errc::invalid_argument,
                    "The update of task {} has source {}: an executor's is SOURCE_EXECUTOR", task,
                    v1::TaskStatus::Source_Name(status.source()));
    }
    if (status.has_executor_id() && status.executor_id().value() != call.executor_id().value()) {
        return fail(Errc::invalid_argument,
                    "The update of task {} names executor {}, but comes from {}", task,
                    status.executor_id().value(), call.executor_id().value());
    }
    if (status.has_agent_id() && (!state.id || status.agent_id().value() != state.id->value)) {
        return fail(Errc::invalid_argument, "The update of task {} names agent {}; this one is {}",
                    task, status.agent_id().value(), state.id ? state.id->value : "");
    }
    return {};
}

enum class Seen : std::uint8_t { never, waiting, stored };

/// Whether an update of that uuid was taken before, and has become durable since.
Seen seen_before(const State& state, const TaskRun& task, const std::string& uuid) {
    const auto& uuids = task.received_uuids;
    if (std::find(uuids.begin(), uuids.end(), uuid) == uuids.end()) return Seen::never;
    const auto stream = state.streams.find({task.framework, TaskId{task.info.task_id().value()}});
    if (stream == state.streams.end()) return Seen::stored;
    for (const PendingUpdate& update : stream->second.queue) {
        if (update.status.uuid() == uuid && !update.durable) return Seen::waiting;
    }
    return Seen::stored;
}

void count(Counters& counters, v1::TaskState state) {
    if (state == v1::TASK_FINISHED) ++counters.tasks_finished;
    if (state == v1::TASK_FAILED) ++counters.tasks_failed;
    if (state == v1::TASK_KILLED) ++counters.tasks_killed;
    if (state == v1::TASK_LOST || state == v1::TASK_DROPPED) ++counters.tasks_lost;
}

}  // namespace

Result<void> check_message_size(const CoreConfig& config, const Call& call) {
    const std::size_t bytes = call.message().data().size();
    if (call.type() != Call::MESSAGE || bytes <= config.message_bytes_max) return {};
    return fail(
        Errc::too_large,
        "The message of executor {} has {} bytes; the agent's --max_message_bytes allows {}",
        call.executor_id().value(), bytes, format_bytes({config.message_bytes_max}));
}

Result<void> check_executor_call(const State& state, const Call& call) {
    const auto framework = state.frameworks.find(FrameworkId{call.framework_id().value()});
    if (framework == state.frameworks.end()) {
        return fail(Errc::invalid_argument, "Framework {} has no executors on this agent",
                    call.framework_id().value());
    }
    const auto& executors = framework->second.executors;
    const auto executor = executors.find(ExecutorId{call.executor_id().value()});
    if (executor == executors.end() || executor->second.kind != ExecutorKind::custom) {
        return fail(Errc::invalid_argument, "Framework {} has no executor {} on this agent",
                    call.framework_id().value(), call.executor_id().value());
    }
    if (call.type() != Call::SUBSCRIBE && !executor->second.joined) {
        return fail(Errc::denied, "Executor {} has not subscribed", call.executor_id().value());
    }
    if (call.type() == Call::UPDATE) return check_update(state, call);
    return check_message_size(state.config, call);
}

void on_executor_called(Context& context, const Call& call) {
    const ExecutorKey key{FrameworkId{call.framework_id().value()},
                          ExecutorId{call.executor_id().value()}};
    ExecutorRun* executor = find_executor(context.state, key);
    // It may have ended since the call was checked.
    if (executor == nullptr || executor->kind != ExecutorKind::custom) return;
    if (call.type() == Call::UPDATE) {
        take_update(context, *executor, call.update().status());
        return;
    }
    if (call.type() != Call::MESSAGE) return;  // HEARTBEAT says nothing.
    if (context.state.registration.phase != RegistrationPhase::registered) {
        ++context.state.counters.messages_invalid;
        context.log(Severity::warning,
                    "dropping a message of executor {} of framework {}: no master is there",
                    key.second, key.first);
        return;
    }
    link::ToMaster frame;
    frame.mutable_executor_message()->mutable_framework_id()->set_value(key.first.value);
    frame.mutable_executor_message()->mutable_executor_id()->set_value(key.second.value);
    frame.mutable_executor_message()->set_data(call.message().data());
    send_to_master(context, std::move(frame));
    ++context.state.counters.messages_valid;
}

void take_update(Context& context, ExecutorRun& executor, const v1::TaskStatus& status) {
    State& state = context.state;
    const ExecutorKey executor_key{executor.framework,
                                   ExecutorId{executor.info.executor_id().value()}};
    const TaskKey key{executor.framework, TaskId{status.task_id().value()}};
    const AcknowledgeAfter acknowledgement{executor_key, key.second, status.uuid()};
    if (status.state() == v1::TASK_STAGING || status.uuid().size() != uuid_bytes) {
        context.log(Severity::error,
                    "ending executor {} of framework {}: its update of task {} is not one that an "
                    "executor can send",
                    executor_key.second, key.first, key.second);
        end_executor(context, executor_key, ExecutorEnd::asked);
        return;
    }
    TaskRun* task = find_task(state, key);
    const bool known = task != nullptr && task->executor == executor_key.second;
    const Seen seen = known ? seen_before(state, *task, status.uuid()) : Seen::stored;
    if (seen == Seen::waiting) return;  // It is acknowledged when it is durable.
    // Of a task that is over nobody wants to hear, but the executor has to stop repeating it.
    if (seen == Seen::stored || task->phase == Phase::ended ||
        find_framework(state, key.first)->terminating) {
        acknowledge_to_executor(context, acknowledgement);
        return;
    }
    task->phase = Phase::running;
    if (is_terminal(status.state())) {
        task->phase = Phase::ended;
        count(state.counters, status.state());
    }
    report_from_executor(context, *task, status);
    // What a task had goes back to the container's limits only while that one lives.
    if (task->phase == Phase::ended && executor.phase == ExecutorPhase::running) {
        follow_tasks(context, executor);
    }
}

}  // namespace tepui::agent
