#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "shim/shim.h"

static int open_in(const char* dir, const char* name, int flags) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return open(path, flags | O_CLOEXEC);
}

size_t file_read(const char* dir, const char* name, char* buffer, size_t size) {
    buffer[0] = 0;
    const int fd = open_in(dir, name, O_RDONLY);
    if (fd < 0) return 0;
    size_t length = 0;
    while (length + 1 < size) {
        const ssize_t got = read(fd, buffer + length, size - 1 - length);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        length += (size_t)got;
    }
    close(fd);
    buffer[length] = 0;
    return length;
}

// The number after a line's first word `key`; 0 when there is none.
uint64_t number_after(const char* text, const char* key) {
    const size_t length = strlen(key);
    for (const char* line = text; line != NULL && *line != 0;) {
        if (strncmp(line, key, length) == 0 && line[length] == ' ')
            return strtoull(line + length, NULL, 10);
        line = strchr(line, '\n');
        if (line != NULL) ++line;
    }
    return 0;
}

static bool is_v2(const struct plan* plan) { return (plan->head->flags & SHIM_CGROUP_V2) != 0; }

int oom_watch(const struct plan* plan) {
    // v2 needs none: memory.oom.group makes the kernel end the whole container.
    if (plan->memory_dir[0] == 0 || is_v2(plan)) return -1;
    const int source = open_in(plan->memory_dir, "memory.oom_control", O_RDONLY);
    if (source < 0) return -1;
    const int control = open_in(plan->memory_dir, "cgroup.event_control", O_WRONLY);
    const int event = control < 0 ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (event >= 0) {
        char line[64];
        const int length = snprintf(line, sizeof line, "%d %d", event, source);
        (void)!write(control, line, (size_t)length);
    }
    if (control >= 0) close(control);
    close(source);
    return event;
}

uint64_t oom_kills(const struct plan* plan) {
    if (plan->memory_dir[0] == 0) return 0;
    char text[512];
    const char* name = is_v2(plan) ? "memory.events" : "memory.oom_control";
    if (file_read(plan->memory_dir, name, text, sizeof text) == 0) return 0;
    return number_after(text, "oom_kill");
}

void memory_read(const struct plan* plan, struct memory_end* end) {
    char text[64];
    const bool v2 = is_v2(plan);
    file_read(plan->memory_dir, v2 ? "memory.max" : "memory.limit_in_bytes", text, sizeof text);
    end->limit = strtoull(text, NULL, 10);
    file_read(plan->memory_dir, v2 ? "memory.peak" : "memory.max_usage_in_bytes", text,
              sizeof text);
    end->peak = strtoull(text, NULL, 10);
    end->stat_length = file_read(plan->memory_dir, "memory.stat", end->stat, sizeof end->stat);
}
