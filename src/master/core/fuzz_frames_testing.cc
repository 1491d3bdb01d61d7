#include <tuple>

#include "master/core/fuzz_messages_testing.h"

// What agents say.
namespace tepui::master::testing {

link::ToMaster FuzzMessages::register_agent() {
    link::ToMaster frame;
    frame.set_agent_id("");
    *frame.mutable_register_agent()->mutable_agent() = agent_info();
    frame.mutable_register_agent()->set_version(in_.rarely() ? in_.bytes() : "1.12.0");
    frame.mutable_register_agent()->add_capabilities("AGENT_OPERATION_FEEDBACK");
    frame.mutable_register_agent()->add_capabilities("RESIZE_VOLUME");
    if (in_.flag()) frame.set_channel(in_.below(4));
    if (in_.flag()) frame.mutable_register_agent()->set_ip(in_.flag() ? "10.0.0.1" : "10.0.0.2");
    twist(frame);
    return frame;
}

void FuzzMessages::add_reported(link::ReregisterAgent& reregister, const AgentId& agent) {
    const State& state = world_.state();
    for (const auto& [id, framework] : state.frameworks) {
        if (in_.rarely()) continue;
        *reregister.add_frameworks() = *framework.info;
        for (const auto& [task_id, task] : framework.tasks) {
            if (task.agent == agent && !in_.rarely()) *reregister.add_tasks() = *task.info;
        }
        for (const auto& [task_id, task] : framework.unreachable_tasks) {
            if (task->agent_id().value() == agent.value && !in_.rarely())
                *reregister.add_tasks() = *task;
        }
    }
    const auto known = state.agents.find(agent);
    if (known != state.agents.end()) {
        for (const auto& [framework, executors] : known->second.executors) {
            for (const auto& [id, executor] : executors) {
                if (!in_.rarely()) *reregister.add_executors() = *executor.info;
            }
        }
    }
    for (std::size_t i = 0, count = in_.below(3); i < count;
         ++i) {  // What the master never heard of.
        auto& task = *reregister.add_tasks();
        task.set_name("fuzz");
        task.mutable_task_id()->set_value(this->task().value);
        task.mutable_framework_id()->set_value(framework().value);
        task.mutable_agent_id()->set_value(agent.value);
        task.set_state(status(agent, this->task()).state());
        *task.mutable_resources() = resources();
        if (in_.flag()) task.mutable_executor_id()->set_value(executor().value);
        twist(task);
    }
    if (in_.rarely()) *reregister.add_executors() = executor_info();
    if (in_.rarely()) *reregister.add_frameworks() = framework_info();
}

link::ToMaster FuzzMessages::reregister_agent() {
    const State& state = world_.state();
    const AgentId id = agent();
    link::ToMaster frame;
    frame.set_agent_id(in_.rarely() ? agent().value : id.value);
    auto& reregister = *frame.mutable_reregister_agent();
    if (const auto known = state.agents.find(id); known != state.agents.end()) {
        *reregister.mutable_agent() = *known->second.info;
    } else if (const auto old = state.recovered_agents.find(id);
               old != state.recovered_agents.end()) {
        *reregister.mutable_agent() = *old->second.info;
    } else if (const auto lost = state.unreachable_agents.find(id);
               lost != state.unreachable_agents.end()) {
        *reregister.mutable_agent() = *lost->second.info;
    } else {
        *reregister.mutable_agent() = agent_info();
    }
    if (in_.rarely()) *reregister.mutable_agent() = agent_info();  // It changed.
    if (!in_.rarely()) reregister.mutable_agent()->mutable_id()->set_value(id.value);
    reregister.set_version("1.12.0");
    reregister.add_capabilities("AGENT_OPERATION_FEEDBACK");
    reregister.add_capabilities("RESIZE_VOLUME");
    reregister.set_restarted(in_.flag());
    add_reported(reregister, id);
    add_reported_operations(reregister, id);
    twist(frame);
    return frame;
}

void FuzzMessages::fill_status_update(link::ToMaster& frame, const AgentId& agent) {
    auto& update = *frame.mutable_status_update();
    const auto found = world_.state().agents.find(agent);
    FrameworkId framework = this->framework();
    TaskId task = this->task();
    if (found != world_.state().agents.end() && !found->second.tasks.empty() && !in_.rarely()) {
        const auto& tasks = found->second.tasks;
        const auto which = static_cast<std::ptrdiff_t>(in_.below(tasks.size()));
        std::tie(framework, task) = *std::next(tasks.begin(), which);
    }
    update.mutable_framework_id()->set_value(framework.value);
    *update.mutable_status() = status(agent, task);
    update.set_latest_state(in_.rarely() ? status(agent, task).state() : update.status().state());
}

link::ToMaster FuzzMessages::frame() {
    const AgentId agent = this->agent();
    link::ToMaster frame;
    frame.set_agent_id(agent.value);
    switch (in_.below(11)) {
        case 0:
        case 1:
        case 2: fill_status_update(frame, agent); break;
        case 3: {
            auto& message = *frame.mutable_executor_message();
            message.mutable_framework_id()->set_value(framework().value);
            message.mutable_executor_id()->set_value(executor().value);
            message.set_data(in_.bytes());
            break;
        }
        case 4:
        case 5: {
            auto& exited = *frame.mutable_executor_exited();
            exited.mutable_framework_id()->set_value(framework().value);
            exited.mutable_executor_id()->set_value(executor().value);
            exited.set_status(in_.byte() - 1);
            break;
        }
        case 6: frame.mutable_pong(); break;
        case 7:
        case 8: fill_operation_update(frame, agent); break;
        case 9:
            *frame.mutable_checkpointed_resources()->mutable_resources() = checkpointed(agent);
            break;
        default:
            if (in_.rarely()) frame.mutable_unregister_agent();
            break;
    }
    twist(frame);
    return frame;
}

link::ToMaster FuzzMessages::raw_frame() {
    link::ToMaster frame;
    if (!frame.ParsePartialFromString(in_.bytes()) || !frame.IsInitialized()) frame.Clear();
    if (frame.agent_id().size() == 1) frame.set_agent_id(agent().value);
    resolve(frame);
    return frame;
}

LinkId FuzzMessages::link(const link::ToMaster& frame, FuzzWorld& world) {
    const auto found = world_.state().agents.find(AgentId{frame.agent_id()});
    const bool is_own = !in_.rarely();
    if (is_own && found != world_.state().agents.end() && found->second.link)
        return *found->second.link;
    if (world.links().empty() || in_.flag()) return world.open_link();
    return world.links()[in_.below(world.links().size())];
}

}  // namespace tepui::master::testing
