// A pid namespace for those nested in a container that want to see one another. A pod runs nothing
// itself: its shim makes the namespace's first process when somebody asks for the first time.

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shim/state.h"

enum { ATTEMPTS_MAX = 500, ATTEMPT_PAUSE_MS = 10, ANSWER_SECONDS_MAX = 10 };

static _Noreturn void reap_for_ever(void) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "tepui-init");
    setsid();
    (void)!syscall(SYS_close_range, 0u, ~0u, 0u);
    sigset_t child_ends;
    sigemptyset(&child_ends);
    sigaddset(&child_ends, SIGCHLD);  // Blocked since the shim's start.
    for (;;) {
        while (waitpid(-1, NULL, WNOHANG) > 0) {
        }
        int number = 0;
        sigwait(&child_ends, &number);
    }
}

static pid_t make_lender(void) {
    struct clone_args args = {.flags = CLONE_NEWPID, .exit_signal = SIGCHLD};
    const long pid = syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0) reap_for_ever();
    return pid < 0 ? 0 : (pid_t)pid;
}

void lend_pid_namespace(struct shim* shim, int to) {
    if (is_hold(shim) && shim->lender == 0) shim->lender = make_lender();
    const pid_t of = is_hold(shim) ? shim->lender : shim->child;
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/pid", (int)of);
    const int fd = of > 0 && !shim->ended ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    const uint32_t answer = fd < 0 ? (uint32_t)ESRCH : 0;
    const struct beside given = {.kind = SCM_RIGHTS, .data = &fd, .size = fd < 0 ? 0 : sizeof fd};
    send_beside(to, &answer, sizeof answer, &given, MSG_DONTWAIT);
    if (fd >= 0) close(fd);
}

// Asks the shim that listens at `address`. Returns a descriptor, -EAGAIN when it had no ear, or
// another -errno.
static int ask(const struct sockaddr_un* address) {
    const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    const struct timeval patience = {.tv_sec = ANSWER_SECONDS_MAX};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const struct shim_request request = {.version = SHIM_VERSION, .signal = SHIM_LEND_PID_NS};
    int result = -EAGAIN;
    if (connect(fd, (const struct sockaddr*)address, sizeof *address) != 0)
        result = -errno;
    else if (send(fd, &request, sizeof request, MSG_NOSIGNAL) == (ssize_t)sizeof request)
        for (;;) {
            // A report comes first, as to everybody; the answer is shorter.
            union {
                struct shim_report report;
                uint32_t error;
            } packet;
            int given = -1;
            const ssize_t got = receive_with_fds_waiting(fd, &packet, sizeof packet, &given, 1);
            if (got <= 0) break;
            if (got != (ssize_t)sizeof packet.error) continue;
            result = given >= 0 ? given : -(int)packet.error;
            break;
        }
    close(fd);
    return result;
}

int borrow_pid_namespace(const char* path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    for (int i = 0;; ++i) {
        const int fd = ask(&address);
        if (fd != -EAGAIN || i == ATTEMPTS_MAX) return fd;
        const struct timespec pause = {.tv_nsec = ATTEMPT_PAUSE_MS * 1000000L};
        nanosleep(&pause, NULL);  // More ask at once than it listens to.
    }
}
