#pragma once

// What the shim's parts know of each other. One thread; nothing is allocated after the start.

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "shim/attach_protocol.h"
#include "shim/protocol.h"

struct sock_filter;

// What the shim ignores, as it outlives the agent's terminal, session and polite endings. The agent
// starts it with every other signal at its default, so these are all that the task must take back.
enum { SHIM_IGNORED_COUNT = 7 };
extern const int shim_ignored[SHIM_IGNORED_COUNT];

// The config with its strings found; all point into the mapped memfd.
struct plan {
    const struct shim_config* head;
    const uint32_t* groups;
    const struct shim_rlimit* rlimits;
    const struct shim_mount* mounts;
    const struct shim_device* devices;
    const struct sock_filter* seccomp;
    const char* container;
    const char* memory_dir;
    const char* pids_dir;
    const char* sandbox;
    const char* work_dir;
    const char* hostname;
    const char* network_ns;
    const char* ipc_ns;
    const char* pid_ns;
    const char* runtime;  // Of SHIM_OCI: the program, its bundle's directory and
                          // config.json, and where in the container to be.
    const char* bundle;
    const char* config;
    const char* directory;
    char** cgroups;
    char** argv;  // The program, then its argv. NULL-ended, as env.
    char** env;
    char** mount_texts;  // MOUNT_TEXTS of each.
    char** device_paths;
};

enum mount_text { MOUNT_SOURCE, MOUNT_TARGET, MOUNT_TYPE, MOUNT_DATA, MOUNT_TEXTS };

// Reads the config from `fd` and checks every count and string against its size.
// Returns 0, or an errno.
int plan_read(int fd, struct plan* plan);

// A failure before exec, as it goes through the error pipe.
struct failure {
    uint32_t stage;
    int32_t error;
    char what[256];  // That it happened to: a path, a name; may be empty.
};

// The pipes and sockets between shim, init and task.
struct wiring {
    int out[2];  // The task's stdout: read end here, write end there.
    int err[2];
    int failure[2];  // Closed on exec; carries a struct failure when the task never ran.
    int control[2];  // Shim and init (pid namespace only).
    int input;       // The task's stdin; 0: it has none.
    bool terminal;   // `input` is the terminal that is to be the task's.
};

// Sends errno (and `what`, which may be NULL) through the failure pipe and exits.
_Noreturn void give_up(const struct wiring* wiring, enum shim_stage stage, const char* what);

// Becomes the task: cgroups, limits, user, directory, descriptors, program. Never returns.
// `namespaces` are those that it was cloned into, which it sets up first.
_Noreturn void task_run(const struct plan* plan, const struct wiring* wiring, uint64_t namespaces);

// What the shim ignores is back at its default, for a program to come.
void reset_signals(void);
// Moves the calling process, of one thread, into the plan's cgroups. Returns 0, or -1 and errno.
int join_cgroups(const struct plan* plan);
// The namespaces that a task is to be born in, as flags of clone.
uint64_t namespaces_wanted(const struct plan* plan);
// The pid namespace that the shim at this socket lends: a descriptor, or a negative errno.
int borrow_pid_namespace(const char* path);
// Joins the pid namespace of the plan, if any, for children to come. Returns 0 or an errno.
int namespaces_join_pid(const struct plan* plan);
// In the first process of new namespaces: joins others, then host name, /proc (with a new pid
// namespace), mounts and devices. Returns a descriptor of the sandbox as it is seen there: the
// plan's own when nothing is mounted.
int namespaces_set_up(const struct plan* plan, const struct wiring* wiring, uint64_t born_in);
// For a plan whose namespaces are set up, or were entered.
void namespaces_done(struct plan* plan);
// The sandbox as this process' mount namespace has it: a new descriptor, or the plan's own when
// there the path leads elsewhere.
int sandbox_here(const struct plan* plan);

// Takes copies of the sources of mounts that stay shared with the host, before this namespace
// becomes its slave: one for each mount of the plan; NULL when there is none.
const int* mounts_open_shared(const struct plan* plan, const struct wiring* wiring);
// Carries out the plan's mounts in this mount namespace.
void mounts_make(const struct plan* plan, const struct wiring* wiring, int sandbox,
                 const int* shared);
// Puts device nodes with the rights of the plan where the host's are.
void devices_make(const struct plan* plan, const struct wiring* wiring);

// Before the user is switched, as root: what it can never get back, and what must outlast the
// switch.
void security_begin(const struct plan* plan, const struct wiring* wiring);
// The very last, as the user: capabilities, no new privileges, system call filter.
void security_end(const struct plan* plan, const struct wiring* wiring);
// Sets the score by which the kernel picks victims. Returns 0, or -1 and errno.
int oom_score_set(const struct plan* plan);

// Clones the first process of the task (born in the cgroup on v2). Returns the pid, 0 in the child,
// or -errno.
pid_t task_clone(const struct plan* plan, uint64_t namespaces);

// The first process of a pid namespace: starts the task, reaps, passes signals on, reports the end.
_Noreturn void init_run(const struct plan* plan, const struct wiring* wiring, uint64_t namespaces);

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
    int stdio[3];  // Of a session without a terminal; else -1.
};
enum { PROBE_FDS = 6, PROBE_REQUEST_FDS = 5 };

// Supervises one probe (or session) of the task of `plan`, in all namespaces of process `beside`
// (-1: in those of this one). Called in a process of its own; never returns.
_Noreturn void probe_run(const struct plan* plan, const struct probe_fds* fds, pid_t beside);
// Enters the namespaces of process `of`. A pid namespace counts for children only: `pid_changed`
// tells of one. Returns 0 or an errno.
int join_namespaces(pid_t of, bool* pid_changed);
// Hands a probe on to init.
void probe_forward(int control, const struct probe_fds* fds);
// What travels beside a packet: descriptors (SCM_RIGHTS, at most PROBE_FDS) or credentials.
struct beside {
    int kind;
    const void* data;
    size_t size;  // 0: nothing.
};
// Sends a packet with it; whoever does not listen misses it.
void send_beside(int to, const void* body, size_t size, const struct beside* beside, int flags);
// Receives a packet and up to `count` descriptors (-1 where there are fewer); as recvmsg.
ssize_t receive_with_fds(int from, void* body, size_t size, int* fds, int count);
// The same, but waits for the packet.
ssize_t receive_with_fds_waiting(int from, void* body, size_t size, int* fds, int count);

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
// The same for what descends from this process.
size_t tree_signal_below(int signal);
void tree_kill_below(void);
// Ends every process of the container without a pid namespace, and stays until all are gone.
void tree_kill(const struct plan* plan);

// Writes the status file. `status` is of wait(2); failure is what kept the task from running.
// Takes the room that status_write() needs, while the disk has some: an end is told also when the
// task has filled it. Best effort.
void status_reserve(const struct plan* plan);
void status_write(const struct plan* plan, const int* status, const struct failure* failure,
                  const struct memory_end* memory);

// Reads a small file beneath directory `dir` (a path). Returns the bytes read (NUL-ended), 0 on
// failure.
size_t file_read(const char* dir, const char* name, char* buffer, size_t size);
uint64_t number_after(const char* text, const char* key);

// A pseudo terminal, `ends` being its near and far one; of the size in `wanted`, owned by the user
// of `owner`. Returns 0 or an errno.
int terminal_open(int ends[2], const struct shim_config* wanted, const struct shim_config* owner);
void terminal_resize(int terminal, uint16_t rows, uint16_t columns);

// Makes the task's stdio as the plan wants it. Returns 0 or an errno.
int stdio_open(const struct plan* plan, struct wiring* wiring);
// Nobody hears it, yet.
void stdio_none(struct wiring* wiring);
// Once the task has it.
void stdio_close_far(struct wiring* wiring);

// Those who talk to the task's terminal or stdin. Nobody else's slowness delays the task: who does
// not read is dropped.
enum { ATTACHED_MAX = 16 };
// `input`: where what they write goes (not blocking), kept and closed here; -1: nowhere.
void attach_begin(int input, bool terminal);
// Takes a descriptor over; true when there was room.
bool attach_add(int fd);
// `kind`: 'o' or 'e'.
void attach_output(char kind, const char* bytes, size_t count);
struct pollfd;
// Fills in what to poll (ATTACHED_MAX + 1 entries), and acts on what came of it.
void attach_watch(struct pollfd* fds);
void attach_hear(const struct pollfd* fds);
// The task has ended: gives readers what is kept for them, waiting a moment for each.
void attach_finish(void);
