#include "agent/core/task_message.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;

v1::Task make_task(const State& state, const FrameworkId& framework, const v1::TaskInfo& info,
                   v1::TaskState task_state, const std::vector<v1::TaskStatus>& statuses) {
    v1::Task task;
    task.set_name(info.name());
    *task.mutable_task_id() = info.task_id();
    task.mutable_framework_id()->set_value(framework.value);
    task.mutable_agent_id()->set_value(state.id ? state.id->value : info.agent_id().value());
    task.set_state(task_state);
    *task.mutable_resources() = info.resources();
    for (const v1::TaskStatus& status : statuses) *task.add_statuses() = status;
    if (info.has_labels()) *task.mutable_labels() = info.labels();
    if (info.has_discovery()) *task.mutable_discovery() = info.discovery();
    if (info.has_container()) *task.mutable_container() = info.container();
    if (info.has_health_check()) *task.mutable_health_check() = info.health_check();
    if (info.has_kill_policy()) *task.mutable_kill_policy() = info.kill_policy();
    if (info.command().has_user()) task.set_user(info.command().user());
    return task;
}

}  // namespace

v1::Task task_message(const State& state, const TaskRun& run) {
    v1::Task task = make_task(state, run.framework, run.info, run.state, run.statuses);
    if (run.executor) task.mutable_executor_id()->set_value(run.executor->value);
    if (run.forwarded_state) {
        task.set_status_update_state(*run.forwarded_state);
        task.set_status_update_uuid(run.forwarded_uuid);
    }
    return task;
}

v1::Task task_message(const State& state, const FrameworkId& framework,
                      const CompletedTask& completed) {
    return make_task(state, framework, completed.info, completed.state, completed.statuses);
}

}  // namespace tepui::agent
