#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/shim.h"

// Opens a file of the sandbox, where the task may have planted links, pipes or hard links to what
// it can't write: only a regular file with this one name will do.
static int open_plain(int sandbox, const char* name, uint64_t flags) {
    struct open_how how = {
        .flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | flags,
        .mode = 0644,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    const int fd = (int)syscall(SYS_openat2, sandbox, name, &how, sizeof how);
    if (fd < 0) return -1;
    struct stat stat;
    if (fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) && stat.st_nlink == 1) return fd;
    close(fd);
    errno = EPERM;
    return -1;
}

static int open_log(const struct plan* plan, const char* name, bool fresh) {
    const int sandbox = plan->head->sandbox_fd;
    int fd = open_plain(sandbox, name, fresh ? O_EXCL : 0);
    if (fd < 0) {
        unlinkat(sandbox, name, 0);
        fd = open_plain(sandbox, name, O_EXCL);
    }
    if (fd >= 0 && (plan->head->flags & SHIM_SWITCH_USER) != 0)
        (void)!fchown(fd, plan->head->uid, plan->head->gid);
    return fd;
}

static bool is_error_log(const struct log* log) { return log->name[3] == 'e'; }

int log_open(struct log* log, const struct plan* plan, const char* name, int source) {
    log->name = name;
    log->source = source;
    log->file = open_log(plan, name, false);
    if (log->file < 0) return errno;
    struct stat stat;
    log->written = fstat(log->file, &stat) == 0 ? (uint64_t)stat.st_size : 0;
    return 0;
}

// stdout -> stdout.1 -> stdout.2 ...; when the task is in the way (a directory of that name), the
// current file is emptied instead: the bound on the disk holds either way.
static void rotate(struct log* log, const struct plan* plan) {
    const int sandbox = plan->head->sandbox_fd;
    const struct shim_config* head = plan->head;
    const uint32_t files = is_error_log(log) ? head->error_log_files_max : head->log_files_max;
    char from[64];
    char to[64];
    bool moved = false;
    for (uint32_t i = files > 1 ? files - 1 : 0; i > 0; --i) {
        if (i == 1)
            snprintf(from, sizeof from, "%s", log->name);
        else
            snprintf(from, sizeof from, "%s.%u", log->name, i - 1);
        snprintf(to, sizeof to, "%s.%u", log->name, i);
        const int failed = renameat(sandbox, from, sandbox, to);
        if (i == 1) moved = failed == 0;
    }
    log->written = 0;
    if (moved) {
        const int fresh = open_log(plan, log->name, true);
        close(log->file);
        log->file = fresh;
    } else {
        (void)!ftruncate(log->file, 0);
    }
}

static void store_part(struct log* log, const struct plan* plan, const char* bytes, size_t count,
                       uint64_t max) {
    if (max > 0 && log->written > 0 && log->written + count > max && log->file >= 0)
        rotate(log, plan);
    if (log->file < 0) log->file = open_log(plan, log->name, false);
    while (count > 0 && log->file >= 0) {
        const ssize_t wrote = write(log->file, bytes, count);
        if (wrote < 0 && errno == EINTR) continue;
        // A full disk must not stop the task: what does not fit is lost.
        if (wrote <= 0) return;
        bytes += wrote;
        count -= (size_t)wrote;
        log->written += (uint64_t)wrote;
    }
}

static void store(struct log* log, const struct plan* plan, const char* bytes, size_t count) {
    const struct shim_config* head = plan->head;
    const uint64_t max = is_error_log(log) ? head->error_log_bytes_max : head->log_bytes_max;
    while (count > 0) {
        const size_t part = max > 0 && count > max ? (size_t)max : count;
        store_part(log, plan, bytes, part, max);
        bytes += part;
        count -= part;
    }
}

bool log_copy(struct log* log, const struct plan* plan) {
    static char buffer[32768];
    if (log->source < 0) return false;
    const ssize_t got = read(log->source, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) return true;
    if (got < 0 && errno == EAGAIN) return false;
    if (got <= 0) {
        close(log->source);
        log->source = -1;
        return false;
    }
    store(log, plan, buffer, (size_t)got);
    attach_output(is_error_log(log) ? 'e' : 'o', buffer, (size_t)got);
    return true;
}
