#include <unistd.h>

#include <algorithm>
#include <map>

#include "containerizer/cgroups/blkio.h"
#include "containerizer/cgroups/files.h"
#include "containerizer/cgroups/group.h"
#include "containerizer/cgroups/values.h"

namespace tepui::containerizer::cgroups {
namespace {

template <typename Set>
void take(const std::map<std::string, std::uint64_t>& values, const char* key, Set&& set) {
    if (const auto found = values.find(key); found != values.end()) set(found->second);
}

void cpu_v1(const std::string& cpuacct, const std::string& cpu, mesos::v1::ResourceStatistics& s) {
    const double ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
    const auto times = read_table(cpuacct + "/cpuacct.stat");
    take(times, "user", [&](auto v) { s.set_cpus_user_time_secs(static_cast<double>(v) / ticks); });
    take(times, "system",
         [&](auto v) { s.set_cpus_system_time_secs(static_cast<double>(v) / ticks); });
    if (const auto shares = read_number(cpu + "/cpu.shares"))
        s.set_cpus_soft_limit(static_cast<double>(*shares) / 1024);
    const auto quota = read_number(cpu + "/cpu.cfs_quota_us");  // -1: none.
    const auto period = read_number(cpu + "/cpu.cfs_period_us");
    if (quota && period && *period > 0)
        s.set_cpus_limit(static_cast<double>(*quota) / static_cast<double>(*period));
    const auto throttling = read_table(cpu + "/cpu.stat");
    take(throttling, "nr_periods",
         [&](auto v) { s.set_cpus_nr_periods(static_cast<uint32_t>(v)); });
    take(throttling, "nr_throttled",
         [&](auto v) { s.set_cpus_nr_throttled(static_cast<uint32_t>(v)); });
    take(throttling, "throttled_time",
         [&](auto v) { s.set_cpus_throttled_time_secs(static_cast<double>(v) / 1e9); });
}

void cpu_v2(const std::string& directory, mesos::v1::ResourceStatistics& s) {
    if (const auto weight = read_number(directory + "/cpu.weight"))
        s.set_cpus_soft_limit(static_cast<double>(*weight) / 100);
    const std::string bandwidth =
        read_file(directory + "/cpu.max");  // "quota period" or "max period"
    const auto quota = leading_number(bandwidth);
    const auto period = leading_number(
        std::string_view(bandwidth).substr(std::min(bandwidth.find(' ') + 1, bandwidth.size())));
    if (quota && period && *period > 0)
        s.set_cpus_limit(static_cast<double>(*quota) / static_cast<double>(*period));
    const auto values = read_table(directory + "/cpu.stat");
    take(values, "user_usec",
         [&](auto v) { s.set_cpus_user_time_secs(static_cast<double>(v) / 1e6); });
    take(values, "system_usec",
         [&](auto v) { s.set_cpus_system_time_secs(static_cast<double>(v) / 1e6); });
    take(values, "nr_periods", [&](auto v) { s.set_cpus_nr_periods(static_cast<uint32_t>(v)); });
    take(values, "nr_throttled",
         [&](auto v) { s.set_cpus_nr_throttled(static_cast<uint32_t>(v)); });
    take(values, "throttled_usec",
         [&](auto v) { s.set_cpus_throttled_time_secs(static_cast<double>(v) / 1e6); });
}

void memory_v1(const std::string& directory, mesos::v1::ResourceStatistics& s) {
    if (const auto v = read_number(directory + "/memory.limit_in_bytes")) s.set_mem_limit_bytes(*v);
    if (const auto v = read_number(directory + "/memory.soft_limit_in_bytes"))
        s.set_mem_soft_limit_bytes(*v);
    if (const auto v = read_number(directory + "/memory.usage_in_bytes")) s.set_mem_total_bytes(*v);
    if (const auto v = read_number(directory + "/memory.memsw.usage_in_bytes"))
        s.set_mem_total_memsw_bytes(*v);
    if (const auto v = read_number(directory + "/memory.kmem.usage_in_bytes"))
        s.set_mem_kmem_usage_bytes(*v);
    const auto values = read_table(directory + "/memory.stat");
    take(values, "total_cache", [&](auto v) {
        s.set_mem_cache_bytes(v);
        s.set_mem_file_bytes(v);
    });
    take(values, "total_rss", [&](auto v) {
        s.set_mem_rss_bytes(v);
        s.set_mem_anon_bytes(v);
    });
    take(values, "total_mapped_file", [&](auto v) { s.set_mem_mapped_file_bytes(v); });
    take(values, "total_swap", [&](auto v) { s.set_mem_swap_bytes(v); });
    take(values, "total_unevictable", [&](auto v) { s.set_mem_unevictable_bytes(v); });
}

void memory_v2(const std::string& directory, mesos::v1::ResourceStatistics& s) {
    if (const auto v = read_number(directory + "/memory.max")) s.set_mem_limit_bytes(*v);
    if (const auto v = read_number(directory + "/memory.low")) s.set_mem_soft_limit_bytes(*v);
    if (const auto v = read_number(directory + "/memory.current")) s.set_mem_total_bytes(*v);
    if (const auto v = read_number(directory + "/memory.swap.current")) s.set_mem_swap_bytes(*v);
    const auto values = read_table(directory + "/memory.stat");
    take(values, "file", [&](auto v) {
        s.set_mem_cache_bytes(v);
        s.set_mem_file_bytes(v);
    });
    take(values, "anon", [&](auto v) {
        s.set_mem_rss_bytes(v);
        s.set_mem_anon_bytes(v);
    });
    take(values, "file_mapped", [&](auto v) { s.set_mem_mapped_file_bytes(v); });
    take(values, "kernel", [&](auto v) { s.set_mem_kmem_usage_bytes(v); });
    take(values, "unevictable", [&](auto v) { s.set_mem_unevictable_bytes(v); });
    // What v1 tells by event descriptors, v2 counts: memory taken back though below what was asked
    // for, above what is wished, at the limit.
    const auto events = read_table(directory + "/memory.events");
    take(events, "low", [&](auto v) { s.set_mem_low_pressure_counter(v); });
    take(events, "high", [&](auto v) { s.set_mem_medium_pressure_counter(v); });
    take(events, "max", [&](auto v) { s.set_mem_critical_pressure_counter(v); });
}

}  // namespace

void Groups::usage(const std::string& name, mesos::v1::ResourceStatistics& statistics) const {
    const bool v1 = version() == Version::v1;
    if (const std::string cpu = directory("cpu", name); !cpu.empty()) {
        if (v1)
            cpu_v1(directory("cpuacct", name), cpu, statistics);
        else
            cpu_v2(cpu, statistics);
    }
    if (const std::string memory = directory("memory", name); !memory.empty()) {
        if (v1)
            memory_v1(memory, statistics);
        else
            memory_v2(memory, statistics);
    }
    if (v1) {
        if (const std::string blkio = directory("blkio", name); !blkio.empty())
            blkio_v1([&](const std::string& file) { return read_file(blkio + "/" + file); },
                     *statistics.mutable_blkio_statistics());
    } else if (const std::string io = directory("io", name); !io.empty()) {
        io_v2(read_file(io + "/io.stat"), *statistics.mutable_blkio_statistics());
    }
    // Any hierarchy lists the processes.
    if (const auto all = directories(name); !all.empty()) {
        const std::string list = read_file(all.front() + "/cgroup.procs");
        statistics.set_processes(static_cast<std::uint32_t>(std::ranges::count(list, '\n')));
        const std::string threads = read_file(all.front() + (v1 ? "/tasks" : "/cgroup.threads"));
        statistics.set_threads(static_cast<std::uint32_t>(std::ranges::count(threads, '\n')));
    }
}

}  // namespace tepui::containerizer::cgroups
