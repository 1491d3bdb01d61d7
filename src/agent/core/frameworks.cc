#include "agent/core/frameworks.h"

#include "agent/core/checkpoint.h"
#include "agent/core/completion.h"
#include "agent/core/ending.h"
#include "agent/core/executor_ending.h"
#include "agent/core/nested.h"
#include "agent/core/pods.h"
#include "agent/core/updates.h"

namespace tepui::agent {
namespace {

std::vector<TaskId> task_ids(const Framework& framework) {
    std::vector<TaskId> ids;
    for (const auto& [id, task] : framework.tasks) ids.push_back(id);
    return ids;
}

/// Updates of tasks that never ran here have nobody to go to any more.
void drop_unrun_streams(Context& context, const FrameworkId& id) {
    std::vector<TaskKey> keys;
    for (const auto& [key, stream] : context.state.streams) {
        if (key.first == id && !stream.container) keys.push_back(key);
    }
    std::vector<CheckpointWrite> none;
    for (const TaskKey& key : keys) drop_stream(context, key, none);
}

}  // namespace

void shutdown_framework(Context& context, const FrameworkId& id) {
    drop_unrun_streams(context, id);
    Framework* framework = find_framework(context.state, id);
    if (framework == nullptr || framework->terminating) return;
    context.log(Severity::info, "shutting down framework {} with {} tasks", id,
                framework->tasks.size());
    framework->terminating = true;
    end_tasks_of(context, id);
}

void end_tasks_of(Context& context, const FrameworkId& id) {
    const Framework* framework = find_framework(context.state, id);
    if (framework == nullptr) return;
    // The last task takes the framework with it, so it is looked up anew each time.
    for (const TaskId& task_id : task_ids(*framework)) {
        const TaskKey key{id, task_id};
        const TaskRun* task = find_task(context.state, key);
        if (task == nullptr) continue;
        end_task(context, key, EndCause::framework_shutdown, default_grace(context.state, *task));
    }
    end_executors_of(context, id, ExecutorEnd::framework_shutdown);
}

void update_framework(Context& context, const mesos::v1::FrameworkInfo& info) {
    Framework* framework = find_framework(context.state, FrameworkId{info.id().value()});
    if (framework == nullptr) return;
    // Whether tasks are checkpointed was decided at their launch and can't change under them.
    const bool checkpoint = framework->info.checkpoint();
    framework->info = info;
    framework->info.set_checkpoint(checkpoint);
    if (checkpoint) write_checkpoint(context, {framework_write(*framework)});
}

void shutdown_agent(Context& context, const std::string& message) {
    State& state = context.state;
    if (state.shutting_down) return;
    state.shutting_down = message;
    end_standalone(context);
    context.log(Severity::error, "the master shuts this agent down: {}", message);
    std::vector<FrameworkId> ids;
    for (const auto& [id, framework] : state.frameworks) ids.push_back(id);
    for (const FrameworkId& id : ids) {
        shutdown_framework(context, id);
        Framework* framework = find_framework(state, id);
        if (framework == nullptr) continue;
        for (const auto& [executor_id, executor] : framework->executors) {
            context.effects.push_back(DestroyContainer{executor.container});
        }
        for (const auto& [task_id, task] : framework->tasks) {
            if (custom_executor_of(state, task) != nullptr) continue;
            context.effects.push_back(DestroyContainer{task.container});
        }
    }
    if (!state.id) {
        context.effects.push_back(EndAgent{message});
        return;
    }
    end_if_shut_down(context);
}

void shutdown_executor(Context& context, const link::ShutdownExecutor& shutdown) {
    const ExecutorKey executor{FrameworkId{shutdown.framework_id().value()},
                               ExecutorId{shutdown.executor_id().value()}};
    if (const ExecutorRun* run = find_executor(context.state, executor);
        run != nullptr && run->kind == ExecutorKind::custom) {
        end_executor(context, executor, ExecutorEnd::asked);
        return;
    }
    if (find_executor(context.state, executor) != nullptr) return shutdown_pod(context, executor);
    const TaskKey key{FrameworkId{shutdown.framework_id().value()},
                      TaskId{shutdown.executor_id().value()}};
    const TaskRun* task = find_task(context.state, key);
    if (task == nullptr) return;
    end_task(context, key, EndCause::kill, default_grace(context.state, *task));
}

}  // namespace tepui::agent
