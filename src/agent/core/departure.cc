#include "agent/core/departure.h"

#include "agent/core/completion.h"
#include "agent/core/ending.h"
#include "agent/core/executor_ending.h"
#include "agent/core/nested.h"

namespace tepui::agent {
namespace {

const TimerKey departure_timer{TimerKind::departure, ""};

std::vector<TaskKey> all_tasks(const State& state) {
    std::vector<TaskKey> keys;
    for (const auto& [container, key] : state.containers) keys.push_back(key);
    return keys;
}

bool has_live_tasks(State& state) {
    if (has_live_standalone(state)) return true;
    for (const auto& [container, key] : state.executor_containers) {
        if (find_executor(state, key)->phase != ExecutorPhase::ended) return true;
    }
    for (const auto& [container, key] : state.containers) {
        if (find_task(state, key)->phase != Phase::ended) return true;
    }
    return false;
}

void enter(Context& context, DeparturePhase phase) {
    context.state.departure = phase;
    context.state.timers.set(departure_timer,
                             context.now.instant + context.state.config.departure_patience);
}

/// Forgets what is left and ends. Acknowledgements that did not come can't come any more.
void finish_departure(Context& context) {
    State& state = context.state;
    state.timers.clear(departure_timer);
    state.shutting_down = state.config.recover == RecoverMode::cleanup
                              ? "it ended the tasks of its work directory (--recover=cleanup)"
                              : "it left the cluster, as it was asked to";
    if (!state.id) {
        context.effects.push_back(EndAgent{*state.shutting_down, false});
        return;
    }
    for (const TaskKey& key : all_tasks(state)) complete_task(context, key);
    end_if_shut_down(context);  // Where there was no task.
}

void unregister(Context& context) {
    link::ToMaster frame;
    frame.mutable_unregister_agent();
    send_to_master(context, std::move(frame));
    enter(context, DeparturePhase::unregistering);
}

}  // namespace

void on_departure_requested(Context& context) {
    State& state = context.state;
    if (state.departure || state.shutting_down || state.refused) return;
    const auto tasks = all_tasks(state);
    context.log(Severity::info, "leaving the cluster: ending {} tasks", tasks.size());
    state.departure = DeparturePhase::ending_tasks;
    end_standalone(context);
    for (const TaskKey& key : tasks) {
        const TaskRun* task = find_task(state, key);
        if (task == nullptr || task->phase == Phase::ended) continue;
        const Duration grace = std::min(default_grace(state, *task), state.config.departure_grace);
        end_task(context, key, EndCause::departure, grace);
    }
    std::vector<FrameworkId> frameworks;
    for (const auto& [id, framework] : state.frameworks) frameworks.push_back(id);
    for (const FrameworkId& id : frameworks) {
        end_executors_of(context, id, ExecutorEnd::departure);
    }
}

void proceed_departure(Context& context) {
    State& state = context.state;
    if (!state.departure || state.shutting_down) return;
    if (state.departure == DeparturePhase::ending_tasks) {
        if (has_live_tasks(state)) return;
        enter(context, DeparturePhase::reporting);
    }
    if (state.registration.phase != RegistrationPhase::registered) {
        context.log(Severity::warning,
                    "leaving the cluster without telling a master: none is "
                    "there");
        finish_departure(context);
        return;
    }
    if (state.departure == DeparturePhase::reporting && state.streams.empty()) {
        unregister(context);
    }
}

void on_departure_due(Context& context) {
    State& state = context.state;
    if (!state.departure || state.shutting_down) return;
    if (state.departure == DeparturePhase::reporting) {
        context.log(Severity::warning, "leaving {} updates without their acknowledgements",
                    state.streams.size());
        unregister(context);
        return;
    }
    if (state.departure != DeparturePhase::unregistering) return;
    context.log(Severity::warning, "the master did not answer that this agent leaves");
    finish_departure(context);
}

bool on_departure_answered(Context& context) {
    if (context.state.departure != DeparturePhase::unregistering) return false;
    if (context.state.shutting_down) return true;
    context.log(Severity::info, "the master removed this agent");
    finish_departure(context);
    return true;
}

}  // namespace tepui::agent
