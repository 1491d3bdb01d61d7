#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/quantity.h"
#include "base/result.h"

namespace tepui::cli {

/// What a machine has.
struct Machine {
    double cpus = 1;
    std::uint64_t memory_mb = 0;
    std::uint64_t disk_mb = 0;  // Free where the work directory is.
    unsigned uid = 0;
    std::string xdg_runtime_dir;
    bool docker = false;    // A Docker Engine answers at its usual place.
    bool networks = false;  // There are CNI plugins where packages put them.
};
/// This machine; the disk is that of the nearest existing parent of `work_dir`.
Machine this_machine(const std::string& work_dir);

/// What `tepui up` was asked for.
struct ClusterRequest {
    std::string work_dir;  // Absolute.
    std::uint16_t port = 5050;
    std::size_t agents = 2;
    std::optional<Quantity> cpus_per_agent;
    std::optional<Quantity> memory_mb_per_agent;
};

/// One daemon to start.
struct DaemonPlan {
    std::string name;  // "master", "agent-1".
    std::uint16_t port = 0;
    std::string work_dir;
    std::string log;
    std::string cgroups_root;  // Agents only.
    std::string runtime_dir;   // Agents only.
    std::vector<std::string> arguments;
};

struct ClusterPlan {
    std::string work_dir;
    DaemonPlan master;
    std::vector<DaemonPlan> agents;
    std::string agent_resources;  // Of the first agent, for people: "1 cpus, 7.5GB memory".

    std::string address() const;  // Of the master: "127.0.0.1:5050".
};

/// Lays a cluster out on one machine: ports from `port` on, a directory a daemon, the machine split
/// evenly with something kept back for the machine itself. What is asked for per agent is taken as
/// it is. Pure. Fails with invalid_argument when ports run out or there are no agents.
Result<ClusterPlan> plan_cluster(const ClusterRequest& request, const Machine& machine);

}  // namespace tepui::cli
