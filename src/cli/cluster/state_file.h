#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/cluster/process.h"

namespace tepui::cli {

/// What `tepui up` writes down for `tepui down`: which processes a cluster consists of.
struct ClusterState {
    struct Daemon {
        std::string name;  // "master", "agent-1".
        ProcessRef process;
        std::uint16_t port = 0;
        std::string cgroups_root;  // Empty for the master, as is runtime_dir.
        std::string runtime_dir;
        bool operator==(const Daemon&) const = default;
    };
    ProcessRef supervisor;
    std::vector<Daemon> daemons;  // The master is the first.
    bool operator==(const ClusterState&) const = default;
};

/// Lines of text, the fields separated by tabs.
std::string format_state(const ClusterState& state);
/// Fails with corrupt, naming the line.
Result<ClusterState> parse_state(std::string_view text);

/// WORK_DIR/cluster.
std::string state_path(const std::string& work_dir);
/// Fails with not_found when there is no cluster in `work_dir`.
Result<ClusterState> read_state(const std::string& work_dir);
/// Replaces the file as a whole.
Result<void> write_state(const std::string& work_dir, const ClusterState& state);
void remove_state(const std::string& work_dir);

}  // namespace tepui::cli
