#include <errno.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/shim.h"

// Tells the shim the task's pid. It travels as credentials, which the kernel translates into the
// pid that the host sees.
static void send_pid(int control, pid_t task) {
    const struct init_message message = {.kind = 0};
    const struct ucred who = {.pid = task, .uid = getuid(), .gid = getgid()};
    const struct beside given = {.kind = SCM_CREDENTIALS, .data = &who, .size = sizeof who};
    send_beside(control, &message, sizeof message, &given, 0);
}

// `shared`: this is no namespace's first process, so that the kernel ends nobody with it.
static _Noreturn void end(int control, int status, bool shared) {
    if (shared) tree_kill_below();
    const struct init_message message = {.kind = 1, .status = status};
    (void)!send(control, &message, sizeof message, MSG_NOSIGNAL);
    _exit(0);  // The kernel now kills and reaps whatever is left in a namespace of its own.
}

static void reap(int control, pid_t task, bool shared) {
    for (;;) {
        int status = 0;
        const pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid <= 0) return;
        if (pid == task) end(control, status, shared);
    }
}

static void obey(const struct plan* plan, int control, pid_t task, bool shared) {
    struct init_message message;
    int fds[PROBE_FDS];
    const ssize_t got = receive_with_fds(control, &message, sizeof message, fds, PROBE_FDS);
    if (got == 0 && shared) tree_kill_below();
    if (got == 0) _exit(1);  // The shim is gone.
    if (got != (ssize_t)sizeof message) return;
    if (message.kind == 2) {
        const struct probe_fds probe = {fds[0], fds[1], fds[2], {fds[3], fds[4], fds[5]}};
        if (fork() == 0) probe_run(plan, &probe, -1);
        for (int i = 0; i < PROBE_FDS; ++i)
            if (fds[i] >= 0) close(fds[i]);
        return;
    }
    if (shared && message.signal == SIGKILL) end(control, SIGKILL, shared);
    if (shared && message.signal == SIGTERM) {
        tree_signal_below(SIGTERM);
        return;
    }
    // -1: every process of the namespace but this one, in one step of the kernel.
    kill(message.signal == SIGTERM ? -1 : task, message.signal);
}

_Noreturn void init_run(const struct plan* asked, const struct wiring* wiring,
                        uint64_t namespaces) {
    // The shim may have died before this line: then `control` is closed, which obey() sees.
    const bool shared = asked->pid_ns[0] != 0;
    if (shared)
        prctl(PR_SET_CHILD_SUBREAPER, 1);  // It must live on to end what descends from it.
    else
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "tepui-init");
    setsid();
    struct shim_config head = *asked->head;
    struct plan own = *asked;
    const struct plan* const plan = &own;
    own.head = &head;
    head.sandbox_fd = namespaces_set_up(asked, wiring, namespaces);
    namespaces_done(&own);
    const pid_t task = task_clone(plan, 0);
    if (task == 0) task_run(plan, wiring, 0);
    if (task < 0) {
        errno = -task;
        give_up(wiring, SHIM_STAGE_CLONE, NULL);
    }
    send_pid(wiring->control[1], task);
    // Keep nothing of the task's or the shim's open: their ends must be seen.
    const int control = dup2(wiring->control[1], 0);
    (void)!syscall(SYS_close_range, 1u, ~0u, 0u);
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);  // Blocked since the shim's start.
    const int signals = signalfd(-1, &child, SFD_NONBLOCK);
    for (;;) {
        reap(control, task, shared);
        struct pollfd watched[2] = {{.fd = control, .events = POLLIN},
                                    {.fd = signals, .events = POLLIN}};
        if (poll(watched, 2, -1) < 0) continue;
        if (watched[0].revents != 0) obey(plan, control, task, shared);
        struct signalfd_siginfo info;
        while (read(signals, &info, sizeof info) == (ssize_t)sizeof info) {
        }
    }
}
