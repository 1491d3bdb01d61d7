#include "cli/view/wait_core.h"

#include <algorithm>
#include <array>
#include <span>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "base/ascii.h"
#include "cli/client/find_object.h"
#include "cli/client/find_task.h"
#include "cli/view/text.h"
#include "resources/task_state.h"

namespace tepui::cli {

namespace {

using mesos::v1::master::Event;

constexpr std::array<std::string_view, 16> task_states = {
    "staging",          "starting", "running", "killing", "finished",    "failed",
    "killed",           "lost",     "error",   "dropped", "unreachable", "gone",
    "gone_by_operator", "unknown",  "ended",   "healthy"};
constexpr std::array<std::string_view, 4> framework_states = {"active", "inactive", "disconnected",
                                                              "removed"};
constexpr std::array<std::string_view, 6> agent_states = {"active",   "disconnected", "deactivated",
                                                          "draining", "drained",      "removed"};

std::span<const std::string_view> states_of(const std::string& kind) {
    if (kind == "task") return task_states;
    if (kind == "framework") return framework_states;
    return agent_states;
}

}  // namespace

std::vector<std::string> goal_states() {
    std::vector<std::string> all;
    for (const std::string kind : {"task", "framework", "agent"}) {
        for (const std::string_view state : states_of(kind)) {
            if (std::find(all.begin(), all.end(), state) == all.end()) all.emplace_back(state);
        }
    }
    return all;
}

Result<void> check_goal(const WaitGoal& goal) {
    if (goal.kind != "task" && goal.kind != "framework" && goal.kind != "agent") {
        return fail(Errc::invalid_argument,
                    "there is no kind '{}'; there are task, framework and agent", goal.kind);
    }
    const auto states = states_of(goal.kind);
    if (std::find(states.begin(), states.end(), goal.state) != states.end()) return {};
    return fail(Errc::invalid_argument, "a {} is never '{}'; its states are {}", goal.kind,
                goal.state, fmt::join(states.begin(), states.end(), ", "));
}

Result<WaitCore::Verdict> WaitCore::judge(std::string seen) {
    seen_ = std::move(seen);
    return upper_case(goal_.state) == seen_ ? Verdict::reached : Verdict::waiting;
}

Result<WaitCore::Verdict> WaitCore::removed() {
    seen_ = "REMOVED";
    if (goal_.state == "removed") return Verdict::reached;
    return fail(Errc::unavailable, "{} {} is removed and will not be {}", goal_.kind, id_,
                goal_.state);
}

Result<WaitCore::Verdict> WaitCore::judge_status(const mesos::v1::TaskStatus& status) {
    const Verdict verdict = TEPUI_TRY(judge(task_state_cell(status.state()).text));
    if (verdict == Verdict::reached) return verdict;
    if (goal_.state == "healthy" && status.healthy()) return Verdict::reached;
    if (!is_terminal(status.state())) return Verdict::waiting;
    if (goal_.state == "ended") return Verdict::reached;
    const std::string why = status.message().empty() ? "" : ": " + status.message();
    return fail(Errc::unavailable, "task {} is {} and will not be {}{}", id_, seen_, goal_.state,
                why);
}

Result<WaitCore::Verdict> WaitCore::feed(const Event& event) {
    if (event.type() == Event::SUBSCRIBED) return snapshot(event.subscribed().get_state());
    if (id_.empty()) return Verdict::waiting;
    if (event.type() == Event::TASK_UPDATED && goal_.kind == "task") {
        const auto& update = event.task_updated();
        if (update.status().task_id().value() != id_) return Verdict::waiting;
        if (update.framework_id().value() != framework_) return Verdict::waiting;
        return judge_status(update.status());
    }
    if (goal_.kind == "framework") {
        if (event.type() == Event::FRAMEWORK_UPDATED || event.type() == Event::FRAMEWORK_ADDED) {
            const auto& framework = event.type() == Event::FRAMEWORK_ADDED
                                        ? event.framework_added().framework()
                                        : event.framework_updated().framework();
            if (framework.framework_info().id().value() != id_) return Verdict::waiting;
            return judge(framework_state_cell(framework, false).text);
        }
        if (event.type() == Event::FRAMEWORK_REMOVED &&
            event.framework_removed().framework_info().id().value() == id_) {
            return removed();
        }
    }
    if (goal_.kind == "agent") {
        if (event.type() == Event::AGENT_ADDED &&
            event.agent_added().agent().agent_info().id().value() == id_) {
            return judge(agent_state_cell(event.agent_added().agent()).text);
        }
        if (event.type() == Event::AGENT_REMOVED &&
            event.agent_removed().agent_id().value() == id_) {
            return removed();
        }
    }
    return Verdict::waiting;
}

Result<WaitCore::Verdict> WaitCore::snapshot(const State& state) {
    if (goal_.kind == "task") return task_snapshot(state);
    if (goal_.kind == "framework") return framework_snapshot(state);
    return agent_snapshot(state);
}

Result<WaitCore::Verdict> WaitCore::task_snapshot(const State& state) {
    mesos::v1::master::Response answer;
    *answer.mutable_get_tasks() = state.get_tasks();
    const auto tasks = all_tasks(answer);
    const mesos::v1::Task* task = nullptr;
    if (id_.empty()) {
        const mesos::v1::Task found = TEPUI_TRY(find_task(tasks, goal_.wanted));
        id_ = found.task_id().value();
        framework_ = found.framework_id().value();
    }
    for (const auto& each : tasks) {
        const bool same =
            each.task_id().value() == id_ && each.framework_id().value() == framework_;
        if (same) task = &each;
    }
    if (task == nullptr) {
        return fail(Errc::unavailable, "the master knows no task {} any more", id_);
    }
    // A state that the task went through while nobody looked counts as reached.
    for (const auto& status : task->statuses()) {
        if (task_state_cell(status.state()).text == upper_case(goal_.state)) {
            return judge(task_state_cell(status.state()).text);
        }
    }
    mesos::v1::TaskStatus now;
    if (task->statuses_size() > 0) now = task->statuses(task->statuses_size() - 1);
    now.set_state(task->state());
    return judge_status(now);
}

Result<WaitCore::Verdict> WaitCore::framework_snapshot(const State& state) {
    const auto& lists = state.get_frameworks();
    if (id_.empty()) {
        mesos::v1::master::Response answer;
        *answer.mutable_get_frameworks() = lists;
        id_ =
            TEPUI_TRY(find_framework(answer, goal_.wanted)).framework.framework_info().id().value();
    }
    for (const auto& framework : lists.frameworks()) {
        if (framework.framework_info().id().value() == id_) {
            return judge(framework_state_cell(framework, false).text);
        }
    }
    return removed();
}

Result<WaitCore::Verdict> WaitCore::agent_snapshot(const State& state) {
    if (id_.empty()) {
        mesos::v1::master::Response answer;
        *answer.mutable_get_agents() = state.get_agents();
        id_ = TEPUI_TRY(find_agent(answer, goal_.wanted)).agent_info().id().value();
    }
    for (const auto& agent : state.get_agents().agents()) {
        if (agent.agent_info().id().value() == id_) return judge(agent_state_cell(agent).text);
    }
    return removed();
}

}  // namespace tepui::cli
