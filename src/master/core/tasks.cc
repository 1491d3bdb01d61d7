#include "master/core/tasks.h"

#include "base/assert.h"
#include "master/core/ledger.h"
#include "master/core/publish.h"
#include "master/core/tally.h"
#include "resources/task_state.h"

namespace tepui::master {

namespace {

constexpr std::size_t uuid_bytes = 16;

std::uint64_t& gauge(Turn& turn, mesos::v1::TaskState state) {
    const auto index = static_cast<std::size_t>(state);
    TEPUI_ASSERT(index < turn.state.tasks_by_state.size());
    return turn.state.tasks_by_state[index];
}

// Keeps the last of each run of equal states and no data: what state endpoints show.
void record_status(mesos::v1::Task& task, const mesos::v1::TaskStatus& status) {
    const int count = task.statuses_size();
    if (count > 0 && task.statuses(count - 1).state() == status.state()) {
        task.mutable_statuses()->RemoveLast();
    }
    mesos::v1::TaskStatus& added = *task.add_statuses();
    added = status;
    added.clear_data();
}

// Takes the task out of its framework's and agent's tables and gives its last version back.
std::shared_ptr<const mesos::v1::Task> detach(Turn& turn, Framework& framework, Agent& agent,
                                              std::map<TaskId, Task>::iterator it) {
    TEPUI_ASSERT(it != framework.tasks.end() && it->second.agent == agent.id);
    TEPUI_ASSERT_WHY(!it->second.charged, "a task leaves only after its resources were freed");
    std::shared_ptr<const mesos::v1::Task> info = it->second.info.message();
    --gauge(turn, info->state());
    const TaskKey key{framework.id, it->first};
    agent.tasks.erase(key);
    agent.pending_kills.erase(key);
    framework.tasks.erase(it);
    turn.changed(key);
    turn.changed(agent.id);
    turn.changed(framework.id);
    return info;
}

void free_resources(Turn& turn, Framework& framework, Agent& agent, Task& task) {
    if (!task.charged) return;
    task.charged = false;
    release_used(turn, agent, framework.id, *task.resources);
}

void push_completed(Turn& turn, Framework& framework, std::shared_ptr<const mesos::v1::Task> info) {
    framework.completed_tasks.push_back(std::move(info));
    while (framework.completed_tasks.size() > turn.state.config.max_completed_tasks_per_framework) {
        framework.completed_tasks.pop_front();
    }
}

void push_unreachable(Turn& turn, Framework& framework, const TaskId& id,
                      std::shared_ptr<const mesos::v1::Task> info) {
    if (framework.unreachable_tasks.insert_or_assign(id, std::move(info)).second) {
        framework.unreachable_order.push_back(id);
        ++turn.state.unreachable_task_count;
    }
    const std::size_t most = turn.state.config.max_unreachable_tasks_per_framework;
    while (framework.unreachable_tasks.size() > most) {
        const TaskId oldest = std::move(framework.unreachable_order.front());
        framework.unreachable_order.pop_front();
        framework.unreachable_tasks.erase(oldest);
        --turn.state.unreachable_task_count;
        turn.changed(TaskKey{framework.id, oldest});
    }
}

// As set_state(); false when the task is in that state, or ended, already. Who calls notes that the
// task changed.
bool enter_state(Turn& turn, Framework& framework, Agent& agent, Task& task,
                 mesos::v1::TaskState state, const mesos::v1::TaskStatus* why) {
    const mesos::v1::TaskState old = task.info.state();
    if (old == state || is_terminal(old)) return false;
    edit(task.info).set_state(state);
    --gauge(turn, old);
    ++gauge(turn, state);
    if (!is_terminal(state)) return true;
    count_end(turn, framework, state, why);
    if (!agent.pending_kills.empty()) {
        agent.pending_kills.erase(TaskKey{framework.id, TaskId{task.info.task_id()}});
    }
    free_resources(turn, framework, agent, task);
    return true;
}

void record_update(Turn& turn, Framework& framework, Agent& agent,
                   const link::StatusUpdate& update) {
    TaskKey key{framework.id, TaskId{update.status().task_id().value()}};
    const auto it = framework.tasks.find(key.second);
    if (it == framework.tasks.end() || it->second.agent != agent.id) return;
    mesos::v1::Task& task = edit(it->second.info);
    // Agents repeat an update till it is acknowledged; operators are told once.
    const bool repeated = task.status_update_uuid() == update.status().uuid() &&
                          task.state() == update.latest_state();
    record_status(task, update.status());
    task.set_status_update_state(update.status().state());
    task.set_status_update_uuid(update.status().uuid());
    const bool newest = update.status().state() == update.latest_state();
    enter_state(turn, framework, agent, it->second, update.latest_state(),
                newest ? &update.status() : nullptr);
    if (!repeated) publish_task_updated(turn, framework.id, task, update.status());
    turn.changed(key);
}

// An agent that still reports on an ended framework is told that nobody will acknowledge.
void acknowledge_for_ended(Turn& turn, const Agent& agent, const link::StatusUpdate& update) {
    link::ToAgent frame;
    auto& acknowledge = *frame.mutable_acknowledge_update();
    *acknowledge.mutable_framework_id() = update.framework_id();
    *acknowledge.mutable_task_id() = update.status().task_id();
    acknowledge.set_uuid(update.status().uuid());
    turn.send(agent, std::move(frame));
}

}  // namespace

mesos::v1::TaskState lost_state(const Framework& framework, mesos::v1::TaskState partition_state) {
    return framework.partition_aware ? partition_state : mesos::v1::TASK_LOST;
}

mesos::v1::TaskStatus make_status(const MasterStatus& status, WallTime now) {
    mesos::v1::TaskStatus made;
    made.mutable_task_id()->set_value(status.task.value);
    made.set_state(status.state);
    if (!status.message.empty()) made.set_message(status.message);
    made.set_source(mesos::v1::TaskStatus::SOURCE_MASTER);
    if (status.reason) made.set_reason(*status.reason);
    if (status.agent) made.mutable_agent_id()->set_value(status.agent->value);
    made.set_timestamp(now.seconds());
    if (status.unreachable_since) {
        made.mutable_unreachable_time()->set_nanoseconds(
            status.unreachable_since->since_epoch.count());
    }
    return made;
}

void send_update(Turn& turn, const Framework& framework, mesos::v1::TaskStatus status) {
    mesos::v1::scheduler::Event event;
    event.set_type(mesos::v1::scheduler::Event::UPDATE);
    *event.mutable_update()->mutable_status() = std::move(status);
    turn.send(framework, std::move(event));
}

void add_task(Turn& turn, Framework& framework, Agent& agent, Task task) {
    const TaskId id{task.info.task_id()};
    const TaskKey key{framework.id, id};
    if (framework.unreachable_tasks.erase(id) > 0) {
        std::erase(framework.unreachable_order, id);
        --turn.state.unreachable_task_count;
    }
    ++gauge(turn, task.info.state());
    agent.tasks.insert(key);
    const auto [at, added] = framework.tasks.emplace(id, std::move(task));
    TEPUI_ASSERT_WHY(added, "a task id is active at most once");
    publish_task_added(turn, at->second.info);
    turn.changed(key);
    turn.changed(framework.id);
    turn.changed(agent.id);
}

void pack_quiet_tasks(State& state, const Changes& changes) {
    const auto pack = [](Task& task) {
        if (task.info.state() == mesos::v1::TASK_RUNNING) task.info.pack();
    };
    if (changes.everything) {
        for (auto& [id, framework] : state.frameworks) {
            for (auto& [task_id, task] : framework.tasks) pack(task);
        }
        return;
    }
    for (const TaskKey& key : changes.tasks) {
        const auto framework = state.frameworks.find(key.first);
        if (framework == state.frameworks.end()) continue;
        const auto task = framework->second.tasks.find(key.second);
        if (task != framework->second.tasks.end()) pack(task->second);
    }
}

void set_state(Turn& turn, Framework& framework, Agent& agent, const TaskId& id,
               mesos::v1::TaskState state, const mesos::v1::TaskStatus* why) {
    const auto it = framework.tasks.find(id);
    TEPUI_ASSERT(it != framework.tasks.end());
    if (!enter_state(turn, framework, agent, it->second, state, why)) return;
    turn.changed(TaskKey{framework.id, id});
}

void complete_task(Turn& turn, Framework& framework, Agent& agent, const TaskId& id) {
    push_completed(turn, framework, detach(turn, framework, agent, framework.tasks.find(id)));
}

void end_task(Turn& turn, Framework& framework, Agent& agent, MasterStatus status) {
    const auto it = framework.tasks.find(status.task);
    TEPUI_ASSERT(it != framework.tasks.end());
    Task& task = it->second;
    if (is_terminal(task.info.state())) {
        // Nobody acknowledged its end: an agent that comes back and tells it is heard.
        edit(task.info).clear_status_update_uuid();
        push_completed(turn, framework, detach(turn, framework, agent, it));
        return;
    }
    status.agent = agent.id;
    mesos::v1::TaskStatus made = make_status(status, turn.now.wall);
    {
        mesos::v1::Task& edited = edit(task.info);
        if (edited.has_executor_id()) *made.mutable_executor_id() = edited.executor_id();
        record_status(edited, made);
        edited.set_status_update_state(status.state);
        edited.clear_status_update_uuid();
    }
    set_state(turn, framework, agent, status.task, status.state, &made);
    publish_task_updated(turn, framework.id, *task.info.message(), made);
    free_resources(turn, framework, agent, task);  // TASK_UNREACHABLE is not terminal.
    if (framework.phase != Framework::Phase::removing) {
        send_update(turn, framework, std::move(made));
    }
    auto info = detach(turn, framework, agent, it);
    if (status.unreachable_since) {
        push_unreachable(turn, framework, status.task, std::move(info));
    } else {
        push_completed(turn, framework, std::move(info));
    }
}

void end_unreachable_task(Turn& turn, Framework& framework, MasterStatus status) {
    const auto it = framework.unreachable_tasks.find(status.task);
    TEPUI_ASSERT(it != framework.unreachable_tasks.end());
    std::shared_ptr<const mesos::v1::Task> info = std::move(it->second);
    framework.unreachable_tasks.erase(it);
    std::erase(framework.unreachable_order, status.task);
    --turn.state.unreachable_task_count;
    if (!is_terminal(info->state())) {
        mesos::v1::TaskStatus made = make_status(status, turn.now.wall);
        mesos::v1::Task& edited = edit(info);
        record_status(edited, made);
        edited.set_state(status.state);
        edited.set_status_update_state(status.state);
        edited.clear_status_update_uuid();
        count_end(turn, framework, status.state, &made);
        publish_task_updated(turn, framework.id, *info, made);
        send_update(turn, framework, std::move(made));
    }
    push_completed(turn, framework, std::move(info));
    turn.changed(TaskKey{framework.id, status.task});
    turn.changed(framework.id);
}

void on_status_update(Turn& turn, Agent& agent, link::StatusUpdate update) {
    turn.count("messages_status_update");
    mesos::v1::TaskStatus& status = *update.mutable_status();
    if (status.uuid().size() != uuid_bytes ||
        (status.has_agent_id() && status.agent_id().value() != agent.id.value)) {
        turn.count("invalid_status_updates");
        turn.log(Severity::warning,
                 "Ignoring an update of task {} from agent {}: bad uuid or agent id",
                 status.task_id().value(), agent.id);
        return;
    }
    status.mutable_agent_id()->set_value(agent.id.value);
    const FrameworkId framework_id{update.framework_id().value()};
    Framework* framework = turn.find_framework(framework_id);
    if (framework == nullptr) {
        turn.count("invalid_status_updates");
        if (turn.state.ended_frameworks.contains(framework_id)) {
            acknowledge_for_ended(turn, agent, update);
        } else {
            turn.log(Severity::warning,
                     "Ignoring an update of task {} from agent {}: unknown framework {}",
                     status.task_id().value(), agent.id, framework_id);
        }
        return;
    }
    turn.count("valid_status_updates");
    record_update(turn, *framework, agent, update);
    // While the framework is away the update is dropped: the agent repeats it until acknowledged.
    if (framework->connected()) send_update(turn, *framework, std::move(status));
}

void on_acknowledge(Turn& turn, Framework& framework,
                    const mesos::v1::scheduler::Call::Acknowledge& acknowledge) {
    turn.count("messages_status_update_acknowledgement");
    Agent* agent = turn.find_agent(AgentId{acknowledge.agent_id().value()});
    if (agent == nullptr || !agent->connected()) {
        turn.count("invalid_status_update_acknowledgements");
        turn.log(Severity::info,
                 "Dropping an acknowledgement of task {}: agent {} is not connected",
                 acknowledge.task_id().value(), acknowledge.agent_id().value());
        return;
    }
    turn.count("valid_status_update_acknowledgements");
    link::ToAgent frame;
    auto& forwarded = *frame.mutable_acknowledge_update();
    forwarded.mutable_framework_id()->set_value(framework.id.value);
    *forwarded.mutable_task_id() = acknowledge.task_id();
    forwarded.set_uuid(acknowledge.uuid());
    turn.send(*agent, std::move(frame));

    const TaskId id{acknowledge.task_id().value()};
    const auto it = framework.tasks.find(id);
    if (it == framework.tasks.end() || it->second.agent != agent->id) return;
    if (!is_terminal(it->second.info.state())) return;
    const auto task = it->second.info.message();
    if (task->status_update_uuid() == acknowledge.uuid() &&
        is_terminal(task->status_update_state())) {
        push_completed(turn, framework, detach(turn, framework, *agent, it));
    }
}

}  // namespace tepui::master
