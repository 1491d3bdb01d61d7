#include "sim/agent_node.h"

#include <algorithm>
#include <csignal>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "agent/core/state.h"
#include "base/assert.h"
#include "base/overloaded.h"

namespace tepui::sim {
namespace {

void add_scalar(mesos::v1::AgentInfo& info, const char* name, double value) {
    mesos::v1::Resource* resource = info.add_resources();
    resource->set_name(name);
    resource->set_type(mesos::v1::Value::SCALAR);
    resource->mutable_scalar()->set_value(value);
}

agent::CoreConfig core_config(const std::string& name, std::uint64_t boot) {
    agent::CoreConfig config;
    config.work_dir = "/" + name;
    config.boot_id = fmt::format("boot-{}", boot);
    config.info.set_hostname(name);
    config.info.set_port(5051);
    add_scalar(config.info, "cpus", 4);
    add_scalar(config.info, "mem", 4096);
    add_scalar(config.info, "disk", 10000);
    config.capabilities = {"MULTI_ROLE",    "HIERARCHICAL_ROLE",        "RESERVATION_REFINEMENT",
                           "RESIZE_VOLUME", "AGENT_OPERATION_FEEDBACK", "AGENT_DRAINING"};
    return config;
}

}  // namespace

AgentNode::AgentNode(std::string name, Timeline& timeline, Network& network, MasterNode& master,
                     GroundTruth& truth, const Faults& faults)
    : name_(std::move(name)),
      timeline_(timeline),
      network_(network),
      master_(master),
      truth_(truth),
      faults_(faults),
      disk_(timeline) {}

void AgentNode::start() {
    TEPUI_ASSERT(!alive());
    ++life_;
    auto core = agent::Core::create(core_config(name_, boot_), disk_.durable(),
                                    timeline_.prng().next(), timeline_.now());
    if (!core) {
        truth_.breach(fmt::format("{} does not start from its disk: {}", name_, core.error().text));
        return;
    }
    core_ = std::move(*core);
    armed_ = Instant::max();
    perform(core_->recover(find_containers(), timeline_.now()));
    if (!alive()) return;
    arm();
    connect();
}

std::vector<agent::FoundContainer> AgentNode::find_containers() {
    std::vector<agent::FoundContainer> found;
    const std::vector<ContainerId> expected = core_->expected_containers();
    for (auto it = containers_.begin(); it != containers_.end();) {
        auto& [id, container] = *it;
        if (std::ranges::find(expected, id) == expected.end()) {
            stop_process(id, container);
            it = containers_.erase(it);  // The containerizer destroys what nobody owns.
            continue;
        }
        // A launch that was under way with the agent either came through or never happened.
        if (!container.running && !container.status) {
            it = containers_.erase(it);
            continue;
        }
        found.push_back({id, container.pid, container.running, container.status, std::nullopt});
        ++it;
    }
    return found;
}

void AgentNode::crash() {
    if (!alive()) return;
    ++life_;
    if (core_->state().id) truth_.agent_died(*core_->state().id);
    core_.reset();
    disk_.crash();
    close_executors();
    if (channel_) std::exchange(channel_, nullptr)->abandon(Channel::Side::a);
}

void AgentNode::reboot() {
    crash();
    for (auto& [id, container] : containers_) {
        stop_process(id, container);
        if (!container.executor) truth_.machine_lost(container.task);
    }
    containers_.clear();
    ++boot_;
}

std::set<TaskKey> AgentNode::running() const {
    std::set<TaskKey> tasks;
    for (const auto& [id, container] : containers_) {
        if (container.process) {
            tasks.merge(container.process->running());
        } else if (container.running && !container.executor) {
            tasks.insert(container.task);
        }
    }
    return tasks;
}

void AgentNode::step(agent::Event event) {
    if (!alive()) return;
    perform(core_->step(std::move(event), timeline_.now()));
    if (alive()) arm();
}

void AgentNode::perform(agent::Effects effects) {
    for (const agent::Effect& effect : effects) {
        if (timeline_.chance(faults_.crash_an_effect)) {
            timeline_.trace("{} crashes between two effects", name_);
            crash();
            timeline_.after(timeline_.between(0ms, faults_.down_longest), [this] {
                if (!alive()) start();
            });
            return;
        }
        perform_one(effect);
        if (!alive()) return;
    }
}

void AgentNode::perform_one(const agent::Effect& effect) {
    std::visit(Overloaded{
                   [&](const agent::SendToMaster& send) {
                       if (channel_)
                           channel_->send(Channel::Side::a, send.frame->SerializeAsString());
                   },
                   [&](const agent::ReconnectMaster&) { disconnect(); },
                   [&](const agent::WriteCheckpoint& write) {
                       Disk::Batch batch;
                       for (const auto& one : write.writes) batch.emplace_back(one.key, one.value);
                       disk_.commit(std::move(batch), [this, life = life_, token = write.token] {
                           if (life == life_) step(agent::CheckpointWritten{token});
                       });
                   },
                   [&](const agent::LaunchContainer& container) { launch(container); },
                   [&](const agent::LaunchExecutor& launch) { launch_executor(launch); },
                   [&](const agent::LaunchPod& launch) { launch_pod(launch); },
                   [&](const agent::UpdateContainer& update) { update_container(update); },
                   [&](const agent::SendToExecutor& send) { send_to_executor(send); },
                   [&](const agent::CloseExecutor& close) { close_executor(close.connection); },
                   [&](const agent::SignalContainer& one) { signal(one.container, one.signal); },
                   [&](const agent::DestroyContainer& one) { signal(one.container, SIGKILL); },
                   [&](const agent::ForgetContainer& one) {
                       const auto it = containers_.find(one.container);
                       if (it != containers_.end() && it->second.status) containers_.erase(it);
                   },
                   [&](const agent::RemoveSandbox&) {},
                   // Nobody operates here.
                   [&](const agent::LaunchNested&) {},
                   [&](const agent::AnswerAsker&) {},
                   [&](const agent::MakeVolume& x) { change_volume(x.operation); },
                   [&](const agent::RemoveVolume& x) { change_volume(x.operation); },
                   [&](const agent::TidyVolumes&) {},
                   [&](const agent::RemoveNestedSandbox&) {},
                   [&](const agent::StartProbe& probe) { this->probe(probe); },
                   [&](const agent::StopProbes&) {},
                   [&](const agent::EndAgent& effect) { end(effect.why); },
                   [&](const agent::LogLine& line) { timeline_.trace("{}: {}", name_, line.text); },
               },
               effect);
}

/// An agent that is sent away takes all with it that it ran; its machine starts another one.
void AgentNode::end(const std::string& why) {
    timeline_.trace("{} ends: {}", name_, why);
    if (!truth_.was_asked_to_leave(name_)) {
        truth_.breach(fmt::format("{} was made to end: {}", name_, why));
        return reboot();
    }
    for (const TaskKey& task : running())
        truth_.breach(fmt::format("I6: {} runs though {} was sent away", task.second, name_));
    for (const auto& [executor, launched_by] : executors())
        truth_.breach(
            fmt::format("I6: executor {} runs though {} was sent away", executor.second, name_));
    crash();
    timeline_.after(timeline_.between(1s, faults_.down_longest), [this] {
        if (!alive()) start();
    });
}

void AgentNode::change_volume(const std::string& operation) {
    timeline_.after(timeline_.between(0ms, 50ms), [this, life = life_, operation] {
        if (life == life_) step(agent::VolumeChanged{operation, std::nullopt});
    });
}

void AgentNode::arm() {
    const Instant due = core_->next_deadline();
    if (due == Instant::max() || (armed_ <= due && armed_ > timeline_.now().instant)) return;
    armed_ = std::max(due, timeline_.now().instant);
    timeline_.after(armed_ - timeline_.now().instant, [this, life = life_, due = armed_] {
        if (life != life_ || armed_ != due) return;
        armed_ = Instant::max();
        step(agent::Tick{});
    });
}

void AgentNode::connect() {
    timeline_.after(timeline_.between(1ms, 500ms), [this, life = life_] {
        if (life != life_ || channel_) return;
        if (!master_.alive()) return connect();
        channel_ = network_.connect(name_);
        channel_->on_message(Channel::Side::a) = [this, life](std::string bytes) {
            agent::MasterFrameReceived received;
            TEPUI_ASSERT(received.frame.ParseFromString(bytes));
            if (timeline_.on_trace)
                timeline_.trace("{} <- {}", name_, received.frame.ShortDebugString());
            if (life != life_) return;
            if (received.frame.has_shutdown_agent() && core_->state().id) {
                truth_.dismissed(*core_->state().id);
                for (const TaskKey& task : running()) truth_.sent_away(task);
            }
            step(std::move(received));
        };
        channel_->on_close(Channel::Side::a) = [this, life] {
            if (life != life_) return;
            channel_.reset();
            step(agent::MasterDisconnected{});
            if (life == life_) connect();
        };
        master_.accept_agent(channel_);
        if (channel_) step(agent::MasterConnected{});
    });
}

void AgentNode::disconnect() {
    if (channel_) std::exchange(channel_, nullptr)->abandon(Channel::Side::a);
    // The shell tells the core of the end, whoever caused it, and connects again.
    timeline_.after(Duration{0}, [this, life = life_] {
        if (life != life_) return;
        step(agent::MasterDisconnected{});
        if (life == life_) connect();
    });
}

void AgentNode::launch(const agent::LaunchContainer& launch) {
    const TaskKey task{FrameworkId{launch.framework.id().value()},
                       TaskId{launch.task.task_id().value()}};
    containers_.emplace(
        launch.container,
        Container{.task = task,
                  .pid = next_pid_++,
                  .ignores_term = timeline_.chance(faults_.ignores_term),
                  .parent = launch.pod ? std::optional{launch.pod->container} : std::nullopt});
    const bool fails = timeline_.chance(faults_.launch_failure);
    timeline_.after(timeline_.between(1ms, 200ms), [this, id = launch.container, fails] {
        const auto it = containers_.find(id);
        if (it == containers_.end() || it->second.running || it->second.status) return;
        const auto pod = it->second.parent ? containers_.find(*it->second.parent) : it;
        if (fails || pod == containers_.end() || (pod != it && !pod->second.running)) {
            truth_.launch_failed(it->second.task);
            containers_.erase(it);
            step(agent::ContainerLaunchFailed{id, Error{Errc::io, "no such file"}, false});
            return;
        }
        run_container(id);
    });
}

void AgentNode::run_container(const ContainerId& id) {
    Container& container = containers_.at(id);
    container.running = true;
    timeline_.trace("{}: {} runs in {}", name_, container.task.second, id);
    truth_.process_started(container.task);
    const std::int64_t pid = container.pid;
    // Some tasks are short, some stay until they are killed.
    if (timeline_.chance(0.6)) {
        const std::int32_t status = timeline_.chance(0.7) ? 0 : 3 << 8;
        timeline_.after(timeline_.between(1ms, 20s),
                        [this, id, status] { end_container(id, status); });
    }
    step(agent::ContainerStarted{id, pid});
}

void AgentNode::probe(const agent::StartProbe& probe) {
    agent::ProbeResult result{agent::ProbeResult::Outcome::answered, 0};
    // Exit status 0 is the good answer of a command; most are good.
    if (timeline_.chance(0.2)) result.value = 1;
    if (timeline_.chance(0.1)) result.outcome = agent::ProbeResult::Outcome::timed_out;
    timeline_.after(timeline_.between(1ms, 2s), [this, life = life_, probe, result] {
        if (life == life_) step(agent::ProbeEnded{probe.probe, probe.container, result});
    });
}

void AgentNode::end_container(const ContainerId& id, std::int32_t status) {
    const auto it = containers_.find(id);
    if (it == containers_.end() || !it->second.running) return;
    timeline_.trace("{}: {} ended with {}", name_, id, status);
    it->second.running = false;
    it->second.status = status;
    stop_process(id, it->second);
    if (!it->second.executor) truth_.process_ended(it->second.task, status);
    if (!alive()) return;  // The shim keeps the status until an agent asks.
    step(agent::ContainerExited{id, status, std::nullopt});
}

void AgentNode::signal(const ContainerId& id, int signal) {
    const auto it = containers_.find(id);
    if (it == containers_.end()) return;
    if (!it->second.running) {
        // Ended already, or a launch that is cancelled.
        if (it->second.status || signal != SIGKILL) return;
        stop_process(id, it->second);
        containers_.erase(it);
        timeline_.after(1ms, [this, life = life_, id] {
            if (life == life_)
                step(agent::ContainerLaunchFailed{id, Error{Errc::cancelled, "cancelled"}, false});
        });
        return;
    }
    if (signal == SIGTERM && it->second.ignores_term) return;
    timeline_.after(timeline_.between(1ms, 50ms),
                    [this, id, signal] { end_container(id, signal); });
}

}  // namespace tepui::sim
