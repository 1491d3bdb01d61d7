#pragma once

#include <cstddef>
#include <string>

#include "base/time.h"
#include "mesos/v1/mesos.pb.h"

namespace tepui::agent {

/// An operation that the master gave this agent and whose end it has not acknowledged yet.
struct OperationRun {
    /// As masters and operators see it. PENDING until its end is known; then its only status is
    /// the end, with the uuid to acknowledge.
    mesos::v1::Operation operation;
    bool durable = false;      // As it stands now.
    std::size_t changing = 0;  // Volumes that are being made or removed.
    std::string failure;       // Why one of them could not be.
    /// Nobody waits for it: it was asked of an agent of another id.
    bool silent = false;
    Duration retry_delay{};  // 0: not told since the last registration.
};

/// The master wants the agent to be empty.
struct Drain {
    mesos::v1::DrainConfig config;
    WallTime began;
};

}  // namespace tepui::agent
