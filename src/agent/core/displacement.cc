#include "agent/core/displacement.h"

#include <utility>
#include <vector>

#include "agent/core/checkpoint.h"
#include "agent/core/pods.h"

namespace tepui::agent {

void note_displacement(Context& context, const TaskRun& asked, const std::string& why) {
    State& state = context.state;
    Framework* framework = find_framework(state, asked.framework);
    if (framework == nullptr) return;
    const ExecutorRun* pod = pod_of(state, asked);
    std::vector<CheckpointWrite> writes;
    for (auto& [id, task] : framework->tasks) {
        const bool meant = &task == &asked || (pod != nullptr && task.executor == asked.executor);
        if (!meant || task.ending || task.phase == Phase::ended) continue;
        task.displaced = why;
        if (framework->info.checkpoint()) writes.push_back(task_displaced_write(task));
    }
    if (!writes.empty()) write_checkpoint(context, std::move(writes));
}

void mark_displaced(const State& state, const TaskKey& key, mesos::v1::TaskStatus& status) {
    using mesos::v1::TaskStatus;
    if (status.state() != mesos::v1::TASK_KILLED && status.state() != mesos::v1::TASK_KILLING) {
        return;
    }
    const auto framework = state.frameworks.find(key.first);
    if (framework == state.frameworks.end()) return;
    const auto task = framework->second.tasks.find(key.second);
    if (task == framework->second.tasks.end() || !task->second.displaced) return;
    status.set_reason(TaskStatus::REASON_CONTAINER_PREEMPTED);
    status.set_message(*task->second.displaced);
    if (status.state() != mesos::v1::TASK_KILLED) return;
    const bool aware = has_capability(framework->second.info,
                                      mesos::v1::FrameworkInfo::Capability::PARTITION_AWARE);
    status.set_state(aware ? mesos::v1::TASK_GONE : mesos::v1::TASK_LOST);
}

}  // namespace tepui::agent
