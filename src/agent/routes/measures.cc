#include "agent/routes/measures.h"

#include "agent/routes/state_views.h"

namespace tepui::agent {
namespace {

struct ExecutorCounts {
    double registering = 0;
    double running = 0;
    double terminating = 0;
};

void add(ExecutorCounts& counts, const ExecutorRun& executor) {
    switch (executor.phase) {
        case ExecutorPhase::persisting:
        case ExecutorPhase::launching: ++counts.registering; break;
        case ExecutorPhase::running:
            if (executor.kind == ExecutorKind::custom && !executor.joined) {
                ++counts.registering;
            } else {
                ++counts.running;
            }
            break;
        case ExecutorPhase::terminating: ++counts.terminating; break;
        case ExecutorPhase::ended: break;
    }
}

void add(ExecutorCounts& counts, const TaskRun& command_task) {
    switch (command_task.phase) {
        case Phase::persisting:
        case Phase::launching: ++counts.registering; break;
        case Phase::running: ++counts.running; break;
        case Phase::ended: break;
    }
}

}  // namespace

void add_executor_metrics(std::map<std::string, double>& metrics, const State& state) {
    ExecutorCounts counts;
    for (const auto& [id, framework] : state.frameworks) {
        for (const auto& [executor_id, executor] : framework.executors) add(counts, executor);
        for (const auto& [task_id, task] : framework.tasks) {
            if (!task.executor) add(counts, task);
        }
    }
    metrics["slave/executors_registering"] = counts.registering;
    metrics["slave/executors_running"] = counts.running;
    metrics["slave/executors_terminating"] = counts.terminating;
    const Counters& counters = state.counters;
    const auto count = [](std::uint64_t value) { return static_cast<double>(value); };
    metrics["slave/executors_terminated"] = count(counters.executors_terminated);
    metrics["slave/valid_framework_messages"] = count(counters.messages_valid);
    metrics["slave/invalid_framework_messages"] = count(counters.messages_invalid);
}

std::map<std::string, double> all_metrics(const Backend& backend, const State& state) {
    auto values = metrics(state, backend.identity(), backend.now());
    add_executor_metrics(values, state);
    backend.measure(values);
    return values;
}

}  // namespace tepui::agent
