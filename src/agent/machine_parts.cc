#include <filesystem>

#include "agent/agent.h"
#include "agent/detect.h"
#include "containerizer/cgroups/roots.h"
#include "coord/sqlite_store.h"
#include "env/posix/clock.h"

namespace tepui::agent {

Result<AgentParts> machine_parts(const AgentOptions& options) {
    if (options.work_dir.empty() || options.work_dir.front() != '/') {
        return fail(Errc::invalid_argument, "--work_dir: '{}' is not an absolute path",
                    options.work_dir);
    }
    const std::string runtime_dir =
        options.runtime_dir.empty() ? options.work_dir + "/run" : options.runtime_dir;
    AgentParts parts;
    parts.detector =
        std::make_unique<FixedDetector>(TEPUI_TRY(FixedDetector::parse(options.master)));
    std::error_code error;
    for (const std::string& path : {options.work_dir + "/meta", runtime_dir}) {
        std::filesystem::create_directories(path, error);
        if (error) return fail(Errc::io, "making the directory {}: {}", path, error.message());
    }
    coord::SqliteStoreOptions store;
    store.path = options.work_dir + "/meta/agent.db";
    // The core drops what it cannot read and names it; the rest of the agent's tasks live on.
    store.blank_damaged_values = true;
    // Nor does a full disk end the agent.
    store.reserve_bytes = std::uint64_t{2} << 20;
    parts.store = TEPUI_TRY(coord::SqliteStore::open(std::move(store)));
    containerizer::Options containerizer = options.containerizer;
    containerizer.work_dir = options.work_dir;
    containerizer.runtime_dir = runtime_dir;
    containerizer.switch_user = options.core.switch_user;
    // Which ports are looked at by network/ports; what is not named is the same on any machine.
    const Resources total =
        TEPUI_TRY(total_resources(options.resources, options.default_role, Machine{}));
    for (const Ranges::Range& range : total.ranges("ports").list) {
        containerizer.ports.agent_range.emplace_back(static_cast<std::uint32_t>(range.begin),
                                                     static_cast<std::uint32_t>(range.end));
    }
    parts.clear_machine = [root = containerizer.cgroups_root] {
        containerizer::cgroups::remove_roots(root);
    };
    parts.containerizer = TEPUI_TRY(containerizer::make_containerizer(std::move(containerizer)));
    parts.clock = std::make_shared<env::PosixClock>();
    parts.seed = env::PosixRandom{}.seed();
    return parts;
}

}  // namespace tepui::agent
