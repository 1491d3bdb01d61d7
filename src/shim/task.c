#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/shim.h"

pid_t task_clone(const struct plan* plan, uint64_t namespaces) {
    struct clone_args args = {.flags = namespaces, .exit_signal = SIGCHLD};
    int cgroup = -1;
    const bool v2 = (plan->head->flags & SHIM_CGROUP_V2) != 0 && plan->head->cgroups_count > 0;
    if (v2) {
        cgroup = open(plan->cgroups[0], O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (cgroup < 0) return -errno;
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)cgroup;
    }
    // Without CLONE_VM: this process is small, and the child may then run any code before exec.
    const long pid = syscall(SYS_clone3, &args, sizeof args);
    const int error = errno;
    if (cgroup >= 0) close(cgroup);
    return pid < 0 ? -error : (pid_t)pid;
}

_Noreturn void give_up(const struct wiring* wiring, enum shim_stage stage, const char* what) {
    struct failure failure = {.stage = stage, .error = errno};
    if (what != NULL) snprintf(failure.what, sizeof failure.what, "%s", what);
    (void)!write(wiring->failure[1], &failure, sizeof failure);
    _exit(1);
}

// v1 by `tasks`, which moves the calling thread, the only one here: since Linux 5.5 that takes no
// lock on all the forks and exits of the machine, while the first write to `cgroup.procs` after a
// pause waits for a grace period of RCU (about 10 ms).
int join_cgroups(const struct plan* plan) {
    const bool v2 = (plan->head->flags & SHIM_CGROUP_V2) != 0;
    char path[PATH_MAX];
    for (uint32_t i = 0; i < plan->head->cgroups_count; ++i) {
        snprintf(path, sizeof path, "%s/%s", plan->cgroups[i], v2 ? "cgroup.procs" : "tasks");
        const int fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0) return -1;
        const ssize_t wrote = write(fd, "0", 1);
        const int error = errno;
        close(fd);
        errno = error;
        if (wrote != 1) return -1;
    }
    return 0;
}

static int set_limits(const struct plan* plan) {
    for (uint32_t i = 0; i < plan->head->rlimits_count; ++i) {
        const struct shim_rlimit* limit = &plan->rlimits[i];
        const struct rlimit value = {.rlim_cur = limit->soft, .rlim_max = limit->hard};
        if (setrlimit((int)limit->resource, &value) != 0) return -1;
    }
    return 0;
}

static int become_user(const struct plan* plan) {
    const struct shim_config* head = plan->head;
    if ((head->flags & SHIM_SWITCH_USER) == 0) return 0;
    if (setgroups(head->groups_count, plan->groups) != 0) return -1;
    if (setresgid(head->gid, head->gid, head->gid) != 0) return -1;
    return setresuid(head->uid, head->uid, head->uid);
}

static int set_stdio(const struct wiring* wiring) {
    const int in = wiring->input > 0 ? wiring->input : open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (in < 0) return -1;
    if (dup2(in, 0) < 0 || dup2(wiring->out[1], 1) < 0 || dup2(wiring->err[1], 2) < 0) return -1;
    if (wiring->terminal && ioctl(0, TIOCSCTTY, 0) != 0) return -1;
    // Everything else goes at exec; until then the failure pipe is needed.
    return (int)syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC);
}

const int shim_ignored[SHIM_IGNORED_COUNT] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM,
                                              SIGPIPE, SIGUSR1, SIGUSR2};

void reset_signals(void) {
    for (int i = 0; i < SHIM_IGNORED_COUNT; ++i) signal(shim_ignored[i], SIG_DFL);
    // posix_spawn leaves libc's two internal signals ignored, and libc's signal() does not touch
    // them.
    static const uint64_t defaults[4];  // The kernel's sigaction, all zero: SIG_DFL.
    for (long number = 32; number <= 33; ++number)
        syscall(SYS_rt_sigaction, number, defaults, NULL, 8L);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

_Noreturn void task_run(const struct plan* plan, const struct wiring* wiring, uint64_t namespaces) {
    setsid();
    const int sandbox = namespaces_set_up(plan, wiring, namespaces);
    // v1: nobody can be born in a cgroup, so each hierarchy is joined.
    if ((plan->head->flags & SHIM_CGROUP_V2) == 0 && join_cgroups(plan) != 0)
        give_up(wiring, SHIM_STAGE_CGROUP, NULL);
    if (set_limits(plan) != 0) give_up(wiring, SHIM_STAGE_RLIMIT, NULL);
    if (oom_score_set(plan) != 0) give_up(wiring, SHIM_STAGE_OOM_SCORE, NULL);
    security_begin(plan, wiring);
    if (become_user(plan) != 0) give_up(wiring, SHIM_STAGE_USER, NULL);
    // By descriptor: the path may lead elsewhere by now. As the user, who must be allowed in.
    if (fchdir(sandbox) != 0) give_up(wiring, SHIM_STAGE_SANDBOX, NULL);
    if (set_stdio(wiring) != 0) give_up(wiring, SHIM_STAGE_STDIO, NULL);
    // After setresuid, which clears it. With a pid namespace init's death does the same, surely.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    reset_signals();
    umask(022);
    environ = plan->env;
    security_end(plan, wiring);
    execvp(plan->argv[0], plan->argv + 1);
    // Mesos tells such a task as RUNNING and then FAILED with exit status 1; so do we.
    dprintf(2, "Failed to execute '%s': %s\n", plan->argv[0], strerror(errno));
    _exit(1);
}
