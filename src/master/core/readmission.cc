#include "master/core/readmission.h"

#include <set>

#include "master/core/drain.h"
#include "master/core/executors.h"
#include "master/core/frameworks.h"
#include "master/core/ledger.h"
#include "master/core/offers.h"
#include "master/core/tasks.h"
#include "master/core/validation.h"
#include "resources/task_state.h"

namespace tepui::master {

namespace {

using InfoById = std::map<FrameworkId, const mesos::v1::FrameworkInfo*>;

TaskKey key_of(const mesos::v1::Task& task) {
    return {FrameworkId{task.framework_id().value()}, TaskId{task.task_id().value()}};
}

// Old agents' reports may lack allocation roles; without MULTI_ROLE there was only one.
Resources with_role(const Framework& framework, Resources resources) {
    const auto by_role = resources.by_allocation_role();
    if (!by_role.contains("")) return resources;
    return resources.allocated_to(framework.roles.empty() ? "*" : *framework.roles.begin());
}

std::shared_ptr<link::ToAgent> kill_frame(const Agent& agent, const TaskKey& key) {
    auto frame = std::make_shared<link::ToAgent>();
    frame->set_agent_id(agent.id.value);
    frame->mutable_kill_task()->mutable_framework_id()->set_value(key.first.value);
    frame->mutable_kill_task()->mutable_task_id()->set_value(key.second.value);
    return frame;
}

// The framework, taken in from the frame when this master has not met it; null when the frame does
// not describe it either.
Framework* framework_of(Turn& turn, const Agent& agent, const InfoById& infos,
                        const FrameworkId& id) {
    if (Framework* known = turn.find_framework(id)) return known;
    const auto it = infos.find(id);
    if (it == infos.end()) {
        turn.log(Severity::error, "Agent {} reports tasks of framework {} without its info",
                 agent.id, id);
        return nullptr;
    }
    mesos::v1::scheduler::Call::Subscribe subscribe;
    *subscribe.mutable_framework_info() = *it->second;
    if (const auto valid = validate_framework(subscribe, {}); !valid) {
        turn.log(Severity::error, "Agent {} reports framework {}: {}", agent.id, id,
                 valid.error().text);
        return nullptr;
    }
    return &adopt_framework(turn, *it->second);
}

// Tasks the master has there and the agent does not list: RunTask was lost with a connection, or
// the agent restarted and never knew them, or they are gone. Mesos asks the agent, which answers
// for them (semantics 6: origin agent); our agent has just told all it knows, so the master speaks:
// no uuid, SOURCE_MASTER, and the reason AGENT_RESTARTED that schedulers know for this.
void end_missing(Turn& turn, Agent& agent, const std::set<TaskKey>& listed) {
    const std::set<TaskKey> tasks = agent.tasks;
    for (const TaskKey& key : tasks) {
        if (listed.contains(key)) continue;
        Framework& framework = turn.state.frameworks.at(key.first);
        if (framework.phase == Framework::Phase::removing) continue;
        const Task& task = framework.tasks.at(key.second);
        const mesos::v1::TaskState state = task.info.state();
        if (is_terminal(state)) {  // Acknowledged; the acknowledgement passed a former master.
            complete_task(turn, framework, agent, key.second);
            continue;
        }
        // Sent on this very connection after the agent made its list: it is on its way. (An agent
        // that does not get its answer registers again on the same connection; a restarted one has
        // a new connection.)
        if (task.launched_on == *agent.link) continue;
        const bool received = state != mesos::v1::TASK_STAGING;
        end_task(turn, framework, agent,
                 {.task = key.second,
                  .state = lost_state(framework,
                                      received ? mesos::v1::TASK_GONE : mesos::v1::TASK_DROPPED),
                  .reason = mesos::v1::TaskStatus::REASON_AGENT_RESTARTED,
                  .message = received ? "The agent came back without the task"
                                      : "The task did not reach the agent"});
    }
}

void announce_return(Turn& turn, const Framework& framework, const Agent& agent,
                     const mesos::v1::Task& task) {
    mesos::v1::TaskStatus status =
        make_status({.task = TaskId{task.task_id().value()},
                     .state = task.state(),
                     .reason = mesos::v1::TaskStatus::REASON_AGENT_REREGISTERED,
                     .message = "Unreachable agent re-reregistered",  // Its spelling on the wire.
                     .agent = agent.id},
                    turn.now.wall);
    for (int i = task.statuses_size() - 1; i >= 0; --i) {
        if (!task.statuses(i).has_container_status()) continue;
        *status.mutable_container_status() = task.statuses(i).container_status();
        break;
    }
    if (task.has_executor_id()) *status.mutable_executor_id() = task.executor_id();
    if (framework.connected()) send_update(turn, framework, std::move(status));
}

// What an agent that was registered all along did not report before may be offered just now.
void charge_reported(Turn& turn, Agent& agent, const FrameworkId& framework, Resources& resources,
                     Readmission before) {
    if (before.was_registered) rescind_offers_on(turn, agent);
    resources = not_held(agent, resources);
    use_reported(turn, agent, framework, resources, before.was_registered);
}

// What the master called lost with its agent did not end there. An end that the agent told (it has
// a uuid) stays.
void forget_presumed_end(Framework& framework, const TaskId& task, const AgentId& agent) {
    std::erase_if(framework.completed_tasks, [&](const auto& ended) {
        return ended->task_id().value() == task.value && ended->agent_id().value() == agent.value &&
               ended->status_update_uuid().empty();
    });
}

TaskRecord record_of(const Framework& framework, const AgentId& agent,
                     const mesos::v1::Task& reported) {
    const auto lost = framework.unreachable_tasks.find(TaskId{reported.task_id().value()});
    const bool lacks_statuses =
        lost != framework.unreachable_tasks.end() && reported.statuses().empty();
    if (!lacks_statuses && reported.agent_id().value() == agent.value) {
        return TaskRecord::packed(reported);  // There may be thousands of them.
    }
    auto info = std::make_shared<mesos::v1::Task>(reported);
    info->mutable_agent_id()->set_value(agent.value);
    if (lacks_statuses) *info->mutable_statuses() = lost->second->statuses();
    return TaskRecord(std::move(info));
}

void adopt_task(Turn& turn, Framework& framework, Agent& agent, const mesos::v1::Task& reported,
                Readmission before) {
    const TaskKey key = key_of(reported);
    auto parsed = Resources::parse(reported.resources());
    if (!parsed) {
        turn.log(Severity::error, "Agent {} reports task {}: {}", agent.id, key.second,
                 parsed.error().text);
        return;
    }
    Resources resources = with_role(framework, std::move(*parsed));
    const bool running = !is_terminal(reported.state());
    if (running) charge_reported(turn, agent, framework.id, resources, before);
    add_task(turn, framework, agent,
             Task{.info = record_of(framework, agent.id, reported),
                  .agent = agent.id,
                  .resources = framework.shapes.share(std::move(resources)),
                  .charged = running,
                  .launched_on = {}});
    if (!running) return;
    if (before.was_lost) {
        forget_presumed_end(framework, key.second, agent.id);
        announce_return(turn, framework, agent, *framework.tasks.at(key.second).info.message());
    }
    // It was reported lost when the connection broke, for ever: without checkpointing a framework
    // does not expect tasks to survive that.
    if (before.was_registered && !framework.info->checkpoint()) {
        agent.pending_kills.emplace(key, kill_frame(agent, key));
    }
}

// The framework has acknowledged this end; the agent's words crossed the acknowledgement. Taken in
// again it would wait for another one, which never comes. (An end that went with its agent before
// it was acknowledged keeps no uuid, see end_task().)
bool was_acknowledged(const Framework& framework, const mesos::v1::Task& reported) {
    if (!is_terminal(reported.status_update_state()) || reported.status_update_uuid().empty())
        return false;
    return std::ranges::any_of(framework.completed_tasks, [&](const auto& ended) {
        return ended->task_id().value() == reported.task_id().value() &&
               ended->status_update_uuid() == reported.status_update_uuid();
    });
}

void readmit_task(Turn& turn, Agent& agent, const InfoById& infos, const mesos::v1::Task& reported,
                  Readmission before) {
    const TaskKey key = key_of(reported);
    if (turn.state.ended_frameworks.contains(key.first)) return;
    Framework* framework = framework_of(turn, agent, infos, key.first);
    if (framework == nullptr) return;
    const auto known = framework->tasks.find(key.second);
    if (known == framework->tasks.end()) {
        if (was_acknowledged(*framework, reported)) return;
        adopt_task(turn, *framework, agent, reported, before);
        return;
    }
    if (known->second.agent != agent.id) {
        turn.log(Severity::error, "Killing task {} of framework {} on agent {}: agent {} runs it",
                 key.second, key.first, agent.id, known->second.agent);
        turn.send(agent, kill_frame(agent, key));
        return;
    }
    set_state(turn, *framework, agent, key.second, reported.state());
}

using ExecutorKey = std::pair<FrameworkId, ExecutorId>;

ExecutorKey key_of(const mesos::v1::ExecutorInfo& info) {
    return {FrameworkId{info.framework_id().value()}, ExecutorId{info.executor_id().value()}};
}

// Executors the master has there and the agent does not list. As with tasks, one that was launched
// over this very connection is on its way.
void end_missing_executors(Turn& turn, Agent& agent, const std::set<ExecutorKey>& listed) {
    std::vector<ExecutorKey> missing;
    for (const auto& [framework, by_id] : agent.executors) {
        for (const auto& [id, executor] : by_id) {
            if (listed.contains({framework, id}) || executor.launched_on == *agent.link) continue;
            missing.emplace_back(framework, id);
        }
    }
    for (const auto& [framework, id] : missing) {
        remove_executor(turn, agent, framework, id);
        tell_executor_failure(turn, framework, agent.id, id, -1);
    }
}

void readmit_executors(Turn& turn, Agent& agent, const link::ReregisterAgent& frame,
                       const InfoById& infos, Readmission before) {
    std::set<ExecutorKey> listed;
    for (const auto& info : frame.executors()) listed.insert(key_of(info));
    end_missing_executors(turn, agent, listed);
    for (const mesos::v1::ExecutorInfo& info : frame.executors()) {
        const auto [framework_id, id] = key_of(info);
        if (turn.state.ended_frameworks.contains(framework_id)) continue;
        if (find_executor(agent, framework_id, id) != nullptr) continue;
        const Framework* framework = framework_of(turn, agent, infos, framework_id);
        auto parsed = Resources::parse(info.resources());
        if (framework == nullptr || !parsed) {
            turn.log(Severity::error, "Ignoring executor {} that agent {} reports", id, agent.id);
            continue;
        }
        Executor executor{.info = std::make_shared<mesos::v1::ExecutorInfo>(info),
                          .resources = with_role(*framework, std::move(*parsed)),
                          .launched_on = {}};
        charge_reported(turn, agent, framework_id, executor.resources, before);
        add_executor(turn, agent, framework_id, std::move(executor));
    }
}

}  // namespace

std::vector<FrameworkId> ended_frameworks_of(const State& state,
                                             const link::ReregisterAgent& frame) {
    std::set<FrameworkId> ended;
    const auto note = [&](const std::string& id) {
        if (const FrameworkId framework{id}; state.ended_frameworks.contains(framework)) {
            ended.insert(framework);
        }
    };
    for (const auto& info : frame.frameworks()) note(info.id().value());
    for (const auto& task : frame.tasks()) note(task.framework_id().value());
    for (const auto& executor : frame.executors()) note(executor.framework_id().value());
    return {ended.begin(), ended.end()};
}

void readmit(Turn& turn, Agent& agent, const link::ReregisterAgent& frame, Readmission before) {
    InfoById infos;
    for (const auto& info : frame.frameworks()) {
        if (!info.id().value().empty()) infos.emplace(FrameworkId{info.id().value()}, &info);
    }
    std::set<TaskKey> listed;
    for (const auto& task : frame.tasks()) listed.insert(key_of(task));
    end_missing(turn, agent, listed);
    for (const auto& task : frame.tasks()) readmit_task(turn, agent, infos, task, before);
    readmit_executors(turn, agent, frame, infos, before);
}

void catch_up(Turn& turn, Agent& agent, const link::ReregisterAgent& frame) {
    for (const auto& info : frame.frameworks()) {
        const Framework* framework = turn.find_framework(FrameworkId{info.id().value()});
        if (framework == nullptr || framework->phase == Framework::Phase::recovered) continue;
        if (framework->info->SerializeAsString() == info.SerializeAsString()) continue;
        link::ToAgent update;
        *update.mutable_update_framework()->mutable_framework() = *framework->info;
        turn.send(agent, std::move(update));
    }
    for (const auto& [key, kill] : agent.pending_kills) turn.send(agent, kill);
    repeat_drain(turn, agent);
}

}  // namespace tepui::master
