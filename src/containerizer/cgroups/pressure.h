#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "containerizer/descriptor.h"
#include "mesos/v1/mesos.pb.h"

namespace tepui::containerizer::cgroups {

/// Counts how often v1 says that memory is short in a container, at three levels of urgency. The
/// kernel adds the events up in descriptors, which are read when somebody asks: nothing waits, and
/// a container that nobody looks at costs nothing. Any thread.
class PressureCounters {
public:
    /// Fills in the counters of the memory cgroup `directory`. The first call begins to count.
    void read(const std::string& directory, mesos::v1::ResourceStatistics& statistics);
    /// The cgroup is gone.
    void forget(const std::string& directory);

private:
    struct Level {
        Descriptor events;  // Invalid where the kernel has no such thing.
        std::uint64_t count = 0;
    };
    using Levels = std::array<Level, 3>;
    static Levels listen(const std::string& directory);

    std::mutex mutex_;
    std::map<std::string, Levels> containers_;  // By directory.
};

}  // namespace tepui::containerizer::cgroups
