#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "agent/core/core.h"
#include "sim/channel.h"
#include "sim/disk.h"
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

private:
    struct Container {
        TaskKey task;
        std::int64_t pid = 0;
        bool running = false;
        std::optional<std::int32_t> status;  // Set when it ended.
        bool ignores_term = false;
    };

    void step(agent::Event event);
    void perform(agent::Effects effects);
    void perform_one(const agent::Effect& effect);
    void arm();
    void connect();
    void disconnect();
    void launch(const agent::LaunchContainer& launch);
    void run_container(const ContainerId& id);
    void end_container(const ContainerId& id, std::int32_t status);
    void signal(const ContainerId& id, int signal);
    std::vector<agent::FoundContainer> find_containers();

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
};

}  // namespace tepui::sim
