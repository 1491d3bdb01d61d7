#pragma once

#include <cstdint>

#include "base/result.h"
#include "mesos/v1/mesos.pb.h"

namespace tepui::agent {

/// How an agent may differ from what it was when it registered. Source: Apache Mesos 1.12-dev,
/// docs/configuration/agent.md, --reconfiguration_policy.
enum class ReconfigurationPolicy : std::uint8_t {
    /// Not at all.
    equal,
    /// Resources may grow and be added, attributes may be added (their scalars, ranges and sets may
    /// grow), and a domain may be set where there was none. Nothing may go: tasks may rely on it.
    additive,
};

/// Whether an agent stored as `before` may go on as `now`. The hostname and port are the same under
/// every policy. The error names what differs and the way out.
Result<void> check_compatible(const mesos::v1::AgentInfo& before, const mesos::v1::AgentInfo& now,
                              ReconfigurationPolicy policy);

}  // namespace tepui::agent
