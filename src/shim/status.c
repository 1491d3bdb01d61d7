#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shim/shim.h"

static const char k_temporary[] = "status.tmp";

enum { STATUS_ROOM = 4096 };  // Without memory.stat, which may be longer.

static size_t write_failure(char* text, size_t size, const struct failure* failure) {
    char what[sizeof failure->what];
    memcpy(what, failure->what, sizeof what);
    what[sizeof what - 1] = 0;
    for (char* c = what; *c != 0; ++c)
        if ((unsigned char)*c < ' ') *c = '?';  // A path may have line ends; the file's lines not.
    return (size_t)snprintf(text, size, "failed %u %d%s%s\n", failure->stage, failure->error,
                            what[0] == 0 ? "" : " ", what);
}

void status_reserve(const struct plan* plan) {
    const int fd =
        openat(plan->head->runtime_fd, k_temporary, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return;
    (void)!fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, STATUS_ROOM);
    close(fd);
}

// No fsync: the file bridges the time without an agent, whose own store is what survives a power
// cut; the page cache survives the death of any process, and a power cut ended the task as well.
void status_write(const struct plan* plan, const int* status, const struct failure* failure,
                  const struct memory_end* memory) {
    static char text[sizeof memory->stat + 512];
    size_t length = (size_t)snprintf(text, sizeof text, "tepui-status %d\n", SHIM_VERSION);
    if (status != NULL)
        length += (size_t)snprintf(text + length, sizeof text - length, "status %d\n", *status);
    if (failure != NULL && failure->stage != SHIM_STAGE_NONE)
        length += write_failure(text + length, sizeof text - length, failure);
    if (memory->oom) {
        length +=
            (size_t)snprintf(text + length, sizeof text - length,
                             "oom 1\nmemory_limit %llu\nmemory_peak %llu\nmemory_stat\n",
                             (unsigned long long)memory->limit, (unsigned long long)memory->peak);
        memcpy(text + length, memory->stat, memory->stat_length);
        length += memory->stat_length;
    }
    const int dir = plan->head->runtime_fd;
    const int fd = openat(dir, k_temporary, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return;
    const bool whole = write(fd, text, length) == (ssize_t)length;
    close(fd);
    if (whole) renameat(dir, k_temporary, dir, SHIM_STATUS_NAME);
}
