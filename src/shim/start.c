// How a container begins: stdio, init or the task itself, and the news of whether it runs.

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/state.h"

void hear_init(struct shim* shim) {
    struct init_message message;
    struct iovec body = {.iov_base = &message, .iov_len = sizeof message};
    union {
        char bytes[CMSG_SPACE(sizeof(struct ucred))];
        struct cmsghdr align;
    } ancillary;
    for (;;) {
        struct msghdr header = {.msg_iov = &body,
                                .msg_iovlen = 1,
                                .msg_control = ancillary.bytes,
                                .msg_controllen = sizeof ancillary.bytes};
        if (recvmsg(shim->wiring.control[0], &header, MSG_DONTWAIT) != (ssize_t)sizeof message)
            return;
        if (message.kind == 1) {
            shim->status = message.status;
            shim->reported = true;
            continue;
        }
        const struct cmsghdr* part = CMSG_FIRSTHDR(&header);
        if (part != NULL && part->cmsg_type == SCM_CREDENTIALS) {
            struct ucred who;
            memcpy(&who, CMSG_DATA(part), sizeof who);
            shim->report.task_pid = who.pid;
        }
    }
}

static void make_pipe(int ends[2]) {
    if (pipe2(ends, O_CLOEXEC) != 0) ends[0] = ends[1] = -1;
}

// Clones init, or the task itself. Returns its pid; below 0 `failure` says why.
static pid_t clone_first(struct shim* shim) {
    struct wiring* wiring = &shim->wiring;
    if (has_init(shim)) {
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, wiring->control) != 0) {
            shim->failure = (struct failure){.stage = SHIM_STAGE_CLONE, .error = errno};
            return -1;
        }
        const int on = 1;
        setsockopt(wiring->control[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
    }
    const int error = namespaces_join_pid(&shim->plan);
    if (error != 0) {
        shim->failure = (struct failure){.stage = SHIM_STAGE_NAMESPACE, .error = error};
        strncpy(shim->failure.what, shim->plan.pid_ns, sizeof shim->failure.what - 1);
        return -1;
    }
    struct plan first = shim->plan;
    struct shim_config outside = *shim->plan.head;
    if (has_init(shim)) {
        outside.flags &= ~(uint32_t)SHIM_CGROUP_V2;  // Init stays outside of the task's limits.
        first.head = &outside;
    }
    const uint64_t namespaces = namespaces_wanted(&shim->plan);
    const pid_t child = task_clone(&first, namespaces);
    if (child == 0) {
        if (has_init(shim)) init_run(&shim->plan, wiring, namespaces);
        task_run(&shim->plan, wiring, namespaces);
    }
    if (child < 0) shim->failure = (struct failure){.stage = SHIM_STAGE_CLONE, .error = -child};
    return child;
}

void start(struct shim* shim) {
    struct wiring* wiring = &shim->wiring;
    make_pipe(wiring->failure);
    wiring->control[0] = wiring->control[1] = -1;
    int error = wiring->failure[1] < 0 ? EMFILE : 0;
    // The terminal of a container with a root of its own is made there, where its /dev/pts is.
    if (error == 0 && is_oci(shim) && (shim->plan.head->flags & SHIM_TERMINAL) != 0)
        stdio_none(wiring);
    else if (error == 0)
        error = stdio_open(&shim->plan, wiring);
    status_reserve(&shim->plan);
    if (error == 0) error = log_open(&shim->out, &shim->plan, "stdout", wiring->out[0]);
    if (error == 0) error = log_open(&shim->err, &shim->plan, "stderr", wiring->err[0]);
    if (error != 0) {
        shim->failure = (struct failure){.stage = SHIM_STAGE_LOGS, .error = error};
        return;
    }
    if (is_hold(shim)) {
        // Nobody will ever write: both logs are there, and at their end.
        close(wiring->out[1]);
        close(wiring->err[1]);
        close(wiring->failure[0]);
        close(wiring->failure[1]);
        shim->report.task_pid = getpid();
        return;
    }
    if (is_oci(shim)) {
        close(wiring->failure[0]);
        close(wiring->failure[1]);
        oci_start(shim);
        shim->out.source = wiring->out[0];
        stdio_close_far(wiring);
        if (wiring->out[0] >= 0) fcntl(wiring->out[0], F_SETFL, O_NONBLOCK);
        if (wiring->err[0] >= 0) fcntl(wiring->err[0], F_SETFL, O_NONBLOCK);
        return;
    }
    const pid_t child = clone_first(shim);
    if (child < 0) return;
    shim->child = child;
    shim->report.task_pid = child;
    stdio_close_far(wiring);
    close(wiring->failure[1]);
    if (wiring->control[1] >= 0) close(wiring->control[1]);
    struct failure failure;
    ssize_t got = 0;
    do got = read(wiring->failure[0], &failure, sizeof failure);
    while (got < 0 && errno == EINTR);
    close(wiring->failure[0]);
    if (got == (ssize_t)sizeof failure) shim->failure = failure;
    if (has_init(shim)) hear_init(shim);
    fcntl(wiring->out[0], F_SETFL, O_NONBLOCK);
    if (wiring->err[0] >= 0) fcntl(wiring->err[0], F_SETFL, O_NONBLOCK);
}
