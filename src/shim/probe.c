// One look at a running task: a command in the task's namespaces, cgroups, user, directory and
// environment. The process made here supervises it: a subreaper, so that whatever the command
// leaves behind is found and ended before the agent hears the answer. Its socket to the agent is
// also its life line: when the agent hangs up (its patience or its life is over), everything ends.
// A session is the same with stdio of its own, and signals that come over the socket.

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/shim.h"

// Where the supervisor has its descriptors.
enum {
    ANSWER_FD = 3,
    SANDBOX_FD,
    CONFIG_FD,
    STDIN_FD,
    STDOUT_FD,
    STDERR_FD,
    FIRST_CLOSED_FD,
    FIRST_SPARE_FD = 64
};

static _Noreturn void answer(enum shim_probe_outcome outcome, int status) {
    const struct shim_probe_answer message = {
        .version = SHIM_VERSION, .outcome = outcome, .status = status};
    (void)!send(ANSWER_FD, &message, sizeof message, MSG_NOSIGNAL | MSG_DONTWAIT);
    _exit(0);
}

static bool keep_only(const struct probe_fds* fds) {
    const int null = open("/dev/null", O_RDWR);
    if (null < 0) return false;
    int from[] = {null,        null,          null,          fds->answer,  fds->sandbox,
                  fds->config, fds->stdio[0], fds->stdio[1], fds->stdio[2]};
    for (int i = STDIN_FD; i < FIRST_CLOSED_FD; ++i)
        if (from[i] < 0) from[i] = null;
    int spare[sizeof from / sizeof *from];
    // Upwards first: a source may have the number of another's target.
    for (int i = 0; i < FIRST_CLOSED_FD; ++i) {
        spare[i] = fcntl(from[i], F_DUPFD, FIRST_SPARE_FD);
        if (spare[i] < 0) return false;
    }
    for (int i = 0; i < FIRST_CLOSED_FD; ++i)
        if (dup2(spare[i], i) < 0) return false;
    // Among them the shim's listening socket, which tells the agent that the shim lives.
    return syscall(SYS_close_range, (unsigned)FIRST_CLOSED_FD, ~0u, 0u) == 0;
}

static size_t name_length(const char* variable) {
    const char* equals = strchr(variable, '=');
    return equals == NULL ? strlen(variable) : (size_t)(equals - variable) + 1;
}

// The variables of `over`, and those of `under` that it does not name.
static char** merge_environment(char** under, uint32_t under_count, char** over,
                                uint32_t over_count) {
    char** merged = calloc((size_t)under_count + over_count + 1, sizeof *merged);
    if (merged == NULL) return NULL;
    size_t count = 0;
    for (; count < over_count; ++count) merged[count] = over[count];
    for (uint32_t i = 0; i < under_count; ++i) {
        const size_t length = name_length(under[i]);
        bool hidden = false;
        for (uint32_t j = 0; j < over_count && !hidden; ++j)
            hidden = strncmp(under[i], over[j], length) == 0;
        if (!hidden) merged[count++] = under[i];
    }
    return merged;
}

static pid_t start(const struct plan* plan, const struct wiring* stdio) {
    struct wiring wiring = *stdio;
    if (pipe2(wiring.failure, O_CLOEXEC) != 0) answer(SHIM_PROBE_FAILED, errno);
    const pid_t child = task_clone(plan, 0);
    if (child == 0) task_run(plan, &wiring, 0);
    if (child < 0) answer(SHIM_PROBE_FAILED, -child);
    close(wiring.failure[1]);
    struct failure failure;
    ssize_t got = 0;
    do got = read(wiring.failure[0], &failure, sizeof failure);
    while (got < 0 && errno == EINTR);
    close(wiring.failure[0]);
    if (got == (ssize_t)sizeof failure) {
        waitpid(child, NULL, 0);
        answer(SHIM_PROBE_FAILED, failure.error);
    }
    return child;
}

// `descriptor`: sent along unless it is -1.
static void tell_started(int descriptor) {
    const struct shim_probe_answer message = {.version = SHIM_VERSION,
                                              .outcome = SHIM_SESSION_STARTED};
    const struct beside given = {
        .kind = SCM_RIGHTS, .data = &descriptor, .size = descriptor < 0 ? 0 : sizeof descriptor};
    send_beside(ANSWER_FD, &message, sizeof message, &given, 0);
}

// Starts what somebody talks to. This process keeps none of its stdio: the ends must be seen.
static pid_t start_session(const struct plan* plan, const struct shim_config* wanted) {
    const bool terminal = (wanted->flags & SHIM_TERMINAL) != 0;
    struct wiring wiring = {
        .input = STDIN_FD, .out = {-1, STDOUT_FD}, .err = {-1, STDERR_FD}, .terminal = terminal};
    int ends[2] = {-1, -1};
    if (terminal) {
        const int error = terminal_open(ends, wanted, plan->head);
        if (error != 0) answer(SHIM_PROBE_FAILED, error);
        wiring.input = wiring.out[1] = wiring.err[1] = ends[1];
    }
    const pid_t child = start(plan, &wiring);
    tell_started(ends[0]);
    for (int i = 0; i < 2; ++i)
        if (ends[i] >= 0) close(ends[i]);
    for (int fd = STDIN_FD; fd <= STDERR_FD; ++fd) close(fd);
    return child;
}

// What came over the agent's socket, which is open: a signal, or its end.
static void obey_agent(pid_t child) {
    struct shim_request request;
    const ssize_t got = recv(ANSWER_FD, &request, sizeof request, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    const bool valid = got == (ssize_t)sizeof request && request.version == SHIM_VERSION &&
                       request.signal > 0 && request.signal < NSIG;
    if (!valid) {
        tree_kill_below();
        answer(SHIM_PROBE_ENDED, 0);
    }
    // Its process group: what a shell runs in the foreground has one of its own only on a terminal,
    // where the interrupt comes as a character.
    if (request.signal == SIGKILL || kill(-child, request.signal) != 0) kill(child, request.signal);
}

static _Noreturn void supervise(pid_t child, int signals) {
    for (;;) {
        for (;;) {
            int status = 0;
            const pid_t pid = waitpid(-1, &status, WNOHANG);
            if (pid <= 0) break;
            if (pid != child) continue;
            tree_kill_below();
            answer(SHIM_PROBE_EXITED, status);
        }
        struct pollfd watched[2] = {{.fd = ANSWER_FD, .events = POLLIN},
                                    {.fd = signals, .events = POLLIN}};
        if (poll(watched, 2, -1) < 0) continue;
        if (watched[0].revents != 0) obey_agent(child);
        struct signalfd_siginfo info;
        while (read(signals, &info, sizeof info) == (ssize_t)sizeof info) {
        }
    }
}

// Becomes a process of the task's pid namespace, whose descendants it then inherits. The one left
// behind waits for it, as the namespace's first process may not.
static void enter_pid_namespace(void) {
    const pid_t inside = fork();
    if (inside < 0) _exit(1);
    if (inside > 0) {
        while (waitpid(inside, NULL, 0) < 0 && errno == EINTR) {
        }
        _exit(0);
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

// The task's plan with another command, and another user where one is named.
static int plan_beside(const struct plan* task, const struct plan* wanted, struct plan* plan,
                       struct shim_config* head) {
    *head = *task->head;
    *plan = *task;
    plan->head = head;
    head->sandbox_fd = SANDBOX_FD;
    namespaces_done(plan);
    if ((head->flags & SHIM_OCI) != 0) {
        // Its cgroups were joined from outside; the directory is one of its own root.
        head->cgroups_count = 0;
        head->flags &= ~(uint32_t)SHIM_SET_OOM_SCORE;
        const int directory = open(task->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (directory >= 0) head->sandbox_fd = directory;
    }
    if ((wanted->head->flags & SHIM_SWITCH_USER) != 0) {
        head->flags |= SHIM_SWITCH_USER;
        head->uid = wanted->head->uid;
        head->gid = wanted->head->gid;
        head->groups_count = wanted->head->groups_count;
        plan->groups = wanted->groups;
    }
    plan->argv = wanted->argv;
    plan->env =
        merge_environment(task->env, task->head->env_count, wanted->env, wanted->head->env_count);
    return plan->env == NULL ? ENOMEM : 0;
}

// In a user namespace nobody may have more than the hard limit that he came with.
static void raise_limits(const struct plan* task) {
    for (uint32_t i = 0; i < task->head->rlimits_count; ++i) {
        const struct shim_rlimit* wanted = &task->rlimits[i];
        struct rlimit limit;
        if (getrlimit((int)wanted->resource, &limit) != 0 || limit.rlim_max >= wanted->hard)
            continue;
        limit.rlim_max = wanted->hard;
        setrlimit((int)wanted->resource, &limit);
    }
}

// Within a root of its own no cgroup can be seen; on v2, too, this is born in another one.
// What takes this machine's rights is done here as well.
static int join_from_outside(const struct plan* task) {
    raise_limits(task);
    if (oom_score_set(task) != 0) return -1;
    return join_cgroups(task);
}

_Noreturn void probe_run(const struct plan* task, const struct probe_fds* fds, pid_t beside) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "tepui-probe");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    setsid();
    if ((task->head->flags & SHIM_OCI) != 0 && join_from_outside(task) != 0) _exit(1);
    bool pid_changed = false;
    int error = beside > 0 ? join_namespaces(beside, &pid_changed) : 0;
    if (!keep_only(fds)) _exit(1);
    if (error != 0) answer(SHIM_PROBE_FAILED, error);
    if (pid_changed) enter_pid_namespace();
    struct plan wanted;
    error = plan_read(CONFIG_FD, &wanted);
    if (error != 0) answer(SHIM_PROBE_FAILED, error);
    struct shim_config head;
    struct plan plan;
    error = plan_beside(task, &wanted, &plan, &head);
    if (error != 0) answer(SHIM_PROBE_FAILED, error);
    sigset_t child_ends;
    sigemptyset(&child_ends);
    sigaddset(&child_ends, SIGCHLD);
    sigprocmask(SIG_SETMASK, &child_ends, NULL);
    const int signals = signalfd(-1, &child_ends, SFD_CLOEXEC | SFD_NONBLOCK);
    if ((wanted.head->flags & SHIM_SESSION) != 0)
        supervise(start_session(&plan, wanted.head), signals);
    const struct wiring to_nowhere = {.out = {-1, 1}, .err = {-1, 2}};
    supervise(start(&plan, &to_nowhere), signals);
}

void probe_forward(int control, const struct probe_fds* fds) {
    const struct init_message message = {.kind = 2};
    // A probe has no stdio, nor has a session on a terminal.
    const size_t size = fds->stdio[2] >= 0 ? sizeof *fds : offsetof(struct probe_fds, stdio);
    send_beside(control, &message, sizeof message,
                &(struct beside){.kind = SCM_RIGHTS, .data = fds, .size = size}, MSG_DONTWAIT);
}
