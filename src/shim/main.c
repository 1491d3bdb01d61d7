// The process above each container: starts the task, keeps its logs, ends it, and remembers how it
// ended, whether an agent lives or not. See README.md and protocol.h.

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shim/state.h"

static void tell(struct shim* shim, int agent) {
    (void)!send(agent, &shim->report, sizeof shim->report, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void tell_all(struct shim* shim, enum shim_state state) {
    shim->report.state = state;
    for (int i = 0; i < AGENTS_MAX; ++i)
        if (shim->agents[i] >= 0) tell(shim, shim->agents[i]);
}

static void accept_agents(struct shim* shim) {
    for (;;) {
        const int fd =
            accept4(shim->plan.head->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) return;
        int place = 0;
        while (place < AGENTS_MAX && shim->agents[place] >= 0) ++place;
        if (place == AGENTS_MAX) {
            close(fd);
            continue;
        }
        shim->agents[place] = fd;
        tell(shim, fd);
    }
}

static void signal_task(struct shim* shim, int number) {
    if (shim->ended || number <= 0 || number >= NSIG) return;
    if (is_hold(shim)) {
        // There is no task: what would end one ends the container.
        shim->ended = number == SIGKILL || number == SIGTERM;
        shim->status = number;
        return;
    }
    if (!has_init(shim)) {
        if (number == SIGKILL) {
            kill(shim->child, SIGKILL);  // Its end makes the rest end, see end_container().
            tree_signal(&shim->plan, SIGKILL);
        } else if (number == SIGTERM) {
            tree_signal(&shim->plan, SIGTERM);
        } else {
            kill(shim->child, number);
        }
        return;
    }
    if (number == SIGKILL && !shares_pids(shim)) {
        kill(shim->child, SIGKILL);  // And with init its whole namespace.
        return;
    }
    const struct init_message message = {.signal = number};
    (void)!send(shim->wiring.control[0], &message, sizeof message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void probe_task(struct shim* shim, const int* given) {
    const struct probe_fds fds = {
        given[0], given[1], shim->plan.head->sandbox_fd, {given[2], given[3], given[4]}};
    if (fds.config < 0 || fds.answer < 0 || shim->ended || is_hold(shim)) return;
    if (has_init(shim)) {
        probe_forward(shim->wiring.control[0], &fds);
        return;
    }
    if (fork() != 0) return;
    const struct plan* plan = &shim->plan;
    const bool elsewhere = is_oci(shim) || namespaces_wanted(plan) != 0 ||
                           plan->network_ns[0] != 0 || plan->ipc_ns[0] != 0;
    probe_run(plan, &fds, elsewhere ? shim->child : -1);
}

static void hear_agent(struct shim* shim, int* agent) {
    struct shim_request request;
    int fds[PROBE_REQUEST_FDS];
    const ssize_t got = receive_with_fds(*agent, &request, sizeof request, fds, PROBE_REQUEST_FDS);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
        close(*agent);
        *agent = -1;
        return;
    }
    if (got == (ssize_t)sizeof request && request.version == SHIM_VERSION) {
        if (request.signal == SHIM_PROBE)
            probe_task(shim, fds);
        else if (request.signal == SHIM_LEND_PID_NS)
            lend_pid_namespace(shim, *agent);
        else if (request.signal == SHIM_ATTACH && attach_add(fds[0]))
            fds[0] = -1;
        else
            signal_task(shim, request.signal);
    }
    for (int i = 0; i < PROBE_REQUEST_FDS; ++i)
        if (fds[i] >= 0) close(fds[i]);
}

static void reap(struct shim* shim) {
    for (;;) {
        int status = 0;
        const pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid <= 0) return;
        if (pid == shim->lender) shim->lender = 0;
        if (pid != shim->child) continue;
        shim->ended = true;
        if (!has_init(shim)) {
            shim->status = status;
            continue;
        }
        hear_init(shim);
        // Init was killed, and everybody with it; so was the task.
        if (!shim->reported) shim->status = SIGKILL;
    }
}

static void on_oom(struct shim* shim) {
    if (shim->memory.oom || shim->ended) return;
    memory_read(&shim->plan, &shim->memory);
    shim->memory.oom = true;
    signal_task(shim, SIGKILL);
}

static bool has_agent(const struct shim* shim) {
    for (int i = 0; i < AGENTS_MAX; ++i)
        if (shim->agents[i] >= 0) return true;
    return false;
}

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// Ends what nobody has asked for in too long a time. Returns how long poll() may wait.
static int tend_orphan(struct shim* shim) {
    const int64_t limit = shim->plan.head->orphan_ms_max;
    if (limit < 0 || shim->orphan_signal == SIGKILL) return -1;
    if (shim->orphan_signal == 0 && has_agent(shim)) {
        shim->orphan_due_ms = 0;
        return -1;
    }
    const int64_t now = now_ms();
    if (shim->orphan_due_ms == 0) shim->orphan_due_ms = now + limit;
    if (now >= shim->orphan_due_ms) {
        shim->orphan_signal = shim->orphan_signal == 0 ? SIGTERM : SIGKILL;
        shim->orphan_due_ms = now + ORPHAN_GRACE_MS;
        signal_task(shim, shim->orphan_signal);
        if (shim->orphan_signal == SIGKILL) return -1;
    }
    const int64_t left = shim->orphan_due_ms - now;
    return left > INT_MAX ? INT_MAX : (int)left;
}

static void watch(struct shim* shim) {
    enum { FIXED = 6 };
    struct pollfd fds[FIXED + AGENTS_MAX + ATTACHED_MAX + 1] = {
        {.fd = shim->plan.head->listen_fd, .events = POLLIN},
        {.fd = shim->signals, .events = POLLIN},
        {.fd = shim->out.source, .events = POLLIN},
        {.fd = shim->err.source, .events = POLLIN},
        {.fd = shim->oom, .events = POLLIN},
        {.fd = -1}};
    for (int i = 0; i < AGENTS_MAX; ++i)
        fds[FIXED + i] = (struct pollfd){.fd = shim->agents[i], .events = POLLIN};
    attach_watch(fds + FIXED + AGENTS_MAX);
    const int wait_ms = tend_orphan(shim);
    if (shim->ended || poll(fds, FIXED + AGENTS_MAX + ATTACHED_MAX + 1, wait_ms) < 0) return;
    if (fds[0].revents != 0) accept_agents(shim);
    for (int i = 0; i < AGENTS_MAX; ++i)
        if (fds[FIXED + i].fd >= 0 && fds[FIXED + i].revents != 0)
            hear_agent(shim, &shim->agents[i]);
    attach_hear(fds + FIXED + AGENTS_MAX);
    if (fds[2].revents != 0) log_copy(&shim->out, &shim->plan);
    if (fds[3].revents != 0) log_copy(&shim->err, &shim->plan);
    if (fds[4].revents != 0) {
        uint64_t count;
        (void)!read(shim->oom, &count, sizeof count);
        on_oom(shim);
    }
    if (fds[1].revents != 0) {
        struct signalfd_siginfo info;
        while (read(shim->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        }
        reap(shim);
    }
}

static void end_container(struct shim* shim) {
    if (!has_init(shim) && !is_hold(shim)) tree_kill(&shim->plan);
    if (shim->lender > 0 && kill(shim->lender, SIGKILL) == 0) waitpid(shim->lender, NULL, 0);
    // All writers are gone: what the pipes hold is all there will be.
    while (log_copy(&shim->out, &shim->plan)) {
    }
    while (log_copy(&shim->err, &shim->plan)) {
    }
    attach_finish();
    if (!shim->memory.oom && oom_kills(&shim->plan) > 0) {
        memory_read(&shim->plan, &shim->memory);
        shim->memory.oom = true;
    }
    status_write(&shim->plan, &shim->status, NULL, &shim->memory);
    tell_all(shim, SHIM_ENDED);
}

static void fail_container(struct shim* shim) {
    if (shim->child > 0) waitpid(shim->child, NULL, 0);
    shim->report.stage = shim->failure.stage;
    shim->report.error = shim->failure.error;
    status_write(&shim->plan, NULL, &shim->failure, &shim->memory);
    accept_agents(shim);
    tell_all(shim, SHIM_FAILED);
}

static int prepare(struct shim* shim) {
    for (int i = 0; i < SHIM_IGNORED_COUNT; ++i) signal(shim_ignored[i], SIG_IGN);
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_SETMASK, &child, NULL);
    shim->signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    (void)!chdir("/");
    const struct shim_config* head = shim->plan.head;
    // The agent's terminal, log pipe or whatever else it leaked must not be kept open from here.
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3; ++fd)
        if (dup2(null, fd) < 0) return -1;
    const int kept[] = {head->listen_fd, head->sandbox_fd, head->runtime_fd, shim->signals};
    for (int fd = 3, last = 3; fd <= last; ++fd) {
        bool keep = false;
        for (size_t i = 0; i < sizeof kept / sizeof *kept; ++i) {
            keep = keep || fd == kept[i];
            if (kept[i] > last) last = kept[i];
        }
        if (keep && fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) return -1;
        if (!keep) close(fd);
        if (fd == last) (void)!syscall(SYS_close_range, (unsigned)last + 1, ~0u, 0u);
    }
    return fcntl(head->listen_fd, F_SETFL, O_NONBLOCK);
}

int main(int argc, char** argv) {
    static struct shim shim;
    if (argc != 2) return 2;
    if (plan_read(atoi(argv[1]), &shim.plan) != 0) return 2;
    if (prepare(&shim) != 0) return 2;
    for (int i = 0; i < AGENTS_MAX; ++i) shim.agents[i] = -1;
    shim.out.source = shim.err.source = shim.out.file = shim.err.file = shim.oom = -1;
    shim.report.version = SHIM_VERSION;
    shim.report.state = SHIM_STARTING;
    shim.report.shim_pid = getpid();
    memcpy(shim.report.container, shim.plan.container, strlen(shim.plan.container) + 1);

    start(&shim);
    if (shim.failure.stage != SHIM_STAGE_NONE) {
        fail_container(&shim);
        return 1;
    }
    shim.report.state = SHIM_RUNNING;
    accept_agents(&shim);  // The agent that spawned it waits in the queue, and is told here.
    // After the good news: a kill for lack of memory between exec and here shows in the count.
    shim.oom = oom_watch(&shim.plan);
    if (oom_kills(&shim.plan) > 0) on_oom(&shim);
    while (!shim.ended) watch(&shim);
    end_container(&shim);
    return 0;
}
