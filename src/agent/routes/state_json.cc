#include <fmt/format.h>

#include "agent/core/context.h"
#include "agent/core/task_message.h"
#include "agent/routes/state_views.h"
#include "daemon/plain_json.h"
#include "daemon/resource_json.h"
#include "daemon/task_json.h"
#include "daemon/version.h"

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
    json.key("command").message(info.command());
    if (info.has_discovery()) json.key("discovery").message(info.discovery());
    json.end_object();
}

/// The fields of an executor object before its lists of tasks.
void write_executor_head(JsonWriter& json, const v1::TaskInfo& info, const ContainerId& container,
                         const std::string& sandbox, const Resources& resources) {
    json.key("id").value(info.task_id().value());
    json.key("name").value(executor_name(info));
    json.key("source").value(info.task_id().value());
    json.key("container").value(container.value);
    json.key("directory").value(sandbox);
    json.key("resources");
    daemon::write_resources(json, resources);
    json.key("role").value(daemon::allocation_role(info.resources()));
    if (info.has_labels()) {
        json.key("labels");
        daemon::write_labels(json, info.labels());
    }
}

void write_executor(JsonWriter& json, const State& state, const TaskRun& run) {
    const bool queued = run.phase == Phase::persisting || run.phase == Phase::launching;
    const bool over = run.phase == Phase::ended;
    json.begin_object();
    write_executor_head(json, run.info, run.container, run.sandbox,
                        over ? Resources{} : read_resources(run.info.resources()));
    json.key("tasks").begin_array();
    if (!queued && !over) daemon::write_task(json, task_message(state, run));
    json.end_array();
    json.key("queued_tasks").begin_array();
    if (queued) write_queued(json, state, run.info);
    json.end_array();
    json.key("completed_tasks").begin_array();
    if (over) daemon::write_task(json, task_message(state, run));
    json.end_array();
    json.end_object();
}

void write_completed_executor(JsonWriter& json, const State& state, const FrameworkId& framework,
                              const CompletedTask& task) {
    json.begin_object();
    write_executor_head(json, task.info, task.container, task.sandbox, {});
    json.key("tasks").begin_array().end_array();
    json.key("queued_tasks").begin_array().end_array();
    json.key("completed_tasks").begin_array();
    daemon::write_task(json, task_message(state, framework, task));
    json.end_array();
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
    for (const auto& [id, task] : framework.tasks) write_executor(json, state, task);
    json.end_array();
    json.key("completed_executors").begin_array();
    for (const CompletedTask& task : framework.completed) {
        write_completed_executor(json, state, FrameworkId{info.id().value()}, task);
    }
    json.end_array();
    json.end_object();
}

void write_totals(JsonWriter& json, const State& state) {
    const Resources total = read_resources(state.config.info.resources());
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

std::string executor_name(const v1::TaskInfo& task) {
    const v1::CommandInfo& command = task.command();
    std::string text = command.value();
    if (!command.shell()) {
        for (const std::string& argument : command.arguments()) text += " " + argument;
    }
    // Long commands are cut to 15 characters.
    if (text.size() > 15) text = text.substr(0, 12) + "...";
    return fmt::format("Command Executor (Task: {}) (Command: {})", task.task_id().value(),
                       command.shell() ? "sh -c '" + text + "'" : text);
}

std::string state_json(const State& state, const Identity& identity) {
    std::string out;
    JsonWriter json(out);
    json.begin_object();
    json.key("version").value(daemon::api_version);
    json.key("start_time").value(identity.started.seconds());
    json.key("id").value(state.id ? state.id->value : "");
    json.key("pid").value(identity.pid());
    json.key("hostname").value(state.config.info.hostname());
    json.key("capabilities").begin_array();
    for (const std::string& name : state.config.capabilities) json.value(name);
    json.end_array();
    if (state.config.info.has_domain()) json.key("domain").message(state.config.info.domain());
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
