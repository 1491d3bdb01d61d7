#include "containerizer/cgroups/pressure.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "containerizer/cgroups/files.h"

namespace tepui::containerizer::cgroups {
namespace {

constexpr std::array<const char*, 3> k_levels{"low", "medium", "critical"};

}  // namespace

PressureCounters::Levels PressureCounters::listen(const std::string& directory) {
    Levels levels;
    const std::string path = directory + "/memory.pressure_level";
    const Descriptor source(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!source) return levels;
    for (std::size_t i = 0; i < levels.size(); ++i) {
        Descriptor events(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
        if (!events) continue;
        const std::string request =
            fmt::format("{} {} {}", events.get(), source.get(), k_levels[i]);
        if (write_file(directory + "/cgroup.event_control", request))
            levels[i].events = std::move(events);
    }
    return levels;
}

void PressureCounters::read(const std::string& directory,
                            mesos::v1::ResourceStatistics& statistics) {
    const std::lock_guard lock(mutex_);
    auto found = containers_.find(directory);
    if (found == containers_.end()) found = containers_.emplace(directory, listen(directory)).first;
    for (Level& level : found->second) {
        std::uint64_t more = 0;
        if (level.events && ::read(level.events.get(), &more, sizeof more) == sizeof more)
            level.count += more;
    }
    const Levels& levels = found->second;
    if (levels[0].events) statistics.set_mem_low_pressure_counter(levels[0].count);
    if (levels[1].events) statistics.set_mem_medium_pressure_counter(levels[1].count);
    if (levels[2].events) statistics.set_mem_critical_pressure_counter(levels[2].count);
}

void PressureCounters::forget(const std::string& directory) {
    const std::lock_guard lock(mutex_);
    containers_.erase(directory);
}

}  // namespace tepui::containerizer::cgroups
