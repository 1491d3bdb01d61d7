#include "agent/task_paths.h"

namespace tepui::agent {
namespace {

template <typename Tasks>
void attach_all(daemon::Files& files, const std::string& work_dir, const Tasks& tasks) {
    for (const CompletedTask& task : tasks)
        attach_pod_task(files, work_dir, task.sandbox, task.info.task_id().value());
}

void attach_framework(daemon::Files& files, const std::string& work_dir,
                      const Framework& framework) {
    for (const auto& [id, task] : framework.tasks) {
        if (task.executor) attach_pod_task(files, work_dir, task.sandbox, id.value);
    }
    for (const auto& [id, executor] : framework.executors)
        attach_all(files, work_dir, executor.completed);
    for (const CompletedExecutor& executor : framework.completed_executors)
        attach_all(files, work_dir, executor.completed);
}

}  // namespace

bool is_nested_sandbox(std::string_view sandbox) {
    return sandbox.substr(0, sandbox.rfind('/')).ends_with("/containers");
}

void attach_pod_task(daemon::Files& files, const std::string& work_dir, const std::string& sandbox,
                     const std::string& task) {
    if (!is_nested_sandbox(sandbox)) return;
    // work_dir/slaves/AGENT/…/runs/CONTAINER
    const std::string pod = sandbox.substr(0, sandbox.rfind("/containers/"));
    const std::string runs = pod.substr(0, pod.rfind('/'));
    const std::string name = "/tasks/" + task;
    files.attach(pod + name, sandbox);
    files.attach(runs + "/latest" + name, sandbox);
    const std::string prefix = work_dir + "/slaves/";
    if (!runs.starts_with(prefix)) return;
    const std::size_t slash = runs.find('/', prefix.size());
    if (slash != std::string::npos) files.attach(runs.substr(slash) + "/latest" + name, sandbox);
}

void attach_pod_tasks(daemon::Files& files, const std::string& work_dir, const State& state) {
    for (const auto& [id, framework] : state.frameworks)
        attach_framework(files, work_dir, framework);
    for (const Framework& framework : state.completed_frameworks)
        attach_framework(files, work_dir, framework);
}

}  // namespace tepui::agent
