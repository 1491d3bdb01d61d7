#include "containerizer/launch_plan.h"

#include <linux/filter.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <limits>

namespace tepui::containerizer {
namespace {

constexpr const char* k_default_path =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

bool has_nul(const std::string& text) { return text.find('\0') != std::string::npos; }

std::optional<std::uint32_t> kernel_limit(mesos::v1::RLimitInfo::RLimit::Type type) {
    using RLimit = mesos::v1::RLimitInfo::RLimit;
    switch (type) {
        case RLimit::RLMT_AS: return RLIMIT_AS;
        case RLimit::RLMT_CORE: return RLIMIT_CORE;
        case RLimit::RLMT_CPU: return RLIMIT_CPU;
        case RLimit::RLMT_DATA: return RLIMIT_DATA;
        case RLimit::RLMT_FSIZE: return RLIMIT_FSIZE;
        case RLimit::RLMT_LOCKS: return RLIMIT_LOCKS;
        case RLimit::RLMT_MEMLOCK: return RLIMIT_MEMLOCK;
        case RLimit::RLMT_MSGQUEUE: return RLIMIT_MSGQUEUE;
        case RLimit::RLMT_NICE: return RLIMIT_NICE;
        case RLimit::RLMT_NOFILE: return RLIMIT_NOFILE;
        case RLimit::RLMT_NPROC: return RLIMIT_NPROC;
        case RLimit::RLMT_RSS: return RLIMIT_RSS;
        case RLimit::RLMT_RTPRIO: return RLIMIT_RTPRIO;
        case RLimit::RLMT_RTTIME: return RLIMIT_RTTIME;
        case RLimit::RLMT_SIGPENDING: return RLIMIT_SIGPENDING;
        case RLimit::RLMT_STACK: return RLIMIT_STACK;
        default: return std::nullopt;
    }
}

template <typename T>
void append(std::string& bytes, const T& value) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void append_text(std::string& bytes, const std::string& text) {
    bytes.append(text.c_str(), text.size() + 1);
}

/// The flags that the rest of the plan asks for.
std::uint32_t plan_flags(const LaunchPlan& plan) {
    std::uint32_t flags = plan.flags;
    const auto set = [&flags](bool wanted, shim_flag flag) {
        if (wanted) flags |= flag;
    };
    set(plan.user.has_value(), SHIM_SWITCH_USER);
    set(!plan.mounts.empty() || !plan.devices.empty(), SHIM_NEW_MOUNT_NS);
    set(plan.new_ipc_namespace, SHIM_NEW_IPC_NS);
    set(plan.capabilities.has_value(), SHIM_SET_CAPABILITIES);
    set(plan.no_new_privileges, SHIM_NO_NEW_PRIVS);
    set(plan.oom_score_adj.has_value(), SHIM_SET_OOM_SCORE);
    set(plan.terminal, SHIM_TERMINAL);
    set(plan.keep_stdin, SHIM_KEEP_STDIN);
    set(!plan.runtime.empty(), SHIM_OCI);
    if (!plan.pid_namespace.empty()) {
        flags &= ~static_cast<std::uint32_t>(SHIM_NEW_PID_NS);
        flags |= SHIM_NEW_MOUNT_NS;  // With a /proc of that pid namespace.
    }
    return flags;
}

/// Of a node that everybody in the container may use as the plan says.
std::uint32_t device_mode(const DevicePlan& device) {
    return (device.kind == 'b' ? S_IFBLK : S_IFCHR) | (device.read ? 0444u : 0u) |
           (device.write ? 0222u : 0u);
}

Result<std::string> variable_value(const mesos::v1::Environment::Variable& variable) {
    if (variable.type() != mesos::v1::Environment::Variable::SECRET) return variable.value();
    if (variable.secret().has_value()) return variable.secret().value().data();
    return fail(Errc::unsupported, "environment variable '{}' is a secret without a value",
                variable.name());
}

}  // namespace

Owner owner_outside(const LaunchPlan& plan) {
    Owner owner;
    if (plan.user) owner = {plan.user->uid, plan.user->gid};
    if (!plan.user_namespace) return owner;
    return {owner.uid + plan.user_namespace->ids().uid, owner.gid + plan.user_namespace->ids().gid};
}

Result<std::vector<std::string>> plan_argv(const mesos::v1::CommandInfo& command) {
    std::vector<std::string> argv;
    if (!command.has_value() || command.value().empty())
        return fail(Errc::invalid_argument, "the command has no value to execute");
    if (command.shell()) {
        argv = {"/bin/sh", "sh", "-c", command.value()};
    } else {
        argv.push_back(command.value());
        if (command.arguments_size() == 0) argv.push_back(command.value());
        argv.insert(argv.end(), command.arguments().begin(), command.arguments().end());
    }
    for (const std::string& argument : argv)
        if (has_nul(argument))
            return fail(Errc::invalid_argument, "an argument of the command contains a NUL");
    return argv;
}

Result<std::vector<std::string>> plan_environment(const std::map<std::string, std::string>& given,
                                                  const mesos::v1::CommandInfo& command) {
    std::map<std::string, std::string> merged{{"PATH", k_default_path}};
    for (const auto& [name, value] : given) merged.insert_or_assign(name, value);
    for (const auto& variable : command.environment().variables())
        merged.insert_or_assign(variable.name(), TEPUI_TRY(variable_value(variable)));
    std::vector<std::string> environment;
    for (const auto& [name, value] : merged) {
        if (name.empty() || name.find('=') != std::string::npos || has_nul(name) || has_nul(value))
            return fail(Errc::invalid_argument, "environment variable '{}' cannot be set", name);
        environment.push_back(name + "=" + value);
    }
    return environment;
}

Result<std::vector<shim_rlimit>> plan_rlimits(const mesos::v1::RLimitInfo& limits) {
    std::vector<shim_rlimit> plan;
    for (const auto& limit : limits.rlimits()) {
        const std::optional<std::uint32_t> resource = kernel_limit(limit.type());
        const std::string& name = mesos::v1::RLimitInfo::RLimit::Type_Name(limit.type());
        if (!resource) return fail(Errc::invalid_argument, "unknown resource limit '{}'", name);
        if (limit.has_soft() != limit.has_hard())
            return fail(Errc::invalid_argument,
                        "resource limit '{}' needs both a soft and a hard value, or none", name);
        if (limit.has_soft() && limit.soft() > limit.hard())
            return fail(Errc::invalid_argument,
                        "resource limit '{}' has a soft value above the hard one", name);
        const std::uint64_t unlimited = RLIM_INFINITY;
        plan.push_back({*resource, 0, limit.has_soft() ? limit.soft() : unlimited,
                        limit.has_hard() ? limit.hard() : unlimited});
    }
    return plan;
}

std::string encode_plan(const LaunchPlan& plan, int listen_fd, int sandbox_fd, int runtime_fd) {
    shim_config head{};
    head.magic = SHIM_MAGIC;
    head.version = SHIM_CONFIG_VERSION;
    head.flags = plan_flags(plan);
    head.listen_fd = listen_fd;
    head.sandbox_fd = sandbox_fd;
    head.runtime_fd = runtime_fd;
    std::vector<gid_t> groups;
    if (plan.user) {
        head.uid = plan.user->uid;
        head.gid = plan.user->gid;
        groups = plan.user->groups;
    }
    head.log_bytes_max = plan.log_bytes_max;
    head.log_files_max = plan.log_files_max;
    head.error_log_bytes_max = plan.error_log_bytes_max;
    head.error_log_files_max = plan.error_log_files_max;
    head.orphan_ms_max = plan.orphan_ms_max;
    head.groups_count = static_cast<std::uint32_t>(groups.size());
    head.rlimits_count = static_cast<std::uint32_t>(plan.rlimits.size());
    head.cgroups_count = static_cast<std::uint32_t>(plan.cgroups.size());
    head.argv_count = static_cast<std::uint32_t>(plan.argv.size());
    head.env_count = static_cast<std::uint32_t>(plan.environment.size());
    const CapabilityPlan capabilities = plan.capabilities.value_or(CapabilityPlan{});
    head.effective = capabilities.effective;
    head.bounding = capabilities.bounding;
    head.oom_score_adj = plan.oom_score_adj.value_or(0);
    head.mounts_count = static_cast<std::uint32_t>(plan.mounts.size());
    head.devices_count = static_cast<std::uint32_t>(plan.devices.size());
    head.seccomp_count =
        static_cast<std::uint32_t>(plan.seccomp_filter.size() / sizeof(sock_filter));
    head.terminal_rows = plan.terminal_rows;
    head.terminal_columns = plan.terminal_columns;

    std::string bytes;
    append(bytes, head);
    for (const gid_t group : groups) append(bytes, static_cast<std::uint32_t>(group));
    bytes.resize((bytes.size() + 7) & ~std::size_t{7});
    for (const shim_rlimit& limit : plan.rlimits) append(bytes, limit);
    for (const MountPlan& mount : plan.mounts)
        append(bytes, shim_mount{mount.flags, mount.recursive ? 1u : 0u, 0});
    for (const DevicePlan& device : plan.devices)
        append(bytes, shim_device{device_mode(device), device.major, device.minor, 0});
    bytes.append(plan.seccomp_filter, 0, head.seccomp_count * sizeof(sock_filter));
    for (const std::string* text :
         {&plan.container, &plan.memory_cgroup, &plan.pids_cgroup, &plan.sandbox, &plan.work_dir,
          &plan.hostname, &plan.network_namespace, &plan.ipc_namespace, &plan.pid_namespace,
          &plan.runtime, &plan.bundle, &plan.config})
        append_text(bytes, *text);
    append_text(bytes, plan.root ? plan.root->working_directory : std::string());
    for (const auto* list : {&plan.cgroups, &plan.argv, &plan.environment})
        for (const std::string& text : *list) append_text(bytes, text);
    for (const MountPlan& mount : plan.mounts)
        for (const std::string* text : {&mount.source, &mount.target, &mount.type, &mount.data})
            append_text(bytes, *text);
    for (const DevicePlan& device : plan.devices) append_text(bytes, device.path);
    return bytes;
}

}  // namespace tepui::containerizer
