#pragma once

#include <map>
#include <string>

#include "base/time.h"

namespace tepui::agent {

/// What routes know of the process beside the core's state. Never changes once the server is bound.
struct Identity {
    std::string ip;
    std::uint16_t port = 0;
    WallTime started;
    std::string log_path;                      // Empty without a file.
    std::map<std::string, std::string> flags;  // All, as text.

    /// "slave(1)@ip:port", as tools expect it.
    std::string pid() const;
};

}  // namespace tepui::agent
