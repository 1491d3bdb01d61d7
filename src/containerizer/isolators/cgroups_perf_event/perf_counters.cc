#include "containerizer/isolators/cgroups_perf_event/perf_counters.h"

#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

namespace tepui::containerizer {
namespace {

perf_event_attr attributes_of(const PerfEvent& event) {
    perf_event_attr attributes;
    std::memset(&attributes, 0, sizeof attributes);
    attributes.size = sizeof attributes;
    attributes.type = event.type;
    attributes.config = event.config;
    attributes.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
    return attributes;
}

Descriptor open_event(const PerfEvent& event, int pid_or_cgroup, int cpu, unsigned long flags) {
    perf_event_attr attributes = attributes_of(event);
    return Descriptor(static_cast<int>(::syscall(SYS_perf_event_open, &attributes, pid_or_cgroup,
                                                 cpu, -1, flags | PERF_FLAG_FD_CLOEXEC)));
}

}  // namespace

Result<void> PerfCounters::probe(const PerfEvent& event) {
    if (open_event(event, -1, 0, 0)) return {};
    const int error = errno;
    return fail(Errc::unsupported, "this machine does not count the perf event '{}': {}{}",
                event.name, errno_text(error),
                error == ENOENT || error == EOPNOTSUPP
                    ? " (the processor, or the virtual machine, has no such counter)"
                    : "");
}

Result<PerfCounters> PerfCounters::open(const std::vector<PerfEvent>& events,
                                        const std::string& directory) {
    const Descriptor cgroup(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!cgroup) return fail(Errc::io, "cannot open '{}': {}", directory, errno_text());
    PerfCounters counters;
    counters.events_ = events;
    const long cpus = ::sysconf(_SC_NPROCESSORS_CONF);
    for (std::size_t i = 0; i < events.size(); ++i)
        for (int cpu = 0; cpu < cpus; ++cpu) {
            Descriptor counter = open_event(events[i], cgroup.get(), cpu, PERF_FLAG_PID_CGROUP);
            if (!counter && errno == ENODEV) continue;  // That CPU is off.
            if (!counter)
                return fail(Errc::io, "cannot count '{}' in '{}': {}", events[i].name, directory,
                            errno_text());
            counters.counters_.push_back({i, std::move(counter)});
        }
    return counters;
}

void PerfCounters::read(mesos::v1::PerfStatistics& statistics) const {
    for (const Counter& counter : counters_) {
        PerfReading reading;
        if (::read(counter.descriptor.get(), &reading, sizeof reading) == sizeof reading)
            add_count(events_[counter.event], scaled(reading), statistics);
    }
}

}  // namespace tepui::containerizer
