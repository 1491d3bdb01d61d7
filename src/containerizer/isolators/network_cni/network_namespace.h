#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tepui::containerizer::cni {

/// Makes a network namespace with nothing but its loopback interface, which is up, and keeps it at
/// `path`, a file that is made. No process is needed. Needs root.
Result<void> make_network_namespace(const std::string& path);

/// Takes it from there, wherever it was mounted too. Content when nothing is there.
Result<void> remove_network_namespace(const std::string& path);

/// Whether a namespace is kept there, as this process sees it.
bool is_kept(const std::string& path);

/// Keeps the network namespace of the process `pid` at `path` again: the mount of an agent that had
/// a mount namespace of its own, as services of systemd may have, went with it.
Result<void> keep_again(std::int64_t pid, const std::string& path);

/// Whether the process `pid` is in the network namespace kept at `path`.
bool is_in_namespace(std::int64_t pid, const std::string& path);

/// What went over a container's interfaces, but its loopback.
struct Traffic {
    std::uint64_t rx_bytes = 0;
    std::uint64_t rx_packets = 0;
    std::uint64_t rx_errors = 0;
    std::uint64_t rx_dropped = 0;
    std::uint64_t tx_bytes = 0;
    std::uint64_t tx_packets = 0;
    std::uint64_t tx_errors = 0;
    std::uint64_t tx_dropped = 0;
    bool operator==(const Traffic&) const = default;
};

/// Sums up a file /proc/<pid>/net/dev.
Traffic parse_traffic(std::string_view text);

}  // namespace tepui::containerizer::cni
