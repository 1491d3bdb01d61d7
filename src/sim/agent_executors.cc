#include <algorithm>
#include <csignal>
#include <utility>

#include <fmt/format.h>

#include "agent/core/executor_calls.h"
#include "agent/core/state.h"
#include "base/assert.h"
#include "sim/agent_node.h"
#include "wire/media.h"

// What a machine does for executors: their containers, processes and event streams, and pods.
namespace tepui::sim {

void AgentNode::launch_executor(const agent::LaunchExecutor& launch) {
    Container container;
    container.pid = next_pid_++;
    container.agent = launch.agent;
    container.executor = ExecutorKey{FrameworkId{launch.framework.id().value()},
                                     ExecutorId{launch.executor.executor_id().value()}};
    start_executor_container(launch.container, std::move(container));
}

void AgentNode::launch_pod(const agent::LaunchPod& launch) {
    Container container;
    container.pid = next_pid_++;
    container.agent = *core_->state().id;
    container.executor = core_->state().executor_containers.at(launch.container);
    container.pod = true;
    start_executor_container(launch.container, std::move(container));
}

void AgentNode::start_executor_container(const ContainerId& id, Container container) {
    containers_.emplace(id, std::move(container));
    const bool fails = timeline_.chance(faults_.launch_failure);
    timeline_.after(timeline_.between(1ms, 200ms), [this, id, fails] {
        const auto it = containers_.find(id);
        if (it == containers_.end() || it->second.running || it->second.status) return;
        if (fails) {
            truth_.executor_ended(*it->second.executor, it->second.agent);
            containers_.erase(it);
            step(agent::ContainerLaunchFailed{id, Error{Errc::io, "no such file"}, false});
        } else if (it->second.pod) {
            run_pod(id);
        } else {
            run_executor(id);
        }
    });
}

void AgentNode::run_pod(const ContainerId& id) {
    Container& container = containers_.at(id);
    container.running = true;
    timeline_.trace("{}: pod {} is made as {}", name_, container.executor->second, id);
    if (timeline_.chance(faults_.executor_crash)) {
        timeline_.after(timeline_.between(1ms, 30s), [this, id] { end_container(id, SIGKILL); });
    }
    const std::int64_t pid = container.pid;
    step(agent::ContainerStarted{id, pid});
}

void AgentNode::end_nested(const ContainerId& pod) {
    std::vector<ContainerId> nested;
    for (const auto& [id, container] : containers_) {
        if (container.parent == pod && container.running) nested.push_back(id);
    }
    for (const ContainerId& id : nested) end_container(id, SIGKILL);
}

void AgentNode::run_executor(const ContainerId& id) {
    Container& container = containers_.at(id);
    container.running = true;
    timeline_.trace("{}: executor {} runs in {}", name_, container.executor->second, id);
    ExecutorProcess::Machine machine;
    machine.subscribe = [this, id](const ExecutorProcess::Call& call) {
        return subscribe_executor(id, call);
    };
    machine.call = [this](const ExecutorProcess::Call& call) { call_of_executor(call); };
    machine.exit = [this, id](std::int32_t status) { end_container(id, status); };
    container.process = std::make_shared<ExecutorProcess>(
        *container.executor, container.agent, std::move(machine), timeline_, truth_, faults_);
    const std::int64_t pid = container.pid;
    container.process->start();
    step(agent::ContainerStarted{id, pid});
}

std::uint64_t AgentNode::subscribe_executor(const ContainerId& id,
                                            const ExecutorProcess::Call& call) {
    const auto it = containers_.find(id);
    if (!alive() || it == containers_.end() || !it->second.running) return 0;
    const auto decoded = recode(call);
    if (!agent::check_executor_call(core_->state(), decoded)) return 0;
    const std::uint64_t stream = next_stream_++;
    streams_.emplace(stream, Stream{it->second.process, timeline_.now().instant});
    if (timeline_.chance(faults_.executor_crash)) {
        timeline_.after(timeline_.between(1s, 30s), [this, stream] { close_executor(stream); });
    }
    step(agent::ExecutorSubscribed{stream, decoded});
    return stream;
}

void AgentNode::call_of_executor(const ExecutorProcess::Call& call) {
    if (!alive()) return;
    const auto decoded = recode(call);
    if (agent::check_executor_call(core_->state(), decoded)) step(agent::ExecutorCalled{decoded});
}

ExecutorProcess::Call AgentNode::recode(const ExecutorProcess::Call& call) {
    const wire::Media media = timeline_.chance(0.5) ? wire::Media::json : wire::Media::protobuf;
    ExecutorProcess::Call decoded;
    TEPUI_ASSERT(wire::decode(media, wire::encode(media, call), decoded).has_value());
    return decoded;
}

void AgentNode::send_to_executor(const agent::SendToExecutor& send) {
    const auto it = streams_.find(send.connection);
    if (it == streams_.end()) return;
    Stream& stream = it->second;
    stream.last = std::max(stream.last, timeline_.now().instant + timeline_.between(50us, 5ms));
    timeline_.after(stream.last - timeline_.now().instant,
                    [process = stream.process, number = send.connection, event = send.event] {
                        if (const auto self = process.lock()) self->on_event(number, *event);
                    });
}

void AgentNode::close_executor(std::uint64_t number) {
    const auto it = streams_.find(number);
    if (it == streams_.end()) return;
    const Stream stream = it->second;
    streams_.erase(it);
    const Instant end = std::max(stream.last, timeline_.now().instant + 50us);
    timeline_.after(end - timeline_.now().instant, [process = stream.process, number] {
        if (const auto self = process.lock()) self->on_stream_closed(number);
    });
    timeline_.after(1ms, [this, life = life_, number] {
        if (life == life_) step(agent::ExecutorDisconnected{number});
    });
}

void AgentNode::close_executors() {
    while (!streams_.empty()) close_executor(streams_.begin()->first);
}

void AgentNode::stop_process(const ContainerId& id, Container& container) {
    if (!container.executor) return;
    if (container.pod) {
        truth_.executor_ended(*container.executor, container.agent);
        return end_nested(id);
    }
    if (!container.process) {
        truth_.executor_ended(*container.executor, container.agent);
        return;
    }
    container.process->kill();
    std::vector<std::uint64_t> open;
    for (const auto& [number, stream] : streams_) {
        if (stream.process.lock() == container.process) open.push_back(number);
    }
    for (const std::uint64_t number : open) close_executor(number);
}

void AgentNode::update_container(const agent::UpdateContainer& update) {
    timeline_.after(timeline_.between(50us, 10ms),
                    [this, life = life_, id = update.container, sequence = update.sequence] {
                        const auto it = containers_.find(id);
                        if (life != life_ || it == containers_.end() || !it->second.running) return;
                        step(agent::ContainerUpdated{id, sequence, std::nullopt});
                    });
}

std::set<std::pair<ExecutorKey, AgentId>> AgentNode::executors() const {
    std::set<std::pair<ExecutorKey, AgentId>> found;
    for (const auto& [id, container] : containers_) {
        if (container.executor && container.running) {
            found.emplace(*container.executor, container.agent);
        }
    }
    return found;
}

}  // namespace tepui::sim
