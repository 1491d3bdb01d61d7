#pragma once

#include <optional>
#include <string>

#include "master/snapshot/snapshot.h"

// Whole bodies of the endpoints from before v1, as JSON. Functions of a snapshot.
namespace tepui::master {

std::string render_state(const Snapshot& snapshot);
std::string render_state_summary(const Snapshot& snapshot);
/// `only`: just the agent of that id, if there is one.
std::string render_slaves(const Snapshot& snapshot, const std::optional<std::string>& only);
std::string render_frameworks(const Snapshot& snapshot, const std::optional<std::string>& only);
/// Both forms of all quota; without any both lists are left out.
std::string render_quota(const Snapshot& snapshot);
std::string render_roles(const Snapshot& snapshot);
/// The body of /weights.
std::string render_weights(const Snapshot& snapshot);

struct TasksQuery {
    std::optional<std::string> framework_id = std::nullopt;
    std::optional<std::string> task_id = std::nullopt;
    std::int64_t limit = 100;  // Negative: all.
    std::size_t offset = 0;
    bool ascending = false;  // By the time of the first status.
};
std::string render_tasks(const Snapshot& snapshot, const TasksQuery& query);

}  // namespace tepui::master
