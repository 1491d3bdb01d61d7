#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "containerizer/descriptor.h"
#include "containerizer/isolators/cgroups_perf_event/perf_events.h"

namespace tepui::containerizer {

/// Counters of the kernel, for all processes of one cgroup on every CPU.
class PerfCounters {
public:
    /// Begins to count in the cgroup `directory`. Fails with what the kernel says.
    static Result<PerfCounters> open(const std::vector<PerfEvent>& events,
                                     const std::string& directory);
    /// Whether this machine counts the event at all: a virtual machine often has no hardware
    /// events.
    static Result<void> probe(const PerfEvent& event);

    /// Adds what was counted so far.
    void read(mesos::v1::PerfStatistics& statistics) const;

private:
    struct Counter {
        std::size_t event;
        Descriptor descriptor;
    };
    std::vector<PerfEvent> events_;
    std::vector<Counter> counters_;
};

}  // namespace tepui::containerizer
