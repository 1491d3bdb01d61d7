#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/shim.h"

enum { PIDS_MAX = 8192 };

static size_t parse_pids(char* text, pid_t* pids, size_t count) {
    for (char* cursor = text; count < PIDS_MAX;) {
        char* end = NULL;
        const long pid = strtol(cursor, &end, 10);
        if (end == cursor) return count;
        if (pid > 1) pids[count++] = (pid_t)pid;
        cursor = end;
    }
    return count;
}

// Every descendant of this process, parents first. As it is a subreaper, nobody escapes upwards.
static size_t descendants(pid_t* pids) {
    static char text[65536];
    char dir[64];
    size_t count = 0;
    pid_t parent = getpid();
    for (size_t next = 0;; parent = pids[next++]) {
        snprintf(dir, sizeof dir, "/proc/%d/task/%d", (int)parent, (int)parent);
        if (file_read(dir, "children", text, sizeof text) > 0)
            count = parse_pids(text, pids, count);
        if (next == count) return count;
    }
}

size_t tree_signal(const struct plan* plan, int signal) {
    static pid_t pids[PIDS_MAX];
    static char text[65536];
    size_t count = 0;
    const bool shared = (plan->head->flags & SHIM_SHARED_CGROUP) != 0;
    if (plan->head->cgroups_count > 0 && !shared) {
        if (file_read(plan->cgroups[0], "cgroup.procs", text, sizeof text) > 0)
            count = parse_pids(text, pids, 0);
    } else {
        count = descendants(pids);
        // Stopped first, so that none forks away between the look and the signal.
        if (signal == SIGKILL)
            for (size_t i = 0; i < count; ++i) kill(pids[i], SIGSTOP);
    }
    for (size_t i = 0; i < count; ++i) kill(pids[i], signal);
    return count;
}

// A plan that knows no cgroup.
static const struct plan* by_descent(void) {
    static const struct shim_config nothing;
    static char* none[1];
    static struct plan plan = {.head = &nothing, .pids_dir = "", .cgroups = none};
    return &plan;
}

size_t tree_signal_below(int signal) { return tree_signal(by_descent(), signal); }

void tree_kill_below(void) { tree_kill(by_descent()); }

static void forbid_forks(const struct plan* plan) {
    if (plan->pids_dir[0] == 0) return;
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/pids.max", plan->pids_dir);
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    (void)!write(fd, "0", 1);
    close(fd);
}

void tree_kill(const struct plan* plan) {
    forbid_forks(plan);
    while (tree_signal(plan, SIGKILL) > 0) {
        // Each of them becomes a child of this subreaper at last: waiting is no polling. A
        // descendant that belongs to a living parent is waited for through that parent's end.
        if (waitpid(-1, NULL, 0) < 0 && errno == ECHILD) return;
    }
    while (waitpid(-1, NULL, WNOHANG) > 0) {
    }
}
