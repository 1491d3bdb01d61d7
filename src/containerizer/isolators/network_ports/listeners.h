#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "containerizer/cgroups/options.h"

namespace tepui::containerizer {

using Inode = std::uint64_t;
/// Ports that sockets of these inodes listen on.
using Listeners = std::map<Inode, std::uint16_t>;

/// Reads the text of /proc/net/tcp or tcp6 and adds the sockets that listen.
void add_listeners(std::string_view text, Listeners& listeners);

/// The inode of "socket:[123]", as links in /proc/<pid>/fd read; 0 for any other.
Inode socket_inode(std::string_view link);

bool contains(const std::vector<NumberRange>& ranges, std::uint32_t number);

/// Which ports are anybody's business.
struct PortRules {
    bool agent_range_only = false;
    std::vector<NumberRange> agent_range;
    std::optional<std::vector<NumberRange>> isolated_range;

    bool watches(std::uint16_t port) const;
};

/// The ports that a container listens on and was not given, ascending.
std::set<std::uint16_t> strange_ports(const Listeners& listeners, const std::vector<Inode>& sockets,
                                      const std::vector<NumberRange>& given,
                                      const PortRules& rules);

/// "31000-31002,31005" and back; what can't be read is left out.
std::string to_text(const std::vector<NumberRange>& ranges);
std::vector<NumberRange> parse_ranges(std::string_view text);

}  // namespace tepui::containerizer
