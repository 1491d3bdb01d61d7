#include "master/core/publish.h"

#include "master/core/turn.h"

namespace tepui::master {

namespace {

FrameworkView view_of(const State& state, const Framework& framework) {
    FrameworkView view{.info = framework.info,
                       .roles = framework.roles,
                       .active = framework.active(),
                       .connected = framework.connected(),
                       .recovered = framework.phase == Framework::Phase::recovered,
                       .registered_at = framework.registered_at,
                       .reregistered_at = framework.reregistered_at,
                       .allocated = {},
                       .offered = {}};
    for (const auto& [id, agent] : state.agents) {
        if (const auto it = agent.used.find(framework.id); it != agent.used.end())
            view.allocated += it->second;
        if (const auto it = agent.offered.find(framework.id); it != agent.offered.end())
            view.offered += it->second;
    }
    return view;
}

}  // namespace

void publish_task_added(Turn& turn, const TaskRecord& task) {
    if (!turn.state.publishing) return;
    turn.state.published.emplace_back(TaskAdded{task.message()});
}

void publish_task_updated(Turn& turn, const FrameworkId& framework, const mesos::v1::Task& task,
                          const mesos::v1::TaskStatus& status) {
    if (!turn.state.publishing) return;
    auto copy = std::make_shared<mesos::v1::TaskStatus>(status);
    copy->clear_data();
    std::string role = task.resources().empty() ? "" : task.resources(0).allocation_info().role();
    turn.state.published.emplace_back(
        TaskUpdated{framework, std::move(role), std::move(copy), task.state()});
}

void publish_agent_added(Turn& turn, const Agent& agent) {
    if (!turn.state.publishing) return;
    turn.state.published.emplace_back(AgentAdded{std::make_shared<const Agent>(agent)});
}

void publish_agent_removed(Turn& turn, const AgentId& agent) {
    if (!turn.state.publishing) return;
    turn.state.published.emplace_back(AgentRemoved{agent});
}

void publish_framework_added(Turn& turn, const Framework& framework) {
    if (!turn.state.publishing) return;
    turn.state.published.emplace_back(FrameworkAdded{view_of(turn.state, framework)});
}

void publish_framework_updated(Turn& turn, const Framework& framework) {
    if (!turn.state.publishing) return;
    turn.state.published.emplace_back(FrameworkUpdated{view_of(turn.state, framework)});
}

void publish_framework_removed(Turn& turn, const Framework& framework) {
    if (!turn.state.publishing) return;
    turn.state.published.emplace_back(FrameworkRemoved{framework.info, framework.roles});
}

}  // namespace tepui::master
