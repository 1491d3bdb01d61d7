#include "master/core/executors.h"

#include "base/assert.h"
#include "master/core/ledger.h"

namespace tepui::master {

const Executor* find_executor(const Agent& agent, const FrameworkId& framework,
                              const ExecutorId& id) {
    const auto by_id = agent.executors.find(framework);
    if (by_id == agent.executors.end()) return nullptr;
    const auto it = by_id->second.find(id);
    return it == by_id->second.end() ? nullptr : &it->second;
}

void add_executor(Turn& turn, Agent& agent, const FrameworkId& framework, Executor executor) {
    const ExecutorId id{executor.info->executor_id().value()};
    const bool added = agent.executors[framework].emplace(id, std::move(executor)).second;
    TEPUI_ASSERT_WHY(added, "an executor id is in use at most once on an agent");
    turn.changed(agent.id);
    turn.changed(framework);
}

bool remove_executor(Turn& turn, Agent& agent, const FrameworkId& framework, const ExecutorId& id) {
    const auto by_id = agent.executors.find(framework);
    if (by_id == agent.executors.end()) return false;
    const auto it = by_id->second.find(id);
    if (it == by_id->second.end()) return false;
    release_used(turn, agent, framework, it->second.resources);
    by_id->second.erase(it);
    if (by_id->second.empty()) agent.executors.erase(by_id);
    turn.changed(agent.id);
    turn.changed(framework);
    return true;
}

void remove_executors(Turn& turn, Agent& agent, const FrameworkId& framework) {
    for (;;) {
        const auto by_id = agent.executors.find(framework);
        if (by_id == agent.executors.end()) return;
        const ExecutorId id = by_id->second.begin()->first;
        remove_executor(turn, agent, framework, id);
    }
}

void tell_executor_failure(Turn& turn, const FrameworkId& framework, const AgentId& agent,
                           const ExecutorId& id, std::int32_t status) {
    const Framework* told = turn.find_framework(framework);
    if (told == nullptr || !told->connected()) return;
    mesos::v1::scheduler::Event event;
    event.set_type(mesos::v1::scheduler::Event::FAILURE);
    auto& failure = *event.mutable_failure();
    failure.mutable_agent_id()->set_value(agent.value);
    failure.mutable_executor_id()->set_value(id.value);
    failure.set_status(status);
    turn.send(*told, std::move(event));
}

void on_executor_exited(Turn& turn, Agent& agent, const link::ExecutorExited& exited) {
    turn.count("messages_exited_executor");
    const FrameworkId framework{exited.framework_id().value()};
    const ExecutorId id{exited.executor_id().value()};
    if (!remove_executor(turn, agent, framework, id)) {
        turn.log(Severity::info, "Ignoring the exit of unknown executor {} on agent {}", id,
                 agent.id);
        return;
    }
    tell_executor_failure(turn, framework, agent.id, id, exited.status());
}

void on_shutdown(Turn& turn, const Framework& framework,
                 const mesos::v1::scheduler::Call::Shutdown& shutdown) {
    const Agent* agent = turn.find_agent(AgentId{shutdown.agent_id().value()});
    const ExecutorId id{shutdown.executor_id().value()};
    if (agent == nullptr || !agent->connected()) {
        turn.log(Severity::info, "Ignoring SHUTDOWN of executor {}: agent {} is not connected", id,
                 shutdown.agent_id().value());
        return;
    }
    if (find_executor(*agent, framework.id, id) == nullptr) {
        turn.log(Severity::info, "Ignoring SHUTDOWN of executor {}: it is not on agent {}", id,
                 agent->id);
        return;
    }
    link::ToAgent frame;
    frame.mutable_shutdown_executor()->mutable_framework_id()->set_value(framework.id.value);
    frame.mutable_shutdown_executor()->mutable_executor_id()->set_value(id.value);
    turn.send(*agent, std::move(frame));
}

void on_message(Turn& turn, const Framework& framework,
                mesos::v1::scheduler::Call::Message message) {
    turn.count("messages_framework_to_executor");
    const Agent* agent = turn.find_agent(AgentId{message.agent_id().value()});
    if (agent == nullptr || !agent->connected()) {
        turn.count("invalid_framework_to_executor_messages");
        turn.log(Severity::info, "Dropping a message to executor {}: agent {} is not connected",
                 message.executor_id().value(), message.agent_id().value());
        return;
    }
    turn.count("valid_framework_to_executor_messages");
    link::ToAgent frame;
    link::FrameworkMessage& forwarded = *frame.mutable_framework_message();
    forwarded.mutable_framework_id()->set_value(framework.id.value);
    *forwarded.mutable_executor_id() = std::move(*message.mutable_executor_id());
    forwarded.set_data(std::move(*message.mutable_data()));
    turn.send(*agent, std::move(frame));
}

void on_executor_message(Turn& turn, const Agent& agent, link::ExecutorMessage message) {
    turn.count("messages_executor_to_framework");
    const Framework* framework = turn.find_framework(FrameworkId{message.framework_id().value()});
    if (framework == nullptr || !framework->connected()) {
        turn.count("invalid_executor_to_framework_messages");
        return;
    }
    turn.count("valid_executor_to_framework_messages");
    mesos::v1::scheduler::Event event;
    event.set_type(mesos::v1::scheduler::Event::MESSAGE);
    auto& forwarded = *event.mutable_message();
    forwarded.mutable_agent_id()->set_value(agent.id.value);
    *forwarded.mutable_executor_id() = std::move(*message.mutable_executor_id());
    forwarded.set_data(std::move(*message.mutable_data()));
    turn.send(*framework, std::move(event));
}

}  // namespace tepui::master
