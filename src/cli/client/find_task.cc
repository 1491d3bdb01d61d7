#include "cli/client/find_task.h"

#include <algorithm>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "cli/suggest.h"
#include "resources/task_state.h"

namespace tepui::cli {

namespace {

using mesos::v1::Task;

double last_seen(const Task& task) {
    double latest = 0;
    for (const auto& status : task.statuses()) latest = std::max(latest, status.timestamp());
    return latest;
}

std::unexpected<Error> ambiguous(const std::string& wanted, const std::vector<const Task*>& found) {
    constexpr std::size_t shown_max = 5;
    std::vector<std::string> ids;
    for (const Task* task : found) {
        if (ids.size() < shown_max) ids.push_back(task->task_id().value());
    }
    if (found.size() > shown_max) ids.push_back("...");
    return fail(Errc::conflict, "'{}' means {} tasks: {}", wanted, found.size(),
                fmt::join(ids, ", "));
}

template <typename Keep>
std::vector<const Task*> select(const std::vector<Task>& tasks, Keep keep) {
    std::vector<const Task*> found;
    for (const Task& task : tasks) {
        if (keep(task)) found.push_back(&task);
    }
    return found;
}

}  // namespace

std::vector<Task> all_tasks(const mesos::v1::master::Response& answer) {
    const auto& lists = answer.get_tasks();
    std::vector<Task> tasks(lists.tasks().begin(), lists.tasks().end());
    for (const auto* list : {&lists.unreachable_tasks(), &lists.completed_tasks()}) {
        tasks.insert(tasks.end(), list->begin(), list->end());
    }
    return tasks;
}

Result<Task> find_task(const std::vector<Task>& tasks, const std::string& wanted) {
    const auto exact =
        select(tasks, [&](const Task& task) { return task.task_id().value() == wanted; });
    if (exact.size() == 1) return *exact[0];
    if (exact.size() > 1) {
        // The same id in two frameworks: the one that lives is meant.
        for (const Task* task : exact) {
            if (!is_terminal(task->state())) return *task;
        }
        return *exact[0];
    }
    const auto begins =
        select(tasks, [&](const Task& task) { return task.task_id().value().starts_with(wanted); });
    if (begins.size() == 1) return *begins[0];
    const auto alive = select(tasks, [&](const Task& task) {
        return task.name() == wanted && !is_terminal(task.state());
    });
    if (alive.size() == 1) return *alive[0];
    if (!alive.empty()) return ambiguous(wanted, alive);
    const auto ended = select(tasks, [&](const Task& task) { return task.name() == wanted; });
    if (!ended.empty()) {
        return **std::max_element(ended.begin(), ended.end(), [](const Task* a, const Task* b) {
            return last_seen(*a) < last_seen(*b);
        });
    }
    if (!begins.empty()) return ambiguous(wanted, begins);
    std::vector<std::string> known;
    for (const Task& task : tasks) {
        known.push_back(task.name());
        known.push_back(task.task_id().value());
    }
    const auto near = nearest(wanted, known);
    return fail(Errc::not_found, "there is no task '{}'{}", wanted,
                near ? fmt::format("; did you mean '{}'?", *near) : "");
}

Result<std::string> agent_address(const mesos::v1::master::Response& agents,
                                  const std::string& agent_id) {
    for (const auto& agent : agents.get_agents().agents()) {
        if (agent.agent_info().id().value() != agent_id) continue;
        const std::size_t at = agent.pid().rfind('@');
        if (at != std::string::npos) return agent.pid().substr(at + 1);
        return fmt::format("{}:{}", agent.agent_info().hostname(), agent.agent_info().port());
    }
    return fail(Errc::not_found, "agent {} is not registered now", agent_id);
}

double scalar_sum(const google::protobuf::RepeatedPtrField<mesos::v1::Resource>& resources,
                  std::string_view name) {
    double sum = 0;
    for (const auto& resource : resources) {
        if (resource.name() == name && resource.has_scalar()) sum += resource.scalar().value();
    }
    return sum;
}

}  // namespace tepui::cli
