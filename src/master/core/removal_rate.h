#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace tepui::master {

/// How fast agents may be given up: `agents` in each `period`, evenly spread. Source: Apache Mesos
/// 1.12-dev docs/configuration/master.md, --agent_removal_rate_limit.
struct RemovalRate {
    std::uint32_t agents = 1;
    Duration period{};

    /// The least time from one agent to the next; above 0.
    Duration interval() const { return std::max(period / agents, Duration{1}); }
    bool operator==(const RemovalRate&) const = default;
};

/// "1/10mins", "2/1hrs": a whole number from 1 on, and a duration above 0. Fails with
/// invalid_argument; the text says what would be right.
Result<RemovalRate> parse_removal_rate(std::string_view text);

/// "50%", "33.3%": the share, from 0 to 1. Fails with invalid_argument.
Result<double> parse_share(std::string_view text);

}  // namespace tepui::master
