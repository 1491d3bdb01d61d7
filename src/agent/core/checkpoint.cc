#include "agent/core/checkpoint.h"

#include <fmt/format.h>

#include "agent/core/record.h"

namespace tepui::agent {
namespace {

// Ids come from outside; keys are printable ASCII without '/'.
std::string escape(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
                           (byte >= 'A' && byte <= 'Z') || byte == '-' || byte == '_' ||
                           byte == '.';
        if (plain) {
            out.push_back(c);
        } else {
            out += fmt::format("%{:02X}", byte);
        }
    }
    return out;
}

std::string number(std::int64_t value) { return fmt::format("{}", value); }

}  // namespace

std::string identity_key() { return "identity"; }
std::string framework_key(const FrameworkId& framework) {
    return "frameworks/" + escape(framework.value);
}
std::string task_info_key(const ContainerId& container) {
    return "tasks/" + container.value + "/info";
}
std::string task_state_key(const ContainerId& container) {
    return "tasks/" + container.value + "/state";
}
std::string update_key(const ContainerId& container, std::uint64_t sequence) {
    return fmt::format("tasks/{}/updates/{:010}", container.value, sequence);
}
std::string task_uuids_key(const ContainerId& container) {
    return "tasks/" + container.value + "/uuids";
}
std::string task_displaced_key(const ContainerId& container) {
    return "tasks/" + container.value + "/displaced";
}
std::string executor_info_key(const ContainerId& container) {
    return "executors/" + container.value + "/info";
}
std::string executor_state_key(const ContainerId& container) {
    return "executors/" + container.value + "/state";
}
std::string sandbox_key(const ContainerId& container) { return "sandboxes/" + container.value; }

std::string nested_key(const ContainerId& container) { return "nested/" + escape(container.value); }

std::string kept_key() { return "kept"; }

std::string operation_key(const std::string& uuid) { return "operations/" + uuid_to_text(uuid); }

std::string drain_key() { return "drain"; }

CheckpointWrite kept_write(const Resources& kept) {
    std::vector<std::string> fields;
    for (const auto& resource : kept.to_proto()) fields.push_back(resource.SerializeAsString());
    return {kept_key(), encode_record(fields)};
}

CheckpointWrite operation_write(const OperationRun& run) {
    return {operation_key(run.operation.uuid().value()),
            encode_record({run.operation.SerializeAsString()})};
}

CheckpointWrite drain_write(const Drain& drain) {
    return {drain_key(), encode_record({drain.config.SerializeAsString(),
                                        number(drain.began.since_epoch.count())})};
}

CheckpointWrite nested_write(const NestedRun& run) {
    const auto& limitation = run.end.limitation;
    return {
        nested_key(run.container),
        encode_record({number(static_cast<int>(run.kind)), run.id.SerializeAsString(),
                       run.parent ? run.parent->value : "", run.user, run.sandbox,
                       number(static_cast<int>(run.phase)), number(run.pid),
                       number(run.terminal ? 1 : 0), run.end.status ? number(*run.end.status) : "",
                       limitation ? number(limitation->reason) : "",
                       limitation ? limitation->message : "",
                       limitation ? limitation->resources.SerializeAsString() : ""})};
}

CheckpointWrite identity_write(const State& state) {
    mesos::v1::AgentInfo info = state.config.info;
    if (state.id) info.mutable_id()->set_value(state.id->value);
    return {identity_key(),
            encode_record({state.id ? state.id->value : "", info.SerializeAsString(),
                           number(static_cast<std::int64_t>(state.registration.epoch)),
                           state.config.boot_id})};
}

CheckpointWrite framework_write(const Framework& framework) {
    return {framework_key(FrameworkId{framework.info.id().value()}),
            encode_record({framework.info.SerializeAsString()})};
}

CheckpointWrite task_info_write(const TaskRun& task) {
    return {task_info_key(task.container),
            encode_record({task.framework.value, task.info.SerializeAsString(), task.user,
                           task.sandbox, task.executor ? task.executor->value : "",
                           number(static_cast<std::int64_t>(task.pod.group))})};
}

CheckpointWrite task_state_write(const TaskRun& task) {
    std::vector<std::string> fields{
        number(static_cast<int>(task.phase)),
        number(task.pid),
        number(task.started.since_epoch.count()),
        number(task.state),
        number(task.ending ? static_cast<int>(task.ending->cause) : 0),
        number(task.ending ? task.ending->grace.count() : 0),
    };
    for (const auto& status : task.statuses) fields.push_back(status.SerializeAsString());
    return {task_state_key(task.container), encode_record(fields)};
}

CheckpointWrite task_uuids_write(const TaskRun& task) {
    return {task_uuids_key(task.container),
            encode_record({task.received_uuids.begin(), task.received_uuids.end()})};
}

CheckpointWrite task_displaced_write(const TaskRun& task) {
    return {task_displaced_key(task.container), encode_record({task.displaced.value_or("")})};
}

CheckpointWrite executor_info_write(const ExecutorRun& executor) {
    return {
        executor_info_key(executor.container),
        encode_record({executor.framework.value, executor.info.SerializeAsString(), executor.user,
                       executor.sandbox, number(static_cast<int>(executor.kind))})};
}

CheckpointWrite executor_state_write(const ExecutorRun& executor) {
    return {executor_state_key(executor.container),
            encode_record({
                number(static_cast<int>(executor.phase)),
                number(executor.pid),
                number(executor.started.since_epoch.count()),
                executor.wait_status ? number(*executor.wait_status) : "",
                number(executor.used ? 1 : 0),
                number(executor.end ? static_cast<int>(*executor.end) : 0),
                number(executor.grace.count()),
            })};
}

CheckpointWrite update_write(const ContainerId& container, const PendingUpdate& update) {
    return {update_key(container, update.sequence),
            encode_record({update.status.SerializeAsString()})};
}

CheckpointWrite sandbox_write(const ContainerId& container, const Sandbox& sandbox) {
    return {sandbox_key(container),
            encode_record(
                {sandbox.path, sandbox.ended ? number(sandbox.ended->since_epoch.count()) : ""})};
}

}  // namespace tepui::agent
