#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "containerizer/containerizer.h"
#include "containerizer/isolation.h"
#include "containerizer/oci/user_namespace.h"
#include "containerizer/user.h"
#include "shim/protocol.h"

namespace tepui::containerizer {

/// One mount in a container's own mount namespace, in the order given. Beneath the agent's work
/// directory no link is followed, neither to the source nor (on the host's file system) in the
/// sandbox to the target: what a task planted leads nowhere.
struct MountPlan {
    std::string source;  // Of a bind mount: a path of the host. Else what mount(2) calls it.
    std::string target;  // Absolute, as the container sees it; made when it is missing and the
                         // root filesystem is the container's own.
    std::string type;    // Empty: a bind mount.
    // MS_*, without MS_BIND. MS_RDONLY holds for bind mounts too, and all that is beneath. With
    // MS_SHARED what is mounted in either place later shows in the other, with MS_PRIVATE in
    // neither; else what the host mounts shows in the container.
    std::uint64_t flags = 0;
    std::string data;
    bool recursive = true;  // A bind mount takes along what is mounted beneath the source.
    bool operator==(const MountPlan&) const = default;
};

/// Bit masks of CAP_*; what the task has and what it can ever get.
struct CapabilityPlan {
    std::uint64_t effective = 0;  // Also permitted, inheritable and ambient.
    std::uint64_t bounding = 0;
    bool operator==(const CapabilityPlan&) const = default;
};

/// A device node in the container's /dev, when that is its own.
struct DevicePlan {
    std::string path;  // Of the host, and in the container.
    char kind = 'c';   // Or 'b'.
    std::uint32_t major = 0;
    std::uint32_t minor = 0;
    bool read = true;
    bool write = true;
    bool mknod = false;
    bool operator==(const DevicePlan&) const = default;
};

/// A root filesystem of the container's own: the OCI runtime runs it.
struct RootPlan {
    std::string path;               // Of the host; everything is mounted there that is to be.
    std::string working_directory;  // In the container; empty: MESOS_SANDBOX there.
    bool read_only = false;
    bool operator==(const RootPlan&) const = default;
};

/// What the shim is to do, before descriptors exist. Begun from the spec alone; isolators add to
/// it.
struct LaunchPlan {
    std::string container;
    std::vector<std::string> argv;         // First the program, then its argv from argv[0] on.
    std::vector<std::string> environment;  // "NAME=value", each name once.
    std::vector<shim_rlimit> rlimits;
    std::uint32_t flags = 0;   // shim_flag
    std::optional<User> user;  // When SHIM_SWITCH_USER is set.
    std::vector<std::string> cgroups;
    std::string memory_cgroup;
    std::string pids_cgroup;
    std::uint64_t log_bytes_max = 0;        // Of stdout, before it is rotated; 0: never.
    std::uint32_t log_files_max = 1;        // The current one included.
    std::uint64_t error_log_bytes_max = 0;  // The same of stderr.
    std::uint32_t error_log_files_max = 1;
    std::int64_t orphan_ms_max = -1;  // How long it lives without an agent; -1: for ever.
    std::string sandbox;              // Absolute; the task's working directory, by descriptor.
    std::string work_dir;             // The agent's, absolute; see MountPlan.

    std::vector<MountPlan> mounts;
    std::optional<RootPlan> root;
    /// Of a container that has a root; null: none. `user` and owners in the work directory are ids
    /// in it: what of that is mounted is shown by its ids.
    std::shared_ptr<const oci::UserNamespace> user_namespace;
    std::string runtime;  // Of the OCI: the program that makes the container; empty: the shim does.
    std::string bundle;   // Its directory of this container, made by the shim.
    std::string config;   // The bundle's config.json: may hold secrets, so it is never on disk.
    std::string seccomp;  // `seccomp_filter` as "linux.seccomp" of a bundle: JSON; empty: none.
    std::optional<CapabilityPlan> capabilities;  // Absent: as the user has them.
    bool no_new_privileges = false;
    std::string seccomp_filter;      // struct sock_filter[], as the kernel takes it; empty: none.
    bool new_ipc_namespace = false;  // With a /dev/shm of its own.
    std::string ipc_namespace;       // Path of one to join; empty: none.
    std::string pid_namespace;       // Path of one to join; empty: none.
    std::string network_namespace;   // Path of one to join; empty: the agent's.
    std::string hostname;            // With a UTS namespace of its own; empty: the host's.
    std::optional<int> oom_score_adj;
    std::vector<DevicePlan> devices;  // Beside null, zero, full, random, urandom, tty.
    bool terminal = false;            // stdio is a pseudo terminal.
    std::uint16_t terminal_rows = 0;  // 0: unknown.
    std::uint16_t terminal_columns = 0;
    bool keep_stdin = false;  // Whoever attaches can write to the task's stdin.
};

/// Who the task's user is to the host, outside the container's user namespace.
struct Owner {
    uid_t uid = 0;
    gid_t gid = 0;
};
Owner owner_outside(const LaunchPlan& plan);

/// The program and its arguments: /bin/sh -c for a shell command, else `value` found in the task's
/// PATH with `arguments` as its argv, argv[0] included. The first of the answer is the program.
Result<std::vector<std::string>> plan_argv(const mesos::v1::CommandInfo& command);

/// The environment, low to high: a default PATH, `given`, the command's own variables.
Result<std::vector<std::string>> plan_environment(const std::map<std::string, std::string>& given,
                                                  const mesos::v1::CommandInfo& command);

/// The command's own variables alone, for what the shim puts on top of a task's.
Result<std::vector<std::string>> plan_additions(const mesos::v1::CommandInfo& command);

/// The kernel's numbers of `limits`. Fails when one has only a soft or only a hard value.
Result<std::vector<shim_rlimit>> plan_rlimits(const mesos::v1::RLimitInfo& limits);

/// The bytes of the shim's memfd.
std::string encode_plan(const LaunchPlan& plan, int listen_fd, int sandbox_fd, int runtime_fd);

}  // namespace tepui::containerizer
