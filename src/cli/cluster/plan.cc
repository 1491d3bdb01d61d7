#include "cli/cluster/plan.h"

#include <algorithm>
#include <filesystem>
#include <thread>

#include <fmt/core.h>
#include <unistd.h>

#include "cli/cluster/docker_socket.h"
#include "cli/cluster/names.h"
#include "cli/verbs/get_tables.h"

namespace tepui::cli {

namespace {

constexpr std::uint64_t gigabyte_mb = 1024;
constexpr std::uint64_t task_ports_begin = 31'000;  // Mesos' default range of an agent.
constexpr std::uint64_t task_ports_end = 32'000;
constexpr std::size_t agents_max = 100;

/// What is offered of a machine's memory or disk: all but `kept`, or half when there is little.
std::uint64_t offered(std::uint64_t total, std::uint64_t kept) {
    return total > 2 * kept ? total - kept : total / 2;
}

DaemonPlan daemon(const ClusterRequest& request, std::string name, std::size_t port_offset) {
    DaemonPlan plan;
    plan.name = std::move(name);
    plan.port = static_cast<std::uint16_t>(request.port + port_offset);
    plan.work_dir = request.work_dir + "/" + plan.name;
    plan.log = plan.work_dir + ".log";
    return plan;
}

}  // namespace

Machine this_machine(const std::string& work_dir) {
    Machine machine;
    machine.cpus = std::max(1U, std::thread::hardware_concurrency());
    const auto pages = static_cast<std::uint64_t>(std::max(0L, ::sysconf(_SC_PHYS_PAGES)));
    const auto page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    machine.memory_mb = pages * page_bytes >> 20;
    std::filesystem::path folder = work_dir;
    std::error_code error;
    while (!std::filesystem::exists(folder, error) && folder.has_relative_path())
        folder = folder.parent_path();
    const auto space = std::filesystem::space(folder, error);
    machine.disk_mb = error ? 0 : space.available >> 20;
    machine.uid = ::geteuid();
    const char* xdg = std::getenv("XDG_RUNTIME_DIR");
    machine.xdg_runtime_dir = xdg == nullptr ? "" : xdg;
    machine.docker = docker_answers("/var/run/docker.sock", 300ms);
    for (const char* plugin : {"/usr/lib/cni/bridge", "/opt/cni/bin/bridge"})
        machine.networks = machine.networks || ::access(plugin, X_OK) == 0;
    return machine;
}

std::string ClusterPlan::address() const { return fmt::format("127.0.0.1:{}", master.port); }

Result<ClusterPlan> plan_cluster(const ClusterRequest& request, const Machine& machine) {
    if (request.agents == 0 || request.agents > agents_max) {
        return fail(Errc::invalid_argument, "--agents: from 1 to {}", agents_max);
    }
    if (request.port == 0 || request.port + request.agents > 65'535) {
        return fail(Errc::invalid_argument, "--port: {} and the {} after it are not all ports",
                    request.port, request.agents);
    }
    const auto share = static_cast<double>(request.agents);
    const Quantity cpus = request.cpus_per_agent.value_or(
        Quantity{static_cast<std::int64_t>(machine.cpus * 10 / share) * 100});
    const Quantity memory = request.memory_mb_per_agent.value_or(Quantity{
        static_cast<std::int64_t>(offered(machine.memory_mb, gigabyte_mb) / request.agents) *
        1000});
    const std::uint64_t disk = offered(machine.disk_mb, 5 * gigabyte_mb) / request.agents;
    const std::uint64_t ports = (task_ports_end - task_ports_begin + 1) / request.agents;

    ClusterPlan plan;
    plan.work_dir = request.work_dir;
    plan.agent_resources =
        fmt::format("{} cpus, {} memory", to_string(cpus), format_megabytes(memory.to_double()));
    plan.master = daemon(request, "master", 0);
    plan.master.arguments = {"master", "--ip=127.0.0.1", fmt::format("--port={}", plan.master.port),
                             "--work_dir=" + plan.master.work_dir};
    for (std::size_t i = 0; i < request.agents; ++i) {
        DaemonPlan agent = daemon(request, fmt::format("agent-{}", i + 1), i + 1);
        agent.cgroups_root = agent_cgroups_root(agent.work_dir);
        agent.runtime_dir = agent_runtime_dir(agent.work_dir, machine.uid, machine.xdg_runtime_dir);
        const std::uint64_t first_port = task_ports_begin + i * ports;
        agent.arguments = {
            "agent",
            "--master=" + plan.address(),
            "--ip=127.0.0.1",
            "--hostname=127.0.0.1",
            fmt::format("--port={}", agent.port),
            "--work_dir=" + agent.work_dir,
            "--runtime_dir=" + agent.runtime_dir,
            "--cgroups_root=" + agent.cgroups_root,
            fmt::format("--resources=cpus:{};mem:{};disk:{};ports:[{}-{}]", to_string(cpus),
                        to_string(memory), disk, first_port, first_port + ports - 1)};
        if (machine.docker) agent.arguments.push_back("--containerizers=mesos,docker");
        if (machine.uid != 0) {
            // Only root may take another user's identity or make cgroups.
            agent.arguments.push_back("--no-switch_user");
            agent.arguments.push_back("--isolation=posix/cpu,posix/mem,posix/rlimits");
        } else {
            // Where no OCI runtime works the agent refuses images, and says why.
            std::string isolation =
                "--isolation=cgroups/cpu,cgroups/mem,cgroups/pids,namespaces/pid,filesystem/linux,"
                "posix/rlimits,docker/runtime,volume/host_path,volume/sandbox_path";
            if (machine.networks) isolation += ",network/cni";
            agent.arguments.push_back(std::move(isolation));
            agent.arguments.push_back("--image_providers=docker");
        }
        plan.agents.push_back(std::move(agent));
    }
    return plan;
}

}  // namespace tepui::cli
