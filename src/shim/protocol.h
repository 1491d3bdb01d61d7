#pragma once

// What the agent and the shim of one container say to each other; usable from C and C++. Both ends
// are of one machine and one installation, so numbers are in host order; `version` refuses any
// other shim.
//
// Start: the agent makes the container's runtime directory, binds and listens on the socket "s" in
// it, connects to it once, and spawns `tepui-shim FD`, where FD is a memfd with a shim_config.
// Whoever can connect later talks to a living shim, even to one that has not run its first
// instruction; ECONNREFUSED means that none lives. Messages are SOCK_SEQPACKET packets of one
// struct each.
//
// End: the shim writes the file "status" (tmp + rename) into the runtime directory and exits; the
// agent sees the connection close and reads the file. A closed connection without the file: the
// shim was lost.

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// SHIM_VERSION is that of the messages, which a later agent still speaks with the shims of an
// earlier one; SHIM_CONFIG_VERSION that of the memfd, which the agent's own shims read.
enum { SHIM_VERSION = 1, SHIM_CONFIG_VERSION = 2, SHIM_CONTAINER_ID_MAX = 256 };

#define SHIM_MAGIC 0x54505348u
#define SHIM_SOCKET_NAME "s"
#define SHIM_STATUS_NAME "status"

enum shim_flag {
    SHIM_NEW_PID_NS = 1,  // Implies a mount namespace with its own /proc.
    SHIM_NEW_MOUNT_NS = 2,
    SHIM_SWITCH_USER = 4,  // setgroups, setgid and setuid to the ids below.
    SHIM_CGROUP_V2 =
        8,           // cgroups[0] is the one directory to be born in; else v1 directories to join.
    SHIM_HOLD = 16,  // Nothing is run: the shim alone keeps a pod's container until it is ended.
    SHIM_SHARED_CGROUP = 32,  // Others live in the cgroups too: what ends is found by descent.
    SHIM_NEW_IPC_NS = 64,
    SHIM_SET_CAPABILITIES = 128,  // To the masks below; else they are the user's.
    SHIM_NO_NEW_PRIVS = 256,
    SHIM_SET_OOM_SCORE = 512,
    SHIM_TERMINAL = 1024,    // stdio is a pseudo terminal.
    SHIM_KEEP_STDIN = 2048,  // stdin is a pipe from whoever attaches.
    SHIM_OCI = 1 << 16,      // The OCI runtime makes the container from its bundle.
};

// Head of the memfd. After it: groups (uint32_t), padding to 8 bytes, rlimits, mounts, devices, the
// seccomp filter (struct sock_filter), then NUL-ended strings: container id, memory cgroup
// directory, pids cgroup directory, path of the sandbox, the agent's work directory, host name,
// paths of the network, IPC and pid namespaces to join (the last may be the socket of a shim, which
// lends its container's), the OCI runtime, its bundle, the text
// of config.json and the working directory in the container (each of these may be empty but the
// first), cgroup directories, the program followed by its argv (argv[0] first), environment
// ("NAME=value"), source, target, type and data of each mount, path of each device.
struct shim_config {
    uint32_t magic;
    uint32_t version;
    uint32_t flags;  // shim_flag
    int32_t listen_fd;
    int32_t sandbox_fd;
    int32_t runtime_fd;
    uint32_t uid;
    uint32_t gid;
    uint64_t log_bytes_max;  // Of stdout before rotation; 0: never rotated.
    uint32_t log_files_max;  // The current one included.
    uint32_t groups_count;
    uint32_t rlimits_count;
    uint32_t cgroups_count;
    uint32_t argv_count;  // With the program: at least 2.
    uint32_t env_count;
    int64_t orphan_ms_max;  // Without any agent for this long the container ends; -1: never.
    uint64_t effective;     // Capabilities that the task starts with, also its ambient ones.
    uint64_t bounding;      // Those that it can ever get.
    int32_t oom_score_adj;
    uint32_t mounts_count;
    uint32_t devices_count;
    uint32_t seccomp_count;  // Of struct sock_filter.
    uint16_t terminal_rows;  // 0: unknown.
    uint16_t terminal_columns;
    uint32_t error_log_files_max;  // The same of stderr.
    uint64_t error_log_bytes_max;
};

// A mount beneath a task's own view of the file system; without a type it is a bind mount.
struct shim_mount {
    uint64_t flags;      // MS_*
    uint32_t recursive;  // With what is mounted beneath the source.
    uint32_t reserved;
};

// A device node of the host that the task gets with rights of its own in place of it.
struct shim_device {
    uint32_t mode;  // S_IFCHR or S_IFBLK, and the rights of everybody.
    uint32_t major;
    uint32_t minor;
    uint32_t reserved;
};

struct shim_rlimit {
    uint32_t resource;  // RLIMIT_*
    uint32_t reserved;
    uint64_t soft;
    uint64_t hard;
};

enum shim_state {
    SHIM_STARTING = 1,
    SHIM_RUNNING = 2,  // exec was reached; task_pid is set.
    SHIM_FAILED = 3,   // The task never ran; stage and error say why. The shim exits.
    SHIM_ENDED = 4,    // The status file is written. The shim exits.
};

// What failed before the task's program took over.
enum shim_stage {
    SHIM_STAGE_NONE = 0,
    SHIM_STAGE_CONFIG,
    SHIM_STAGE_LOGS,
    SHIM_STAGE_CLONE,
    SHIM_STAGE_MOUNT,
    SHIM_STAGE_CGROUP,
    SHIM_STAGE_RLIMIT,
    SHIM_STAGE_USER,
    SHIM_STAGE_SANDBOX,
    SHIM_STAGE_STDIO,
    SHIM_STAGE_NAMESPACE,
    SHIM_STAGE_HOSTNAME,
    SHIM_STAGE_DEVICE,
    SHIM_STAGE_OOM_SCORE,
    SHIM_STAGE_CAPABILITIES,
    SHIM_STAGE_SECCOMP,
    SHIM_STAGE_TERMINAL,
    SHIM_STAGE_RUNTIME,  // The OCI runtime.
};

// Shim to agent: on every connection at once, and again when the state changes.
struct shim_report {
    uint32_t version;
    uint32_t state;  // shim_state
    uint32_t stage;  // shim_stage of a failure
    int32_t error;   // errno of a failure
    int64_t shim_pid;
    int64_t task_pid;                       // As the host sees it.
    char container[SHIM_CONTAINER_ID_MAX];  // NUL-ended.
};

// A look at the task: this in place of a signal, with two descriptors (SCM_RIGHTS): a memfd with a
// shim_config, of which only argv and environment count (and go on top of the task's), and one end
// of a SOCK_SEQPACKET pair. On it comes one shim_probe_answer, when nothing of the probe is left.
// Shutting the other end down, or closing it, ends the probe. A pair that closes without an answer:
// nothing could be started.
enum { SHIM_PROBE = 1 << 16 };

enum shim_probe_outcome {
    SHIM_PROBE_EXITED = 1,  // `status` is that of wait(2).
    SHIM_PROBE_ENDED = 2,   // As the agent wished.
    SHIM_PROBE_FAILED = 3,  // It never ran; `status` is an errno.
};

struct shim_probe_answer {
    uint32_t version;
    uint32_t outcome;  // shim_probe_outcome
    int32_t status;
};

// From the shim of a nested container, in place of a signal: it wants to live in the pid namespace
// of this one. The answer is a uint32_t: 0 and a descriptor of the namespace, or an errno.
enum { SHIM_LEND_PID_NS = 1 << 18 };

// Agent to shim. SIGKILL ends every process of the container, SIGTERM goes to each of them, any
// other signal to the task's first process. Obeyed once the task runs.
struct shim_request {
    uint32_t version;
    int32_t signal;
};

#ifdef __cplusplus
}
#endif
