#include <fmt/format.h>

#include "agent/core/context.h"
#include "agent/core/operations.h"
#include "agent/core/task_message.h"
#include "agent/routes/executor_views.h"
#include "agent/routes/state_views.h"
#include "daemon/plain_json.h"
#include "daemon/resource_json.h"
#include "daemon/task_json.h"
#include "daemon/version_info.h"

// GET /state of an agent, as clients from before v1 read it (state-json.md).
namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;
using wire::JsonWriter;

void write_queued(JsonWriter& json, const State& state, const v1::TaskInfo& info) {
    json.begin_object();
    json.key("id").value(info.task_id().value());
    json.key("name").value(info.name());
    json.key("slave_id").value(state.id ? state.id->value : "");
    json.key("resources");
    daemon::write_resources(json, info.resources());
    json.key("role").value(daemon::allocation_role(info.resources()));
    if (info.has_command()) json.key("command").message(info.command());
    if (info.has_executor()) json.key("executor_id").value(info.executor().executor_id().value());
    if (info.has_discovery()) json.key("discovery").message(info.discovery());
    json.end_object();
}

bool is_queued(const TaskRun& task) {
    return task.phase == Phase::persisting || task.phase == Phase::launching;
}

void write_executor_tasks(JsonWriter& json, const State& state, const ExecutorView& executor) {
    json.key("tasks").begin_array();
    for (const TaskRun* task : executor.tasks) {
        if (task->phase == Phase::running) daemon::write_task(json, task_message(state, *task));
    }
    json.end_array();
    json.key("queued_tasks").begin_array();
    for (const TaskRun* task : executor.tasks) {
        if (is_queued(*task)) write_queued(json, state, task->info);
    }
    json.end_array();
    json.key("completed_tasks").begin_array();
    for (const CompletedTask* task : executor.completed)
        daemon::write_task(json, completed_message(state, executor, *task));
    for (const TaskRun* task : executor.tasks) {
        if (task->phase == Phase::ended) daemon::write_task(json, task_message(state, *task));
    }
    json.end_array();
}

void write_executor(JsonWriter& json, const State& state, const ExecutorView& executor) {
    const v1::ExecutorInfo& info = executor.info;
    json.begin_object();
    json.key("id").value(info.executor_id().value());
    json.key("name").value(info.name());
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wdeprecated-declarations"  // What monitoring tools group by.
    json.key("source").value(info.source());
#pragma clang diagnostic pop
    json.key("container").value(executor.container.value);
    json.key("directory").value(executor.sandbox);
    json.key("resources");
    daemon::write_resources(json, resources_of(executor));
    if (info.resources_size() > 0)
        json.key("role").value(daemon::allocation_role(info.resources()));
    if (info.has_labels()) {
        json.key("labels");
        daemon::write_labels(json, info.labels());
    }
    if (info.has_type()) json.key("type").value(v1::ExecutorInfo::Type_Name(info.type()));
    write_executor_tasks(json, state, executor);
    json.end_object();
}

void write_framework(JsonWriter& json, const State& state, const Framework& framework) {
    const v1::FrameworkInfo& info = framework.info;
    json.begin_object();
    json.key("id").value(info.id().value());
    json.key("name").value(info.name());
    json.key("user").value(info.user());
    json.key("failover_timeout").value(info.failover_timeout());
    json.key("checkpoint").value(info.checkpoint());
    json.key("hostname").value(info.hostname());
    if (info.has_principal()) json.key("principal").value(info.principal());
    if (has_capability(info, v1::FrameworkInfo::Capability::MULTI_ROLE)) {
        json.key("roles").begin_array();
        for (const std::string& role : info.roles()) json.value(role);
        json.end_array();
    } else {
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wdeprecated-declarations"
        json.key("role").value(info.role());
#pragma clang diagnostic pop
    }
    json.key("executors").begin_array();
    const auto write = [&](const ExecutorView& each) { write_executor(json, state, each); };
    visit_executors(framework, write);
    json.end_array();
    json.key("completed_executors").begin_array();
    visit_completed_executors(framework, write);
    json.end_array();
    json.end_object();
}

void write_totals(JsonWriter& json, const State& state) {
    const Resources total = total_resources(state);
    const Resources used = used_resources(state);
    json.key("resources");
    daemon::write_resources(json, total);
    json.key("reserved_resources");
    daemon::write_reserved(json, total);
    json.key("unreserved_resources");
    daemon::write_resources(json, total.unreserved());
    json.key("reserved_resources_full");
    daemon::write_full_reserved(json, total);
    json.key("unreserved_resources_full");
    daemon::write_full_resources(json, total.unreserved());
    json.key("reserved_resources_allocated");
    daemon::write_reserved(json, used);
    json.key("unreserved_resources_allocated");
    daemon::write_resources(json, used.unreserved());
}

}  // namespace

std::string Identity::pid() const { return fmt::format("slave(1)@{}:{}", ip, port); }

std::string state_json(const State& state, const Identity& identity) {
    std::string out;
    JsonWriter json(out);
    json.begin_object();
    daemon::write_version(json, daemon::version_info());
    json.key("start_time").value(identity.started.seconds());
    json.key("id").value(state.id ? state.id->value : "");
    json.key("pid").value(identity.pid());
    json.key("hostname").value(state.config.info.hostname());
    json.key("capabilities").begin_array();
    for (const std::string& name : state.config.capabilities) json.value(name);
    json.end_array();
    if (state.config.info.has_domain()) json.key("domain").message(state.config.info.domain());
    if (state.drain) {
        json.key("drain_config").message(state.drain->config);
        json.key("estimated_drain_start_time_seconds")
            .value(static_cast<std::int64_t>(state.drain->began.seconds()));
    }
    write_totals(json, state);
    json.key("resource_providers").begin_array().end_array();
    json.key("attributes");
    daemon::write_attributes(json, state.config.info.attributes());
    if (!state.registration.master_hostname.empty()) {
        json.key("master_hostname").value(state.registration.master_hostname);
    }
    if (!identity.log_path.empty()) {
        json.key("log_dir").value(identity.log_path.substr(0, identity.log_path.rfind('/')));
    }
    json.key("flags");
    daemon::write_flags(json, identity.flags);
    json.key("frameworks").begin_array();
    for (const auto& [id, framework] : state.frameworks) write_framework(json, state, framework);
    json.end_array();
    json.key("completed_frameworks").begin_array();
    for (const Framework& framework : state.completed_frameworks) {
        write_framework(json, state, framework);
    }
    json.end_array();
    json.end_object();
    return out;
}

}  // namespace tepui::agent
