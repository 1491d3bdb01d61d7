// What a task sees of the machine: the namespaces that it is born in, and those that it joins.

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/shim.h"

uint64_t namespaces_wanted(const struct plan* plan) {
    const uint32_t flags = plan->head->flags;
    uint64_t wanted = 0;
    if ((flags & SHIM_NEW_PID_NS) != 0) wanted |= CLONE_NEWPID | CLONE_NEWNS;
    if ((flags & SHIM_NEW_MOUNT_NS) != 0) wanted |= CLONE_NEWNS;
    if ((flags & SHIM_NEW_IPC_NS) != 0) wanted |= CLONE_NEWIPC;
    if (plan->hostname[0] != 0) wanted |= CLONE_NEWUTS;
    return wanted;
}

// Returns 0 or an errno.
static int join(const char* path, int type) {
    if (path[0] == 0) return 0;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return errno;
    const int error = setns(fd, type) == 0 ? 0 : errno;
    close(fd);
    return error;
}

static void join_or_give_up(const struct wiring* wiring, const char* path, int type) {
    errno = join(path, type);
    if (errno != 0) give_up(wiring, SHIM_STAGE_NAMESPACE, path);
}

int namespaces_join_pid(const struct plan* plan) {
    struct stat kind;
    if (plan->pid_ns[0] == 0) return 0;
    if (stat(plan->pid_ns, &kind) != 0 || !S_ISSOCK(kind.st_mode))
        return join(plan->pid_ns, CLONE_NEWPID);
    const int fd = borrow_pid_namespace(plan->pid_ns);
    if (fd < 0) return -fd;
    const int error = setns(fd, CLONE_NEWPID) == 0 ? 0 : errno;
    close(fd);
    return error;
}

void namespaces_done(struct plan* plan) {
    plan->network_ns = plan->ipc_ns = plan->pid_ns = plan->hostname = "";
}

int sandbox_here(const struct plan* plan) {
    const int given = plan->head->sandbox_fd;
    const int here =
        plan->sandbox[0] == 0 ? -1 : open(plan->sandbox, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (here < 0) return given;
    struct stat of_given;
    struct stat of_here;
    if (fstat(given, &of_given) == 0 && fstat(here, &of_here) == 0 &&
        of_given.st_dev == of_here.st_dev && of_given.st_ino == of_here.st_ino)
        return here;
    close(here);
    return given;
}

int namespaces_set_up(const struct plan* plan, const struct wiring* wiring, uint64_t born_in) {
    const struct shim_config* head = plan->head;
    join_or_give_up(wiring, plan->network_ns, CLONE_NEWNET);
    join_or_give_up(wiring, plan->ipc_ns, CLONE_NEWIPC);
    if ((born_in & CLONE_NEWUTS) != 0 && sethostname(plan->hostname, strlen(plan->hostname)) != 0)
        give_up(wiring, SHIM_STAGE_HOSTNAME, plan->hostname);
    const bool mounts = head->mounts_count > 0 || head->devices_count > 0;
    if ((born_in & CLONE_NEWNS) == 0) return mounts ? sandbox_here(plan) : head->sandbox_fd;
    const int* shared = mounts_open_shared(plan, wiring);
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) != 0)
        give_up(wiring, SHIM_STAGE_MOUNT, "/");
    const bool other_pids = (born_in & CLONE_NEWPID) != 0 || plan->pid_ns[0] != 0;
    if (other_pids && mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0)
        give_up(wiring, SHIM_STAGE_MOUNT, "/proc");
    if (!mounts) return head->sandbox_fd;
    // A descriptor from outside shows nothing of what is mounted in here: the sandbox is looked up
    // again, before anything can hide it.
    const int sandbox = sandbox_here(plan);
    devices_make(plan, wiring);
    mounts_make(plan, wiring, sandbox, shared);
    return sandbox;
}
