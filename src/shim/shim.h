#pragma once

// What the shim's parts know of each other. One thread; nothing is allocated after the start.

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "shim/protocol.h"

// What the shim ignores, as it outlives the agent's terminal, session and polite endings. The agent
// starts it with every other signal at its default, so these are all that the task must take back.
enum { SHIM_IGNORED_COUNT = 7 };
extern const int shim_ignored[SHIM_IGNORED_COUNT];

// The config with its strings found; all point into the mapped memfd.
struct plan {
    const struct shim_config* head;
    const uint32_t* groups;
    const struct shim_rlimit* rlimits;
    const char* container;
    const char* memory_dir;
    const char* pids_dir;
    char** cgroups;
    char** argv;  // The program, then its argv. NULL-ended, as env.
    char** env;
};

// Reads the config from `fd` and checks every count and string against its size.
// Returns 0, or an errno.
int plan_read(int fd, struct plan* plan);

// A failure before exec, as it goes through the error pipe.
struct failure {
    uint32_t stage;
    int32_t error;
};

// The pipes and sockets between shim, init and task.
struct wiring {
    int out[2];  // The task's stdout: read end here, write end there.
    int err[2];
    int failure[2];  // Closed on exec; carries a struct failure when the task never ran.
    int control[2];  // Shim and init (pid namespace only).
};

// Becomes the task: cgroups, limits, user, directory, descriptors, program. Never returns.
// `namespaces` are those that it was cloned into.
_Noreturn void task_run(const struct plan* plan, const struct wiring* wiring, uint64_t namespaces);

// Clones the first process of the task (born in the cgroup on v2). Returns the pid, 0 in the child,
// or -errno.
pid_t task_clone(const struct plan* plan, uint64_t namespaces);

// The first process of a pid namespace: starts the task, reaps, passes signals on, reports the end.
_Noreturn void init_run(const struct plan* plan, const struct wiring* wiring);

// Between shim and init: one packet each.
struct init_message {
    int32_t signal;  // To init; 0: none.
    int32_t status;  // From init: wait(2) status of the task.
    uint32_t kind;   // 0: the task's pid is in the credentials; 1: the task ended; 2: a probe, to
                     // init, with its descriptors.
};

// What a probe needs; in messages in this order.
struct probe_fds {
    int config;
    int answer;
    int sandbox;
};
enum { PROBE_FDS = 3, PROBE_REQUEST_FDS = 2 };

// Supervises one probe of the task of `plan`, in the mount namespace of process `mounts_of`
// (-1: in this one). Called in a process of its own; never returns.
_Noreturn void probe_run(const struct plan* plan, const struct probe_fds* fds, pid_t mounts_of);
// Hands a probe on to init.
void probe_forward(int control, const struct probe_fds* fds);
// Receives a packet and up to `count` descriptors (-1 where there are fewer); as recvmsg.
ssize_t receive_with_fds(int from, void* body, size_t size, int* fds, int count);

// One rotated log in the sandbox.
struct log {
    const char* name;
    int source;        // Read end of the pipe; -1 after its end.
    int file;          // -1: nothing could be opened, what comes is dropped.
    uint64_t written;  // Bytes in `file`.
};

// Opens `name` in the sandbox for appending. Returns 0 or an errno.
int log_open(struct log* log, const struct plan* plan, const char* name, int source);
// Copies what is there, once. Returns false when nothing more can be read now or ever.
bool log_copy(struct log* log, const struct plan* plan);

// Memory a container used, read before its cgroup goes.
struct memory_end {
    bool oom;
    uint64_t limit;  // Bytes; 0: unknown.
    uint64_t peak;
    char stat[4096];
    size_t stat_length;
};

// An eventfd that v1 signals when the container runs out of memory; -1 when there is none.
int oom_watch(const struct plan* plan);
// How many processes of the container the kernel killed for lack of memory.
uint64_t oom_kills(const struct plan* plan);
// Reads limit, peak and memory.stat.
void memory_read(const struct plan* plan, struct memory_end* end);

// Kills or signals every process of the container without a pid namespace: by cgroup, else by
// descent from this process. Returns how many were found.
size_t tree_signal(const struct plan* plan, int signal);
// Ends every process of the container without a pid namespace, and stays until all are gone.
void tree_kill(const struct plan* plan);

// Writes the status file. `status` is of wait(2); failure is what kept the task from running.
void status_write(const struct plan* plan, const int* status, const struct failure* failure,
                  const struct memory_end* memory);

// Reads a small file beneath directory `dir` (a path). Returns the bytes read (NUL-ended), 0 on
// failure.
size_t file_read(const char* dir, const char* name, char* buffer, size_t size);
uint64_t number_after(const char* text, const char* key);
