#include "master/core/gone.h"

#include "master/core/agent_loss.h"
#include "master/core/deactivation.h"
#include "master/core/operations.h"
#include "master/core/registry_codec.h"
#include "master/core/registry_gc.h"
#include "master/core/removals.h"
#include "master/core/tasks.h"

namespace tepui::master {

namespace {

constexpr const char* gone_message = "Agent has been marked gone";

MasterStatus gone_status(const Framework& framework, const AgentId& agent) {
    using Status = mesos::v1::TaskStatus;
    return {.task = {},
            .state = lost_state(framework, mesos::v1::TASK_GONE_BY_OPERATOR),
            .reason = framework.partition_aware ? Status::REASON_AGENT_REMOVED_BY_OPERATOR
                                                : Status::REASON_AGENT_REMOVED,
            .message = gone_message,
            .agent = agent};
}

// Why it can't be marked now; nothing when it can.
std::optional<Error> obstacle(const State& state, const AgentId& id) {
    const auto agent = state.agents.find(id);
    const auto recovered = state.recovered_agents.find(id);
    const bool registered = agent != state.agents.end();
    const bool known = registered || recovered != state.recovered_agents.end() ||
                       state.unreachable_agents.contains(id);
    if (!known) {
        return Error{Errc::not_found,
                     fmt::format("Agent {} is not known: it never registered here, was removed, or "
                                 "is forgotten by now",
                                 id)};
    }
    const bool leaving = registered ? agent->second.marking_unreachable || agent->second.removing
                                    : recovered != state.recovered_agents.end() &&
                                          recovered->second.marking_unreachable;
    if (leaving || state.pending.newest_registration.contains(id)) {
        return Error{Errc::unavailable,
                     fmt::format("Agent {} is just being {}; ask again in a moment", id,
                                 leaving ? "given up" : "registered")};
    }
    return std::nullopt;
}

const mesos::v1::AgentInfo& info_of(const State& state, const AgentId& id) {
    if (const auto it = state.agents.find(id); it != state.agents.end()) return *it->second.info;
    if (const auto it = state.recovered_agents.find(id); it != state.recovered_agents.end()) {
        return *it->second.info;
    }
    return *state.unreachable_agents.at(id).info;
}

void end_unreachable_tasks_on(Turn& turn, const AgentId& id) {
    for (auto& [framework_id, framework] : turn.state.frameworks) {
        std::vector<TaskId> tasks;
        for (const auto& [task_id, task] : framework.unreachable_tasks) {
            if (task->agent_id().value() == id.value) tasks.push_back(task_id);
        }
        for (const TaskId& task_id : tasks) {
            MasterStatus status = gone_status(framework, id);
            status.task = task_id;
            end_unreachable_task(turn, framework, std::move(status));
        }
    }
}

void leave_tables(Turn& turn, const AgentId& id) {
    State& state = turn.state;
    if (Agent* agent = turn.find_agent(id)) {
        turn.count("slave_removals");
        if (agent->connected()) {
            link::ToAgent frame;
            frame.mutable_shutdown_agent()->set_message(gone_message);
            turn.send(*agent, std::move(frame));
        }
        lose_operations(turn, *agent, mesos::v1::OPERATION_GONE_BY_OPERATOR, gone_message);
        dissolve(turn, *agent, [&](const Framework& f) { return gone_status(f, id); });
        return;
    }
    if (state.recovered_agents.erase(id) > 0) {
        state.timers.cancel({TimerKey::Kind::agent_reregister, id.value});
        cancel_unreachable(turn, id);
        turn.count("slave_removals");
        tell_failure(turn, id);
    }
    state.unreachable_agents.erase(id);
    end_unreachable_tasks_on(turn, id);
}

}  // namespace

void on_requested(Turn& turn, const MarkAgentGoneRequested& requested) {
    State& state = turn.state;
    const AgentId& id = requested.agent;
    if (state.gone_agents.contains(id)) {
        turn.effects.emplace_back(AnswerRequest{requested.request, {}});
        return;
    }
    auto& requests = state.pending.gone_requests;
    if (requests.contains(id)) {  // The same wish is being stored.
        requests.emplace(id, requested.request);
        return;
    }
    if (const auto error = obstacle(state, id)) {
        turn.effects.emplace_back(AnswerRequest{requested.request, std::unexpected(*error)});
        return;
    }
    begin_gone(turn, id, requested.request);
}

void begin_gone(Turn& turn, const AgentId& id, std::optional<RequestToken> request) {
    const mesos::v1::AgentInfo& info = info_of(turn.state, id);
    turn.log(Severity::warning, "Marking agent {} ({}) gone, as an operator wishes", id,
             info.hostname());
    turn.state.pending.gone_requests.emplace(id, request);
    turn.persist({{agent_key(id), encode_gone_agent(info, turn.now.wall)}},
                 GoneStored{id, turn.now.wall});
}

void on_gone_stored(Turn& turn, const GoneStored& stored) {
    State& state = turn.state;
    state.gone_agents.insert_or_assign(stored.agent, stored.since);
    leave_tables(turn, stored.agent);
    forget_deactivation(turn, stored.agent);
    turn.changed(stored.agent);
    arm_registry_gc(turn);
    const auto [first, last] = state.pending.gone_requests.equal_range(stored.agent);
    for (auto it = first; it != last; ++it) {
        if (it->second) turn.effects.emplace_back(AnswerRequest{*it->second, {}});
    }
    state.pending.gone_requests.erase(first, last);
}

}  // namespace tepui::master
