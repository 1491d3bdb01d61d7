// One look at a running task: a command in the task's namespaces, cgroups, user, directory and
// environment. The process made here supervises it: a subreaper, so that whatever the command
// leaves behind is found and ended before the agent hears the answer. Its socket to the agent is
// also its life line: when the agent hangs up (its patience or its life is over), everything ends.

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
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/shim.h"

// Where the supervisor has its descriptors.
enum { ANSWER_FD = 3, SANDBOX_FD = 4, CONFIG_FD = 5, FIRST_CLOSED_FD = 6, FIRST_SPARE_FD = 64 };

static _Noreturn void answer(enum shim_probe_outcome outcome, int status) {
    const struct shim_probe_answer message = {
        .version = SHIM_VERSION, .outcome = outcome, .status = status};
    (void)!send(ANSWER_FD, &message, sizeof message, MSG_NOSIGNAL | MSG_DONTWAIT);
    _exit(0);
}

static bool keep_only(const struct probe_fds* fds) {
    const int null = open("/dev/null", O_RDWR);
    if (null < 0) return false;
    const int from[] = {null, null, null, fds->answer, fds->sandbox, fds->config};
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

// Everything that descends from this process is gone when it returns.
static void end_all(void) {
    static const struct shim_config nothing;
    static char* none[1];
    const struct plan by_descent = {.head = &nothing, .pids_dir = "", .cgroups = none};
    tree_kill(&by_descent);
}

static pid_t start(const struct plan* plan) {
    struct wiring wiring = {.out = {-1, 1}, .err = {-1, 2}};
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

static _Noreturn void supervise(pid_t child, int signals) {
    for (;;) {
        for (;;) {
            int status = 0;
            const pid_t pid = waitpid(-1, &status, WNOHANG);
            if (pid <= 0) break;
            if (pid != child) continue;
            end_all();
            answer(SHIM_PROBE_EXITED, status);
        }
        struct pollfd watched[2] = {{.fd = ANSWER_FD, .events = POLLIN},
                                    {.fd = signals, .events = POLLIN}};
        if (poll(watched, 2, -1) < 0) continue;
        if (watched[0].revents != 0) {
            end_all();
            answer(SHIM_PROBE_ENDED, 0);
        }
        struct signalfd_siginfo info;
        while (read(signals, &info, sizeof info) == (ssize_t)sizeof info) {
        }
    }
}

_Noreturn void probe_run(const struct plan* task, const struct probe_fds* fds, pid_t mounts_of) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "tepui-probe");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    setsid();
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/mnt", (int)mounts_of);
    const int mounts = mounts_of > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    const bool lost = mounts_of > 0 && (mounts < 0 || setns(mounts, CLONE_NEWNS) != 0);
    if (!keep_only(fds)) _exit(1);
    if (lost) answer(SHIM_PROBE_FAILED, ESRCH);
    struct plan wanted;
    const int error = plan_read(CONFIG_FD, &wanted);
    if (error != 0) answer(SHIM_PROBE_FAILED, error);
    struct shim_config head = *task->head;
    head.sandbox_fd = SANDBOX_FD;
    struct plan plan = *task;
    plan.head = &head;
    plan.argv = wanted.argv;
    plan.env =
        merge_environment(task->env, task->head->env_count, wanted.env, wanted.head->env_count);
    if (plan.env == NULL) answer(SHIM_PROBE_FAILED, ENOMEM);
    sigset_t child_ends;
    sigemptyset(&child_ends);
    sigaddset(&child_ends, SIGCHLD);
    sigprocmask(SIG_SETMASK, &child_ends, NULL);
    const int signals = signalfd(-1, &child_ends, SFD_CLOEXEC | SFD_NONBLOCK);
    supervise(start(&plan), signals);
}

void probe_forward(int control, const struct probe_fds* fds) {
    struct init_message message = {.kind = 2};
    struct iovec body = {.iov_base = &message, .iov_len = sizeof message};
    union {
        char bytes[CMSG_SPACE(sizeof *fds)];
        struct cmsghdr align;
    } ancillary;
    memset(&ancillary, 0, sizeof ancillary);
    struct msghdr header = {.msg_iov = &body,
                            .msg_iovlen = 1,
                            .msg_control = ancillary.bytes,
                            .msg_controllen = sizeof ancillary.bytes};
    struct cmsghdr* part = CMSG_FIRSTHDR(&header);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(sizeof *fds);
    memcpy(CMSG_DATA(part), fds, sizeof *fds);
    (void)!sendmsg(control, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
}

ssize_t receive_with_fds(int from, void* body, size_t size, int* fds, int count) {
    struct iovec into = {.iov_base = body, .iov_len = size};
    union {
        char bytes[CMSG_SPACE(PROBE_FDS * sizeof(int))];
        struct cmsghdr align;
    } ancillary;
    struct msghdr header = {.msg_iov = &into,
                            .msg_iovlen = 1,
                            .msg_control = ancillary.bytes,
                            .msg_controllen = sizeof ancillary.bytes};
    for (int i = 0; i < count; ++i) fds[i] = -1;
    const ssize_t got = recvmsg(from, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0) return got;
    const struct cmsghdr* part = CMSG_FIRSTHDR(&header);
    if (part == NULL || part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) return got;
    // More than there is room for, the kernel has closed.
    const int given = (int)((part->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    for (int i = 0; i < given; ++i) {
        int fd = -1;
        memcpy(&fd, CMSG_DATA(part) + (size_t)i * sizeof fd, sizeof fd);
        if (i < count)
            fds[i] = fd;
        else
            close(fd);
    }
    return got;
}
