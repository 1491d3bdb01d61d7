#include "containerizer/oci/bundle.h"

#include <linux/capability.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>

#include "wire/json_writer.h"

namespace tepui::containerizer::oci {
namespace {

using wire::JsonWriter;

constexpr std::array k_capabilities{"CHOWN",
                                    "DAC_OVERRIDE",
                                    "DAC_READ_SEARCH",
                                    "FOWNER",
                                    "FSETID",
                                    "KILL",
                                    "SETGID",
                                    "SETUID",
                                    "SETPCAP",
                                    "LINUX_IMMUTABLE",
                                    "NET_BIND_SERVICE",
                                    "NET_BROADCAST",
                                    "NET_ADMIN",
                                    "NET_RAW",
                                    "IPC_LOCK",
                                    "IPC_OWNER",
                                    "SYS_MODULE",
                                    "SYS_RAWIO",
                                    "SYS_CHROOT",
                                    "SYS_PTRACE",
                                    "SYS_PACCT",
                                    "SYS_ADMIN",
                                    "SYS_BOOT",
                                    "SYS_NICE",
                                    "SYS_RESOURCE",
                                    "SYS_TIME",
                                    "SYS_TTY_CONFIG",
                                    "MKNOD",
                                    "LEASE",
                                    "AUDIT_WRITE",
                                    "AUDIT_CONTROL",
                                    "SETFCAP",
                                    "MAC_OVERRIDE",
                                    "MAC_ADMIN",
                                    "SYSLOG",
                                    "WAKE_ALARM",
                                    "BLOCK_SUSPEND",
                                    "AUDIT_READ",
                                    "PERFMON",
                                    "BPF",
                                    "CHECKPOINT_RESTORE"};

struct Limit {
    std::uint32_t number;
    const char* name;
};
constexpr std::array k_limits{Limit{RLIMIT_AS, "RLIMIT_AS"},
                              Limit{RLIMIT_CORE, "RLIMIT_CORE"},
                              Limit{RLIMIT_CPU, "RLIMIT_CPU"},
                              Limit{RLIMIT_DATA, "RLIMIT_DATA"},
                              Limit{RLIMIT_FSIZE, "RLIMIT_FSIZE"},
                              Limit{RLIMIT_LOCKS, "RLIMIT_LOCKS"},
                              Limit{RLIMIT_MEMLOCK, "RLIMIT_MEMLOCK"},
                              Limit{RLIMIT_MSGQUEUE, "RLIMIT_MSGQUEUE"},
                              Limit{RLIMIT_NICE, "RLIMIT_NICE"},
                              Limit{RLIMIT_NOFILE, "RLIMIT_NOFILE"},
                              Limit{RLIMIT_NPROC, "RLIMIT_NPROC"},
                              Limit{RLIMIT_RSS, "RLIMIT_RSS"},
                              Limit{RLIMIT_RTPRIO, "RLIMIT_RTPRIO"},
                              Limit{RLIMIT_RTTIME, "RLIMIT_RTTIME"},
                              Limit{RLIMIT_SIGPENDING, "RLIMIT_SIGPENDING"},
                              Limit{RLIMIT_STACK, "RLIMIT_STACK"}};

struct DefaultMount {
    const char* target;
    const char* type;
    const char* source;
    const char* options;  // With commas between them.
};
constexpr std::array k_mounts{
    DefaultMount{"/proc", "proc", "proc", "nosuid,noexec,nodev"},
    DefaultMount{"/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k"},
    DefaultMount{"/dev/pts", "devpts", "devpts",
                 "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5"},
    DefaultMount{"/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777,size=65536k"},
    DefaultMount{"/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev"},
    DefaultMount{"/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro"},
};

constexpr std::array k_masked{
    "/proc/acpi",        "/proc/asound",        "/proc/kcore",
    "/proc/keys",        "/proc/latency_stats", "/proc/timer_list",
    "/proc/timer_stats", "/proc/sched_debug",   "/proc/scsi",
    "/sys/firmware",     "/sys/fs/selinux",     "/sys/devices/virtual/powercap"};
/// What is mounted in the host's /sys.
constexpr std::array k_masked_of_host{"/sys/fs/cgroup",      "/sys/fs/bpf",
                                      "/sys/fs/pstore",      "/sys/kernel/debug",
                                      "/sys/kernel/tracing", "/sys/kernel/security"};
constexpr std::array k_read_only{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                                 "/proc/sysrq-trigger"};

void write_strings(JsonWriter& json, const auto& strings) {
    json.begin_array();
    for (const auto& text : strings) json.value(text);
    json.end_array();
}

std::vector<std::string> split(std::string_view text) {
    std::vector<std::string> parts;
    while (!text.empty()) {
        const std::string_view part = text.substr(0, text.find(','));
        text.remove_prefix(std::min(text.size(), part.size() + 1));
        if (!part.empty()) parts.emplace_back(part);
    }
    return parts;
}

std::vector<std::string> capability_names(std::uint64_t mask) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < k_capabilities.size(); ++i)
        if ((mask >> i & 1) != 0) names.push_back(std::string("CAP_") + k_capabilities[i]);
    return names;
}

/// Without a plan of its own: what Docker gives, and nothing of it to start with for who is not
/// root; inheritable and ambient sets stay empty then (CVE-2022-24769).
void write_capabilities(JsonWriter& json, const LaunchPlan& plan, bool root) {
    const std::uint64_t standard = default_capabilities();
    const bool given = plan.capabilities.has_value();
    const auto bounding = capability_names(given ? plan.capabilities->bounding : standard);
    const auto effective =
        capability_names(given ? plan.capabilities->effective : (root ? standard : 0));
    json.begin_object();
    json.key("bounding");
    write_strings(json, bounding);
    for (const char* set : {"effective", "permitted"}) {
        json.key(set);
        write_strings(json, effective);
    }
    for (const char* set : {"inheritable", "ambient"}) {
        json.key(set);
        write_strings(json, given ? effective : std::vector<std::string>());
    }
    json.end_object();
}

void write_process(JsonWriter& json, const LaunchPlan& plan) {
    const User user = plan.user.value_or(User{});
    json.begin_object();
    json.key("terminal").value(plan.terminal);
    json.key("user").begin_object();
    json.key("uid").value(static_cast<std::uint64_t>(user.uid));
    json.key("gid").value(static_cast<std::uint64_t>(user.gid));
    json.key("additionalGids").begin_array();
    for (const gid_t group : user.groups)
        if (group != user.gid) json.value(static_cast<std::uint64_t>(group));
    json.end_array().end_object();
    // The runtime takes the program's name for argv[0] as well.
    std::vector<std::string> args{plan.argv.front()};
    if (plan.argv.size() > 2) args.insert(args.end(), plan.argv.begin() + 2, plan.argv.end());
    json.key("args");
    write_strings(json, args);
    json.key("env");
    write_strings(json, plan.environment);
    json.key("cwd").value(plan.root->working_directory);
    json.key("capabilities");
    write_capabilities(json, plan, user.uid == 0);
    json.key("rlimits").begin_array();
    for (const shim_rlimit& limit : plan.rlimits) {
        const auto* known = std::ranges::find(k_limits, limit.resource, &Limit::number);
        if (known == k_limits.end()) continue;
        json.begin_object().key("type").value(known->name);
        json.key("hard").value(limit.hard).key("soft").value(limit.soft).end_object();
    }
    json.end_array();
    json.key("noNewPrivileges").value(plan.no_new_privileges);
    if (plan.oom_score_adj) json.key("oomScoreAdj").value(*plan.oom_score_adj);
    json.end_object();
}

std::vector<std::string> mount_options(const MountPlan& mount) {
    std::vector<std::string> options;
    const auto add = [&](std::uint64_t flag, const char* name) {
        if ((mount.flags & flag) != 0) options.emplace_back(name);
    };
    if (mount.type.empty()) {
        options.emplace_back(mount.recursive ? "rbind" : "bind");
        const bool shared = (mount.flags & MS_SHARED) != 0;
        const bool apart = (mount.flags & MS_PRIVATE) != 0;
        options.emplace_back(shared ? "rshared" : apart ? "rprivate" : "rslave");
    }
    add(MS_RDONLY, "ro");
    add(MS_NOSUID, "nosuid");
    add(MS_NODEV, "nodev");
    add(MS_NOEXEC, "noexec");
    add(MS_NOATIME, "noatime");
    for (std::string& part : split(mount.data)) options.push_back(std::move(part));
    return options;
}

void write_mount(JsonWriter& json, const std::string& target, const std::string& type,
                 const std::string& source, const std::vector<std::string>& options) {
    json.begin_object().key("destination").value(target).key("type").value(type);
    json.key("source").value(source).key("options");
    write_strings(json, options);
    json.end_object();
}

/// Only who owns a network namespace may mount its /sys, and only who owns an IPC namespace its
/// message queues. A user namespace owns those that are made with it and no others: it is shown the
/// host's /sys, in which it may change nothing, and goes without the queues of others.
bool write_unowned(JsonWriter& json, const LaunchPlan& plan, std::string_view target) {
    if (!plan.user_namespace) return false;
    if (target == "/sys") {
        write_mount(json, "/sys", "bind", "/sys",
                    {"rbind", "rslave", "nosuid", "noexec", "nodev", "ro"});
        return true;
    }
    return target == "/dev/mqueue" && !plan.ipc_namespace.empty();
}

void write_mounts(JsonWriter& json, const LaunchPlan& plan) {
    json.begin_array();
    for (const DefaultMount& mount : k_mounts) {
        const bool replaced = std::ranges::any_of(
            plan.mounts, [&](const MountPlan& each) { return each.target == mount.target; });
        // /dev is ours in any case; what is asked for in its place comes on top of it.
        if (replaced && std::string_view(mount.target) != "/dev") continue;
        if (write_unowned(json, plan, mount.target)) continue;
        write_mount(json, mount.target, mount.type, mount.source, split(mount.options));
    }
    for (const MountPlan& mount : plan.mounts)
        write_mount(json, mount.target, mount.type.empty() ? "bind" : mount.type, mount.source,
                    mount_options(mount));
    json.end_array();
}

void write_namespaces(JsonWriter& json, const LaunchPlan& plan) {
    const auto add = [&json](const char* type, const std::string& path) {
        json.begin_object().key("type").value(type);
        if (!path.empty()) json.key("path").value(path);
        json.end_object();
    };
    json.begin_array();
    add("mount", "");
    add("uts", "");
    add("ipc", plan.ipc_namespace);
    if (!plan.pid_namespace.empty() || (plan.flags & SHIM_NEW_PID_NS) != 0)
        add("pid", plan.pid_namespace);
    if (!plan.network_namespace.empty()) add("network", plan.network_namespace);
    if (plan.user_namespace) add("user", "");
    json.end_array();
}

void write_id_maps(JsonWriter& json, const IdMap& ids) {
    const auto write = [&](const char* name, std::uint32_t outside) {
        json.key(name).begin_array().begin_object().key("containerID").value(0);
        json.key("hostID").value(static_cast<std::uint64_t>(outside));
        json.key("size").value(static_cast<std::uint64_t>(ids.count)).end_object().end_array();
    };
    write("uidMappings", ids.uid);
    write("gidMappings", ids.gid);
}

/// Why there can be no such container.
Result<void> check_user_namespace(const LaunchPlan& plan) {
    if (!plan.user_namespace) return {};
    if (!plan.pid_namespace.empty() || (plan.flags & SHIM_NEW_PID_NS) == 0)
        return fail(Errc::unsupported,
                    "a container with a user namespace (--userns_remap of the agent) has a pid "
                    "namespace of its own: it can't share one, and needs namespaces/pid in "
                    "--isolation");
    const std::uint32_t count = plan.user_namespace->ids().count;
    const User user = plan.user.value_or(User{});
    if (user.uid >= count || user.gid >= count)
        return fail(Errc::invalid_argument,
                    "the user '{}' ({}:{}) is none of the {} ids of --userns_remap of the agent",
                    user.name, user.uid, user.gid, count);
    return {};
}

void write_devices(JsonWriter& json, const LaunchPlan& plan) {
    json.key("devices").begin_array();
    for (const DevicePlan& device : plan.devices) {
        json.begin_object().key("path").value(device.path);
        json.key("type").value(std::string(1, device.kind));
        json.key("major").value(static_cast<std::int64_t>(device.major));
        json.key("minor").value(static_cast<std::int64_t>(device.minor));
        json.key("fileMode").value(device.write ? 0666 : 0444).key("uid").value(0).key("gid");
        json.value(0).end_object();
    }
    json.end_array();
    // Refused first; the runtime adds the standard nodes to what is allowed. Limits are absent: it
    // leaves alone what our cgroup has.
    json.key("resources").begin_object().key("devices").begin_array();
    json.begin_object().key("allow").value(false).key("access").value("rwm").end_object();
    for (const DevicePlan& device : plan.devices) {
        std::string access;
        if (device.read) access += 'r';
        if (device.write) access += 'w';
        if (device.mknod) access += 'm';
        json.begin_object().key("allow").value(true).key("type").value(std::string(1, device.kind));
        json.key("major").value(static_cast<std::int64_t>(device.major));
        json.key("minor").value(static_cast<std::int64_t>(device.minor));
        json.key("access").value(access).end_object();
    }
    json.end_array().end_object();
}

}  // namespace

std::uint64_t default_capabilities() {
    std::uint64_t mask = 0;
    for (const int capability : {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FSETID, CAP_FOWNER, CAP_MKNOD,
                                 CAP_NET_RAW, CAP_SETGID, CAP_SETUID, CAP_SETFCAP, CAP_SETPCAP,
                                 CAP_NET_BIND_SERVICE, CAP_SYS_CHROOT, CAP_KILL, CAP_AUDIT_WRITE})
        mask |= std::uint64_t{1} << capability;
    return mask;
}

Result<std::string> make_config(const LaunchPlan& plan, const std::string& cgroups_path) {
    if (!plan.root || plan.argv.empty())
        return fail(Errc::invalid_argument, "container '{}' has no root filesystem",
                    plan.container);
    TEPUI_CHECK_OK(check_user_namespace(plan));
    std::string text;
    JsonWriter json(text);
    json.begin_object().key("ociVersion").value("1.0.2");
    json.key("process");
    write_process(json, plan);
    json.key("root").begin_object().key("path").value(plan.root->path);
    json.key("readonly").value(plan.root->read_only).end_object();
    if (!plan.hostname.empty()) json.key("hostname").value(plan.hostname);
    json.key("mounts");
    write_mounts(json, plan);
    json.key("linux").begin_object();
    json.key("namespaces");
    write_namespaces(json, plan);
    if (plan.user_namespace) write_id_maps(json, plan.user_namespace->ids());
    write_devices(json, plan);
    json.key("cgroupsPath").value(cgroups_path);
    const bool shared = std::ranges::any_of(
        plan.mounts, [](const MountPlan& mount) { return (mount.flags & MS_SHARED) != 0; });
    json.key("rootfsPropagation").value(shared ? "rshared" : "rslave");
    if (!plan.seccomp.empty()) json.key("seccomp").raw(plan.seccomp);
    json.key("maskedPaths");
    std::vector<std::string> masked(k_masked.begin(), k_masked.end());
    if (plan.user_namespace)
        masked.insert(masked.end(), k_masked_of_host.begin(), k_masked_of_host.end());
    write_strings(json, masked);
    json.key("readonlyPaths");
    write_strings(json, k_read_only);
    json.end_object().end_object();
    return text;
}

LaunchPlan plan_for_shim(LaunchPlan plan) {
    plan.flags &= ~static_cast<std::uint32_t>(SHIM_NEW_PID_NS | SHIM_NEW_MOUNT_NS);
    plan.mounts.clear();
    plan.devices.clear();
    plan.hostname.clear();
    plan.network_namespace.clear();
    plan.ipc_namespace.clear();
    plan.pid_namespace.clear();
    plan.new_ipc_namespace = false;
    // What runs beside the task has no more rights than it has.
    if (!plan.capabilities) {
        const std::uint64_t standard = default_capabilities();
        const bool root = !plan.user || plan.user->uid == 0;
        plan.capabilities = CapabilityPlan{root ? standard : 0, standard};
    }
    return plan;
}

}  // namespace tepui::containerizer::oci
