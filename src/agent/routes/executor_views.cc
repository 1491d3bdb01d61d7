#include "agent/routes/executor_views.h"

#include <fmt/format.h>

#include "agent/core/task_message.h"
#include "agent/routes/state_views.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;

/// The built-in executor of a command task, as if it were one of its own.
v1::ExecutorInfo command_executor(const FrameworkId& framework, const v1::TaskInfo& task) {
    v1::ExecutorInfo info;
    info.mutable_executor_id()->set_value(task.task_id().value());
    info.mutable_framework_id()->set_value(framework.value);
    *info.mutable_command() = task.command();
    *info.mutable_resources() = task.resources();
    info.set_name(executor_name(task));
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wdeprecated-declarations"
    info.set_source(task.task_id().value());
#pragma clang diagnostic pop
    if (task.has_discovery()) *info.mutable_discovery() = task.discovery();
    if (task.has_labels()) *info.mutable_labels() = task.labels();
    return info;
}

FrameworkId id_of(const Framework& framework) { return FrameworkId{framework.info.id().value()}; }

ExecutorView view_of(const Framework& framework, const ExecutorRun& run) {
    ExecutorView view{.info = run.info,
                      .framework = run.framework,
                      .container = run.container,
                      .sandbox = run.sandbox,
                      .pid = run.pid,
                      .is_running = run.phase == ExecutorPhase::running ||
                                    run.phase == ExecutorPhase::terminating,
                      .is_over = run.phase == ExecutorPhase::ended,
                      .is_pod = run.kind == ExecutorKind::pod,
                      .tasks = {},
                      .completed = {},
                      .status = &run.container_status};
    const ExecutorId id{run.info.executor_id().value()};
    for (const auto& [task_id, task] : framework.tasks) {
        if (task.executor == id) view.tasks.push_back(&task);
    }
    for (const CompletedTask& task : run.completed) view.completed.push_back(&task);
    return view;
}

ExecutorView view_of(const TaskRun& task) {
    return {.info = command_executor(task.framework, task.info),
            .framework = task.framework,
            .container = task.container,
            .sandbox = task.sandbox,
            .pid = task.pid,
            .is_running = task.phase == Phase::running,
            .is_over = task.phase == Phase::ended,
            .is_command = true,
            .tasks = {&task},
            .completed = {},
            .status = &task.container_status};
}

}  // namespace

void visit_executors(const Framework& framework, const ExecutorVisitor& visit) {
    for (const auto& [id, run] : framework.executors) visit(view_of(framework, run));
    for (const auto& [id, task] : framework.tasks) {
        if (!task.executor) visit(view_of(task));
    }
}

void visit_completed_executors(const Framework& framework, const ExecutorVisitor& visit) {
    for (const CompletedExecutor& executor : framework.completed_executors) {
        ExecutorView view{.info = executor.info,
                          .framework = id_of(framework),
                          .container = executor.container,
                          .sandbox = executor.sandbox,
                          .is_over = true,
                          .is_pod = executor.kind == ExecutorKind::pod,
                          .tasks = {},
                          .completed = {}};
        for (const CompletedTask& task : executor.completed) view.completed.push_back(&task);
        visit(view);
    }
    for (const CompletedTask& task : framework.completed) {
        visit({.info = command_executor(id_of(framework), task.info),
               .framework = id_of(framework),
               .container = task.container,
               .sandbox = task.sandbox,
               .is_over = true,
               .is_command = true,
               .tasks = {},
               .completed = {&task}});
    }
}

Resources resources_of(const ExecutorView& executor) {
    if (executor.is_over) return {};
    Resources sum = read_resources(executor.info.resources());
    if (executor.is_command) return sum;  // They are the task's.
    for (const TaskRun* task : executor.tasks) {
        if (task->phase != Phase::ended) sum += read_resources(task->info.resources());
    }
    return sum;
}

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

v1::Task completed_message(const State& state, const ExecutorView& executor,
                           const CompletedTask& task) {
    v1::Task message = task_message(state, executor.framework, task);
    message.set_status_update_state(task.state);
    if (!task.statuses.empty()) message.set_status_update_uuid(task.statuses.back().uuid());
    if (!executor.is_command) *message.mutable_executor_id() = executor.info.executor_id();
    return message;
}

}  // namespace tepui::agent
