#include "containerizer/docker/usage.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "containerizer/cgroups/files.h"
#include "containerizer/cgroups/hierarchies.h"
#include "containerizer/cgroups/values.h"

namespace tepui::containerizer::docker {
namespace {

using Statistics = mesos::v1::ResourceStatistics;

void read_v1(const cgroups::Hierarchies& hierarchies, const std::string& text, Statistics& s) {
    const auto directory = [&](const std::string& controller) {
        const auto mount = hierarchies.mounts.find(controller);
        const std::string path = cgroup_of(text, controller);
        return mount == hierarchies.mounts.end() || path.empty() ? std::string()
                                                                 : mount->second + path;
    };
    const double ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
    const auto times = cgroups::read_table(directory("cpuacct") + "/cpuacct.stat");
    if (times.contains("user")) s.set_cpus_user_time_secs(double(times.at("user")) / ticks);
    if (times.contains("system")) s.set_cpus_system_time_secs(double(times.at("system")) / ticks);
    if (const auto shares = cgroups::read_number(directory("cpu") + "/cpu.shares"))
        s.set_cpus_limit(static_cast<double>(*shares) / 1024);
    const std::string memory = directory("memory");
    if (const auto v = cgroups::read_number(memory + "/memory.limit_in_bytes"))
        s.set_mem_limit_bytes(*v);
    if (const auto v = cgroups::read_number(memory + "/memory.usage_in_bytes"))
        s.set_mem_total_bytes(*v);
    const auto values = cgroups::read_table(memory + "/memory.stat");
    if (values.contains("total_rss")) s.set_mem_rss_bytes(values.at("total_rss"));
    if (values.contains("total_cache")) s.set_mem_cache_bytes(values.at("total_cache"));
    if (values.contains("total_swap")) s.set_mem_swap_bytes(values.at("total_swap"));
    const std::string list = cgroups::read_file(directory("memory") + "/cgroup.procs");
    s.set_processes(static_cast<std::uint32_t>(std::ranges::count(list, '\n')));
}

void read_v2(const std::string& directory, Statistics& s) {
    const auto times = cgroups::read_table(directory + "/cpu.stat");
    if (times.contains("user_usec")) s.set_cpus_user_time_secs(double(times.at("user_usec")) / 1e6);
    if (times.contains("system_usec"))
        s.set_cpus_system_time_secs(double(times.at("system_usec")) / 1e6);
    if (const auto v = cgroups::read_number(directory + "/memory.max")) s.set_mem_limit_bytes(*v);
    if (const auto v = cgroups::read_number(directory + "/memory.current"))
        s.set_mem_total_bytes(*v);
    const auto values = cgroups::read_table(directory + "/memory.stat");
    if (values.contains("anon")) s.set_mem_rss_bytes(values.at("anon"));
    if (values.contains("file")) s.set_mem_cache_bytes(values.at("file"));
    const std::string list = cgroups::read_file(directory + "/cgroup.procs");
    s.set_processes(static_cast<std::uint32_t>(std::ranges::count(list, '\n')));
}

}  // namespace

std::string cgroup_of(const std::string& text, const std::string& controller) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        const std::size_t first = line.find(':');
        const std::size_t second = line.find(':', first + 1);
        if (first == std::string::npos || second == std::string::npos) continue;
        // "4:cpu,cpuacct:/docker/..."
        std::istringstream names(line.substr(first + 1, second - first - 1));
        if (controller.empty() && second == first + 1) return line.substr(second + 1);
        for (std::string name; std::getline(names, name, ',');)
            if (name == controller) return line.substr(second + 1);
    }
    return {};
}

Result<Statistics> usage_of_process(std::int64_t pid) {
    const std::string text = cgroups::read_file(fmt::format("/proc/{}/cgroup", pid));
    if (text.empty()) return fail(Errc::not_found, "process {} is gone", pid);
    Statistics statistics;
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    statistics.set_timestamp(std::chrono::duration<double>(now).count());
    static const cgroups::Hierarchies hierarchies = cgroups::find_hierarchies();
    const auto memory = hierarchies.mounts.find("memory");
    if (hierarchies.version == cgroups::Version::v1)
        read_v1(hierarchies, text, statistics);
    else if (memory != hierarchies.mounts.end())
        read_v2(memory->second + cgroup_of(text, ""), statistics);
    return statistics;
}

}  // namespace tepui::containerizer::docker
