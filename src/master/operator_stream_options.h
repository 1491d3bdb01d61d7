#pragma once

#include <cstddef>

#include "base/time.h"

namespace tepui::master {

/// Limits of the operator event streams.
struct OperatorStreamOptions {
    /// Mesos' --max_operator_event_stream_subscribers: beyond it the oldest stream is closed.
    std::size_t subscribers_max = 1000;
    /// Past events that are kept for subscribers who come back.
    std::size_t history_max = 10'000;
    Duration heartbeat = std::chrono::seconds{15};
    /// What may wait for a slow reader before it is cut off. Records are shared by the readers, so
    /// many that are slow cost little more than one.
    std::size_t backlog_bytes_max = std::size_t{32} << 20;
};

}  // namespace tepui::master
