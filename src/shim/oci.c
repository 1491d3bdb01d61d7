// A container with a root filesystem of its own: the OCI runtime makes it, and leaves. What it made
// becomes a child of this subreaper, is reaped here like any other task, and ends with its first
// process, as that has a pid namespace.

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/state.h"

// Making a container takes tens of milliseconds; a runtime that takes this long hangs.
enum { RUNTIME_MS_MAX = 60000, CONFIG_FD = 3 };

static const char k_id[] = "task";  // One container in each state directory.

struct paths {
    char state[PATH_MAX];    // Where the runtime keeps what it knows.
    char log[PATH_MAX];      // What it has to say, read by the agent.
    char pid[PATH_MAX];      // Of the container's first process.
    char fifo[PATH_MAX];     // Which that process waits on until it is started.
    char config[PATH_MAX];   // A link, see config_file().
    char console[PATH_MAX];  // A socket on which the runtime hands over the terminal.
};

static void make_paths(const struct plan* plan, struct paths* paths) {
    const char* bundle = plan->bundle;
    snprintf(paths->state, PATH_MAX, "%s/state", bundle);
    snprintf(paths->log, PATH_MAX, "%s/log", bundle);
    snprintf(paths->pid, PATH_MAX, "%s/pid", bundle);
    snprintf(paths->fifo, PATH_MAX, "%s/state/%s/exec.fifo", bundle, k_id);
    snprintf(paths->config, PATH_MAX, "%s/config.json", bundle);
    // Beside the bundle: a socket's path has to be short.
    const char* name = strrchr(bundle, '/');
    snprintf(paths->console, PATH_MAX, "%.*s/t", (int)(name == NULL ? 0 : name - bundle), bundle);
}

// Waits for `pid`; kills it when it takes too long. Returns its wait(2) status.
static int await(pid_t pid) {
    const int handle = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd ended = {.fd = handle, .events = POLLIN};
    if (handle < 0 || poll(&ended, 1, RUNTIME_MS_MAX) == 0) kill(pid, SIGKILL);
    if (handle >= 0) close(handle);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

// config.json holds the task's environment, and with it perhaps secrets: it is a file in memory, to
// which a link in the bundle leads the runtime alone.
static int config_file(const struct plan* plan) {
    const int fd = memfd_create("config.json", MFD_CLOEXEC);
    const size_t length = strlen(plan->config);
    for (size_t done = 0; fd >= 0 && done < length;) {
        const ssize_t wrote = write(fd, plan->config + done, length - done);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) return -1;
        done += (size_t)wrote;
    }
    // Moved out of the way of the numbers that are about to be taken.
    return fd < 0 || lseek(fd, 0, SEEK_SET) != 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 64);
}

// Runs the runtime with `arguments` and, where it makes the container, with the task's stdio.
// Returns 0 or an errno.
static int run_runtime(const struct plan* plan, const struct wiring* wiring,
                       char* const* arguments) {
    const pid_t child = fork();
    if (child < 0) return errno;
    if (child == 0) {
        const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        const int in = wiring != NULL && wiring->input > 0 ? wiring->input : null;
        const int out = wiring != NULL && wiring->out[1] >= 0 ? wiring->out[1] : null;
        const int err = wiring != NULL && wiring->err[1] >= 0 ? wiring->err[1] : null;
        const int config = config_file(plan);
        if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0) _exit(125);
        if (config < 0 || dup2(config, CONFIG_FD) < 0) _exit(125);
        (void)!syscall(SYS_close_range, CONFIG_FD + 1u, ~0u, CLOSE_RANGE_CLOEXEC);
        reset_signals();
        static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        char* const environment[] = {path, NULL};
        execve(plan->runtime, arguments, environment);
        _exit(126);
    }
    const int status = await(child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 126) return ENOEXEC;
    return WIFSIGNALED(status) ? ETIMEDOUT : ECHILD;
}

static int listen_for_console(const char* path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) return -1;
    strcpy(address.sun_path, path);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && bind(fd, (const struct sockaddr*)&address, sizeof address) == 0 &&
        listen(fd, 1) == 0)
        return fd;
    if (fd >= 0) close(fd);
    return -1;
}

// The near end of the terminal, as the runtime sent it; -1: it sent none.
static int accept_console(int listener) {
    const int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (connection < 0) return -1;
    char name[256];
    int fd = -1;
    const ssize_t got = receive_with_fds(connection, name, sizeof name, &fd, 1);
    close(connection);
    return got > 0 ? fd : -1;
}

// Returns 0 or an errno.
static int make_bundle(const struct paths* paths, const char* bundle) {
    if (mkdir(bundle, 0700) != 0) return errno;
    return symlink("/proc/self/fd/3", paths->config) == 0 ? 0 : errno;
}

static int create(const struct plan* plan, struct wiring* wiring, struct paths* paths) {
    const bool terminal = (plan->head->flags & SHIM_TERMINAL) != 0;
    char* arguments[20];
    int count = 0;
    arguments[count++] = (char*)plan->runtime;
    arguments[count++] = (char*)"--root";
    arguments[count++] = paths->state;
    arguments[count++] = (char*)"--log";
    arguments[count++] = paths->log;
    arguments[count++] = (char*)"--log-format";
    arguments[count++] = (char*)"json";
    arguments[count++] = (char*)"create";
    arguments[count++] = (char*)"--bundle";
    arguments[count++] = (char*)plan->bundle;
    arguments[count++] = (char*)"--pid-file";
    arguments[count++] = paths->pid;
    int listener = -1;
    if (terminal) {
        listener = listen_for_console(paths->console);
        if (listener < 0) return ENOTSOCK;
        arguments[count++] = (char*)"--console-socket";
        arguments[count++] = paths->console;
    }
    arguments[count++] = (char*)k_id;
    arguments[count] = NULL;
    int error = run_runtime(plan, terminal ? NULL : wiring, arguments);
    if (!terminal) return error;
    const int near = error == 0 ? accept_console(listener) : -1;
    close(listener);
    if (error != 0) return error;
    const int copy = near < 0 ? -1 : fcntl(near, F_DUPFD_CLOEXEC, 3);
    if (copy < 0) return ENOTTY;
    wiring->out[0] = near;
    terminal_resize(near, plan->head->terminal_rows, plan->head->terminal_columns);
    attach_begin(copy, true);
    return 0;
}

static pid_t read_pid(const char* path) {
    char text[32] = "";
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    (void)!read(fd, text, sizeof text - 1);
    close(fd);
    const long pid = strtol(text, NULL, 10);
    return pid > 1 ? (pid_t)pid : -1;
}

// What the runtime's "start" does, without the ten milliseconds that another start of it takes: its
// process opens the pipe for writing, and goes on when somebody reads. Runtimes that have no such
// pipe are asked to start.
static int begin(const struct plan* plan, struct paths* paths, pid_t task) {
    const int fifo = open(paths->fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fifo < 0) {
        char* const arguments[] = {
            (char*)plan->runtime,  (char*)"--root", paths->state,   (char*)"--log", paths->log,
            (char*)"--log-format", (char*)"json",   (char*)"start", (char*)k_id,    NULL};
        return run_runtime(plan, NULL, arguments);
    }
    const int handle = (int)syscall(SYS_pidfd_open, task, 0);
    struct pollfd fds[2] = {{.fd = fifo, .events = POLLIN}, {.fd = handle, .events = POLLIN}};
    int ready = 0;
    do ready = poll(fds, 2, RUNTIME_MS_MAX);
    while (ready < 0 && errno == EINTR);
    char byte;
    const bool begun = ready > 0 && (fds[0].revents & POLLIN) != 0 && read(fifo, &byte, 1) == 1;
    if (handle >= 0) close(handle);
    close(fifo);
    unlink(paths->fifo);
    return begun ? 0 : ECHILD;
}

// In a user namespace the pipes of its stdio would be somebody else's to the task, which could not
// open /dev/stdout. Its first process waits, and its namespace tells the id.
static void give_stdio(const struct plan* plan, const struct wiring* wiring, pid_t task) {
    char path[64];
    char text[64] = "";
    snprintf(path, sizeof path, "/proc/%d/uid_map", (int)task);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    (void)!read(fd, text, sizeof text - 1);
    close(fd);
    unsigned inside = 0;
    unsigned outside = 0;
    if (sscanf(text, "%u %u", &inside, &outside) != 2 || inside != 0 || outside == 0) return;
    const bool named = (plan->head->flags & SHIM_SWITCH_USER) != 0;
    const uid_t owner = outside + (named ? plan->head->uid : 0);
    const int ends[] = {wiring->input > 0 ? wiring->input : -1, wiring->out[1], wiring->err[1]};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; ++i)
        if (ends[i] >= 0) (void)!fchown(ends[i], owner, (gid_t)-1);
}

void oci_start(struct shim* shim) {
    static struct paths paths;
    make_paths(&shim->plan, &paths);
    int error = make_bundle(&paths, shim->plan.bundle);
    if (error == 0) error = create(&shim->plan, &shim->wiring, &paths);
    const pid_t task = error == 0 ? read_pid(paths.pid) : -1;
    if (error == 0 && task < 0) error = ESRCH;
    if (error == 0 && (shim->plan.head->flags & SHIM_TERMINAL) == 0)
        give_stdio(&shim->plan, &shim->wiring, task);
    if (error == 0) error = begin(&shim->plan, &paths, task);
    if (error != 0) {
        if (task > 0) kill(task, SIGKILL);
        tree_kill(&shim->plan);
        shim->failure = (struct failure){.stage = SHIM_STAGE_RUNTIME, .error = error};
        return;
    }
    shim->child = task;
    shim->report.task_pid = task;
}
