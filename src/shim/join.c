// Entering the namespaces of a running task, for what is to run beside it.

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/shim.h"

static bool is_own(int namespace_fd, const char* name) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/ns/%s", name);
    struct stat own;
    struct stat other;
    return stat(path, &own) == 0 && fstat(namespace_fd, &other) == 0 &&
           own.st_ino == other.st_ino && own.st_dev == other.st_dev;
}

// In a user namespace who comes from outside has all its rights, and is nobody until it says who:
// what it makes would belong to nobody. Forgets that its parent's death is its own.
static int become_root(void) {
    if (setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0) return errno;
    return prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 ? errno : 0;
}

int join_namespaces(pid_t of, bool* pid_changed) {
    // The mount namespace hides /proc of the others, and the user namespace takes rights away:
    // last.
    static const struct {
        const char* name;
        int flag;
    } kinds[] = {{"ipc", CLONE_NEWIPC}, {"uts", CLONE_NEWUTS}, {"net", CLONE_NEWNET},
                 {"pid", CLONE_NEWPID}, {"mnt", CLONE_NEWNS},  {"user", CLONE_NEWUSER}};
    enum { KINDS = sizeof kinds / sizeof *kinds };
    int fds[KINDS];
    int error = 0;
    *pid_changed = false;
    for (int i = 0; i < KINDS; ++i) {
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)of, kinds[i].name);
        fds[i] = open(path, O_RDONLY | O_CLOEXEC);
        // A kernel may have been built without some of them, but not without this one.
        if (fds[i] < 0 && kinds[i].flag == CLONE_NEWNS) error = ESRCH;
        if (fds[i] < 0 || !is_own(fds[i], kinds[i].name)) continue;
        close(fds[i]);
        fds[i] = -1;
    }
    for (int i = 0; i < KINDS; ++i) {
        if (fds[i] < 0) continue;
        if (error == 0 && setns(fds[i], kinds[i].flag) != 0) error = errno;
        if (error == 0 && kinds[i].flag == CLONE_NEWPID) *pid_changed = true;
        if (error == 0 && kinds[i].flag == CLONE_NEWUSER) error = become_root();
        close(fds[i]);
    }
    return error;
}
