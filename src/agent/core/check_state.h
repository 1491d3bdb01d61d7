#pragma once

#include <cstdint>
#include <optional>

#include "agent/core/check_probe.h"
#include "mesos/v1/mesos.pb.h"

namespace tepui::agent {

/// What is known of a task's health check and check. Not stored: what was told is in the task's
/// statuses, and the count of failures begins anew with a restarted agent.
struct CheckState {
    std::optional<bool> healthy;  // As last told; nothing before the first result that counted.
    std::uint32_t failures = 0;   // Of the health check in a row.
    std::optional<mesos::v1::CheckStatusInfo> result;  // Of the check, as last told.
    // Probes that are out.
    std::optional<ProbeId> health_probe;
    std::optional<ProbeId> check_probe;
};

}  // namespace tepui::agent
