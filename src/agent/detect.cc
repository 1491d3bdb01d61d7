#include "agent/detect.h"

#include <fstream>

#include <sched.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "containerizer/isolators/gpu_nvidia/gpu_nvidia.h"
#include "resources/attributes.h"

namespace tepui::agent {
namespace {

constexpr std::uint64_t megabyte = std::uint64_t{1} << 20;
constexpr std::uint64_t gigabyte = std::uint64_t{1} << 30;

/// What is left after setting `reserve` aside, in whole megabytes.
std::uint64_t spare_megabytes(std::uint64_t bytes, std::uint64_t reserve) {
    const std::uint64_t left = bytes >= 2 * reserve ? bytes - reserve : bytes / 2;
    return left / megabyte;
}

bool names(const Resources& resources, std::string_view name) {
    const ResourceList list = resources.to_proto();
    return std::any_of(list.begin(), list.end(),
                       [&](const mesos::v1::Resource& each) { return each.name() == name; });
}

}  // namespace

Result<Machine> inspect_machine(const std::string& work_dir) {
    Machine machine;
    machine.cores = static_cast<unsigned>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
    struct sysinfo memory{};
    if (sysinfo(&memory) == 0) {
        machine.memory_bytes = std::uint64_t{memory.totalram} * memory.mem_unit;
    }
    struct statvfs disk{};
    if (statvfs(work_dir.c_str(), &disk) != 0) {
        return fail(Errc::io, "looking at the work directory {}: {}", work_dir,
                    std::strerror(errno));
    }
    machine.disk_bytes = std::uint64_t{disk.f_blocks} * disk.f_frsize;
    return machine;
}

Result<Resources> total_resources(std::string_view text, std::string_view default_role,
                                  const Machine& machine) {
    Resources total;
    if (!text.empty()) total = TEPUI_TRY(Resources::parse_flag(text, default_role));
    const std::pair<std::string_view, std::string> detected[] = {
        {"cpus", fmt::format("cpus:{}", machine.cores)},
        {"mem", fmt::format("mem:{}", spare_megabytes(machine.memory_bytes, gigabyte))},
        {"disk", fmt::format("disk:{}", spare_megabytes(machine.disk_bytes, 5 * gigabyte))},
        {"ports", "ports:[31000-32000]"},
    };
    const Resources given = total;
    for (const auto& [name, term] : detected) {
        if (names(given, name)) continue;
        total += TEPUI_TRY(Resources::parse_flag(term, default_role));
    }
    return total;
}

std::string read_boot_id() {
    std::ifstream file("/proc/sys/kernel/random/boot_id");
    std::string id;
    std::getline(file, id);
    return id;
}

Result<mesos::v1::AgentInfo> make_agent_info(const AgentOptions& options, std::uint16_t port,
                                             const Machine& machine) {
    mesos::v1::AgentInfo info;
    info.set_hostname(options.hostname.empty() ? options.ip : options.hostname);
    info.set_port(port);
    auto total = total_resources(options.resources, options.default_role, machine);
    if (!total) return fail_with("--resources", total.error());
    const auto& isolation = options.containerizer.isolation;
    if (std::ranges::find(isolation, "gpu/nvidia") != isolation.end() && !names(*total, "gpus")) {
        const std::size_t gpus = TEPUI_TRY(containerizer::count_gpus(options.containerizer.gpus));
        if (gpus > 0) {
            *total += TEPUI_TRY(
                Resources::parse_flag(fmt::format("gpus:{}", gpus), options.default_role));
        }
    }
    *info.mutable_resources() = total->to_proto();
    const auto attributes = parse_attributes(options.attributes);
    if (!attributes) return fail_with("--attributes", attributes.error());
    *info.mutable_attributes() = *attributes;
    return info;
}

}  // namespace tepui::agent
