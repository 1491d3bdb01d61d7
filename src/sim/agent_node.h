#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/core/core.h"
#include "sim/channel.h"
#include "sim/disk.h"
#include "sim/executor_process.h"
#include "sim/faults.h"
#include "sim/ground_truth.h"
#include "sim/master_node.h"
#include "sim/network.h"
#include "sim/timeline.h"

namespace tepui::sim {

/// The real agent core on a simulated machine. The machine's containers outlive the agent's
/// process, as shims do, but not a reboot.
class AgentNode {
public:
    AgentNode(std::string name, Timeline& timeline, Network& network, MasterNode& master,
              GroundTruth& truth, const Faults& faults);

    void start();
    void crash();
    /// Everything on the machine ends; the agent begins anew later.
    void reboot();
    bool alive() const { return core_ != nullptr; }
    const agent::Core& core() const { return *core_; }
    const std::string& name() const { return name_; }
    Disk& disk() { return disk_; }
    void stop_faults() { faults_ = Faults::none(); }
    /// Tasks whose processes run on the machine now.
    std::set<TaskKey> running() const;
    /// Executors whose processes do, with the agent's id at their launch.
    std::set<std::pair<ExecutorKey, AgentId>> executors() const;

private:
    struct Container {
        TaskKey task = {};
        std::int64_t pid = 0;
        bool running = false;
        std::optional<std::int32_t> status = std::nullopt;  // Set when it ended.
        bool ignores_term = false;
        std::optional<ContainerId> parent = std::nullopt;  // Of a task of a pod.
        // Of an executor or a pod, instead of `task`:
        std::optional<ExecutorKey> executor = std::nullopt;
        AgentId agent = {};
        bool pod = false;
        std::shared_ptr<ExecutorProcess> process = nullptr;  // Of an executor, once it runs.
    };
    /// The event stream of an executor.
    struct Stream {
        std::weak_ptr<ExecutorProcess> process;
        Instant last;  // When the newest event arrives: they keep their order.
    };

    void step(agent::Event event);
    void perform(agent::Effects effects);
    void perform_one(const agent::Effect& effect);
    void arm();
    void connect();
    void disconnect();
    void launch(const agent::LaunchContainer& launch);
    void run_container(const ContainerId& id);
    void probe(const agent::StartProbe& probe);
    void end_container(const ContainerId& id, std::int32_t status);
    void signal(const ContainerId& id, int signal);
    std::vector<agent::FoundContainer> find_containers();

    void launch_executor(const agent::LaunchExecutor& launch);
    void launch_pod(const agent::LaunchPod& launch);
    void change_volume(const std::string& operation);
    void end(const std::string& why);
    void start_executor_container(const ContainerId& id, Container container);
    void run_pod(const ContainerId& id);
    void end_nested(const ContainerId& pod);
    void run_executor(const ContainerId& id);
    std::uint64_t subscribe_executor(const ContainerId& id, const ExecutorProcess::Call& call);
    void call_of_executor(const ExecutorProcess::Call& call);
    ExecutorProcess::Call recode(const ExecutorProcess::Call& call);
    void send_to_executor(const agent::SendToExecutor& send);
    void close_executor(std::uint64_t number);
    void close_executors();
    void stop_process(const ContainerId& id, Container& container);
    void update_container(const agent::UpdateContainer& update);

    std::string name_;
    Timeline& timeline_;
    Network& network_;
    MasterNode& master_;
    GroundTruth& truth_;
    Faults faults_;
    Disk disk_;
    std::unique_ptr<agent::Core> core_;
    std::uint64_t life_ = 0;
    std::uint64_t boot_ = 1;
    Instant armed_ = Instant::max();
    std::shared_ptr<Channel> channel_;
    std::map<ContainerId, Container> containers_;
    std::int64_t next_pid_ = 1000;
    std::map<std::uint64_t, Stream> streams_;
    std::uint64_t next_stream_ = 1;
};

}  // namespace tepui::sim
