#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mesos/v1/mesos.pb.h"

namespace tepui::containerizer {

/// An event as perf_event_open(2) takes it, and where its count goes.
struct PerfEvent {
    std::string name;  // As in --perf_events: "cycles", "L1-dcache-load-misses".
    std::uint32_t type = 0;
    std::uint64_t config = 0;
    std::string field;  // Of PerfStatistics.
    bool operator==(const PerfEvent&) const = default;
};

/// Events by their names of `perf list`, dashes or underscores, with "cpu/NAME/" as Mesos' users
/// write it. Fails on one that is not known and names those that are.
Result<std::vector<PerfEvent>> parse_perf_events(const std::vector<std::string>& names);

/// One counter as read(2) gives it.
struct PerfReading {
    std::uint64_t value = 0;
    std::uint64_t enabled_ns = 0;
    std::uint64_t running_ns = 0;  // Below enabled_ns when counters had to share the hardware.
};

/// What the event would have counted had it run all the time.
std::uint64_t scaled(const PerfReading& reading);

/// Adds a count to the event's field; clocks are given in nanoseconds and kept in milliseconds.
void add_count(const PerfEvent& event, std::uint64_t count, mesos::v1::PerfStatistics& statistics);

}  // namespace tepui::containerizer
