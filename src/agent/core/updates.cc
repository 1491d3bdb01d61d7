#include "agent/core/updates.h"

#include "agent/core/checkpoint.h"
#include "agent/core/checks.h"
#include "agent/core/completion.h"
#include "agent/core/displacement.h"
#include "agent/core/drain.h"
#include "agent/core/executor_stream.h"
#include "agent/core/pods.h"
#include "resources/task_state.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;

// An executor repeats what it did not see acknowledged; more than this many of one task at a time
// are not to be expected, and each costs 16 bytes in every stored state.
constexpr std::size_t received_uuids_max = 64;

TimerKey retry_timer(const TaskKey& task) {
    return {TimerKind::retry, task.first.value, task.second.value};
}

v1::TaskStatus make_status(Context& context, const TaskKey& task, const UpdateSpec& spec) {
    State& state = context.state;
    v1::TaskStatus status;
    status.mutable_task_id()->set_value(task.second.value);
    status.set_state(spec.state);
    status.set_source(spec.source);
    if (spec.reason) status.set_reason(*spec.reason);
    if (!spec.message.empty()) status.set_message(spec.message);
    if (spec.limitation) *status.mutable_limitation() = *spec.limitation;
    if (state.id) status.mutable_agent_id()->set_value(state.id->value);
    // The built-in command executor is named as its task.
    const TaskRun* run = find_task(state, task);
    const auto& executor = run != nullptr ? run->executor : spec.executor;
    status.mutable_executor_id()->set_value(executor ? executor->value : task.second.value);
    status.set_timestamp(context.now.wall.seconds());
    status.set_uuid(state.prng.uuid_bytes());
    mark_displaced(state, task, status);
    mark_drained(state, task.first, status);
    return status;
}

void add_container_status(State& state, const TaskRun& task, v1::TaskStatus& status) {
    v1::ContainerStatus& container = *status.mutable_container_status();
    const ExecutorRun* executor = custom_executor_of(state, task);
    container.mutable_container_id()->set_value(executor ? executor->container.value
                                                         : task.container.value);
    if (const ExecutorRun* pod = pod_of(state, task)) {
        container.mutable_container_id()->mutable_parent()->set_value(pod->container.value);
        if (task.phase != Phase::running) return;  // There is no process to tell of.
    }
    const v1::ContainerStatus& told = executor ? executor->container_status : task.container_status;
    if (container.network_infos().empty())
        *container.mutable_network_infos() = told.network_infos();
    if (told.has_cgroup_info()) *container.mutable_cgroup_info() = told.cgroup_info();
    // A custom executor may know its tasks' addresses better.
    if (container.network_infos().empty()) {
        v1::NetworkInfo::IPAddress& address = *container.add_network_infos()->add_ip_addresses();
        address.set_protocol(v1::NetworkInfo::IPv4);
        address.set_ip_address(state.config.ip);
    }
    const std::int64_t pid = executor ? executor->pid : task.pid;
    if (pid > 0) container.set_executor_pid(static_cast<std::uint32_t>(pid));
}

/// What frameworks for Docker tasks look at: what the Engine says, and the address as a label.
/// Source: Apache Mesos 1.12-dev, the Docker executor.
void add_docker_data(const UpdateSpec& spec, v1::TaskStatus& status) {
    if (spec.data.empty()) return;
    status.set_data(spec.data);
    for (const v1::NetworkInfo& network : status.container_status().network_infos()) {
        for (const v1::NetworkInfo::IPAddress& address : network.ip_addresses()) {
            v1::Label& label = *status.mutable_labels()->add_labels();
            label.set_key("Docker.NetworkSettings.IPAddress");
            label.set_value(address.ip_address());
            return;
        }
    }
}

/// Keeps one status of each run of equal states.
void remember_status(TaskRun& task, v1::TaskStatus status) {
    status.clear_data();
    if (!task.statuses.empty() && task.statuses.back().state() == status.state()) {
        task.statuses.back() = std::move(status);
    } else {
        task.statuses.push_back(std::move(status));
    }
}

Stream& stream_of(State& state, const TaskKey& key) {
    const auto [it, inserted] = state.streams.try_emplace(key);
    if (inserted) it->second.task = key;
    return it->second;
}

Stream& stream_of_run(State& state, const TaskRun& task) {
    Stream& stream = stream_of(state, {task.framework, TaskId{task.info.task_id().value()}});
    const Framework* framework = find_framework(state, task.framework);
    stream.container = task.container;
    stream.checkpoint = framework != nullptr && framework->info.checkpoint();
    return stream;
}

/// Queues one update and takes the task to its state.
void append(TaskRun& task, Stream& stream, PendingUpdate update,
            std::vector<CheckpointWrite>& writes, std::vector<AfterWrite>& after) {
    update.sequence = stream.next_sequence++;
    update.durable = !stream.checkpoint;
    task.state = update.status.state();
    stream.latest = task.state;
    remember_status(task, update.status);
    writes.push_back(update_write(task.container, update));
    after.push_back(ForwardAfter{stream.task, update.sequence});
    stream.queue.push_back(std::move(update));
}

void forward_head(Context& context, Stream& stream) {
    State& state = context.state;
    if (state.registration.phase != RegistrationPhase::registered) return;
    if (stream.queue.empty() || !stream.queue.front().durable || stream.acknowledged) return;
    if (!stream.in_flight) stream.retry_delay = state.config.update_retry_min;
    const PendingUpdate& head = stream.queue.front();
    link::ToMaster frame;
    link::StatusUpdate& update = *frame.mutable_status_update();
    update.mutable_framework_id()->set_value(stream.task.first.value);
    *update.mutable_status() = head.status;
    update.set_latest_state(stream.latest);
    send_to_master(context, std::move(frame));
    if (TaskRun* task = find_task(state, stream.task)) {
        task->forwarded_state = head.status.state();
        task->forwarded_uuid = head.status.uuid();
    }
    stream.in_flight = true;
    state.timers.set(retry_timer(stream.task), context.now.instant + stream.retry_delay);
    stream.retry_delay = std::min(stream.retry_delay * 2, state.config.update_retry_max);
}

void forward_if_idle(Context& context, Stream& stream) {
    if (!stream.in_flight) forward_head(context, stream);
}

}  // namespace

void report(Context& context, TaskRun& task, const std::vector<UpdateSpec>& specs) {
    const TaskKey key{task.framework, TaskId{task.info.task_id().value()}};
    Stream& stream = stream_of_run(context.state, task);
    std::vector<CheckpointWrite> writes;
    std::vector<AfterWrite> after;
    for (const UpdateSpec& spec : specs) {
        PendingUpdate update;
        update.status = make_status(context, key, spec);
        if (spec.source == v1::TaskStatus::SOURCE_EXECUTOR) {
            add_container_status(context.state, task, update.status);
        }
        add_check_result(task, spec, update.status);
        add_docker_data(spec, update.status);
        append(task, stream, std::move(update), writes, after);
    }
    if (stream.checkpoint) {
        writes.push_back(task_state_write(task));
        write_checkpoint(context, std::move(writes), std::move(after));
    } else {
        forward_if_idle(context, stream);
    }
}

void report_from_executor(Context& context, TaskRun& task, v1::TaskStatus status) {
    State& state = context.state;
    const TaskKey key{task.framework, TaskId{task.info.task_id().value()}};
    Stream& stream = stream_of_run(state, task);
    task.received_uuids.push_back(status.uuid());
    while (task.received_uuids.size() > received_uuids_max) task.received_uuids.pop_front();
    status.set_source(v1::TaskStatus::SOURCE_EXECUTOR);
    if (state.id) status.mutable_agent_id()->set_value(state.id->value);
    if (!status.has_timestamp()) status.set_timestamp(context.now.wall.seconds());
    mark_displaced(state, key, status);
    mark_drained(state, task.framework, status);
    add_container_status(state, task, status);
    const AcknowledgeAfter acknowledgement{
        {task.framework, *task.executor}, key.second, status.uuid()};
    PendingUpdate update;
    update.status = std::move(status);
    std::vector<CheckpointWrite> writes;
    std::vector<AfterWrite> after;
    append(task, stream, std::move(update), writes, after);
    if (stream.checkpoint) {
        after.push_back(acknowledgement);
        writes.push_back(task_state_write(task));
        writes.push_back(task_uuids_write(task));
        write_checkpoint(context, std::move(writes), std::move(after));
    } else {
        acknowledge_to_executor(context, acknowledgement);
        forward_if_idle(context, stream);
    }
}

void report_unrun(Context& context, const TaskKey& task, const UpdateSpec& spec) {
    Stream& stream = stream_of(context.state, task);
    PendingUpdate update;
    update.status = make_status(context, task, spec);
    update.sequence = stream.next_sequence++;
    update.durable = true;
    stream.latest = spec.state;
    stream.queue.push_back(std::move(update));
    forward_if_idle(context, stream);
}

void on_update_durable(Context& context, const ForwardAfter& after) {
    const auto it = context.state.streams.find(after.task);
    if (it == context.state.streams.end()) return;
    for (PendingUpdate& update : it->second.queue) {
        if (update.sequence == after.sequence) update.durable = true;
    }
    forward_if_idle(context, it->second);
}

void on_retry(Context& context, const TaskKey& task) {
    const auto it = context.state.streams.find(task);
    if (it != context.state.streams.end()) forward_head(context, it->second);
}

void acknowledge(Context& context, const link::AcknowledgeUpdate& acknowledgement) {
    State& state = context.state;
    const TaskKey key{FrameworkId{acknowledgement.framework_id().value()},
                      TaskId{acknowledgement.task_id().value()}};
    const auto it = state.streams.find(key);
    const bool fits = it != state.streams.end() && !it->second.queue.empty() &&
                      it->second.queue.front().durable &&
                      it->second.queue.front().status.uuid() == acknowledgement.uuid();
    if (!fits) {
        ++state.counters.status_updates_invalid;
        context.log(Severity::warning,
                    "ignoring the acknowledgement {} of task {} of framework {}: it is not for "
                    "the update in flight",
                    uuid_to_text(acknowledgement.uuid()), key.second, key.first);
        return;
    }
    ++state.counters.status_updates_valid;
    Stream& stream = it->second;
    const PendingUpdate head = std::move(stream.queue.front());
    stream.queue.pop_front();
    stream.in_flight = false;
    state.timers.clear(retry_timer(key));
    if (is_terminal(head.status.state())) {
        std::vector<CheckpointWrite> writes;
        if (stream.checkpoint) {
            writes.push_back({update_key(*stream.container, head.sequence), std::nullopt});
        }
        complete_task(context, key, std::move(writes));
        return;
    }
    if (stream.checkpoint) {
        stream.acknowledged = head.sequence;
        write_checkpoint(context, {{update_key(*stream.container, head.sequence), std::nullopt}},
                         {NextAfter{key, head.sequence}});
    }
    forward_head(context, stream);
}

void on_acknowledged_durable(Context& context, const NextAfter& after) {
    const auto it = context.state.streams.find(after.task);
    if (it == context.state.streams.end() || it->second.acknowledged != after.acknowledged) return;
    it->second.acknowledged.reset();
    forward_if_idle(context, it->second);
}

void resume_streams(Context& context) {
    for (auto& [key, stream] : context.state.streams) {
        stream.in_flight = false;
        forward_head(context, stream);
    }
}

void pause_streams(Context& context) {
    for (auto& [key, stream] : context.state.streams) {
        stream.in_flight = false;
        context.state.timers.clear(retry_timer(key));
    }
}

void drop_stream(Context& context, const TaskKey& task, std::vector<CheckpointWrite>& writes) {
    const auto it = context.state.streams.find(task);
    if (it == context.state.streams.end()) return;
    if (it->second.checkpoint && it->second.container) {
        for (const PendingUpdate& update : it->second.queue) {
            writes.push_back({update_key(*it->second.container, update.sequence), std::nullopt});
        }
    }
    context.state.timers.clear(retry_timer(task));
    context.state.streams.erase(it);
}

}  // namespace tepui::agent
