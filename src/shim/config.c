#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/shim.h"

// Takes the next NUL-ended string, or NULL when the config ends before it does.
static char* take_string(char** cursor, char* end) {
    char* start = *cursor;
    char* nul = memchr(start, 0, (size_t)(end - start));
    if (nul == NULL) return NULL;
    *cursor = nul + 1;
    return start;
}

static char** take_strings(char** cursor, char* end, uint32_t count) {
    if (count > (size_t)(end - *cursor)) return NULL;
    char** strings = calloc((size_t)count + 1, sizeof *strings);
    if (strings == NULL) return NULL;
    for (uint32_t i = 0; i < count; ++i) {
        strings[i] = take_string(cursor, end);
        if (strings[i] == NULL) return NULL;
    }
    return strings;
}

int plan_read(int fd, struct plan* plan) {
    struct stat stat;
    if (fstat(fd, &stat) != 0) return errno;
    if ((size_t)stat.st_size < sizeof(struct shim_config)) return EINVAL;
    const size_t size = (size_t)stat.st_size;
    char* base = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (base == MAP_FAILED) return errno;
    close(fd);
    char* const end = base + size;
    const struct shim_config* head = (const struct shim_config*)base;
    if (head->magic != SHIM_MAGIC || head->version != SHIM_VERSION) return EPROTO;

    const size_t groups_bytes = ((size_t)head->groups_count * sizeof(uint32_t) + 7) & ~(size_t)7;
    const size_t rlimits_bytes = (size_t)head->rlimits_count * sizeof(struct shim_rlimit);
    if (groups_bytes + rlimits_bytes > size - sizeof *head) return EINVAL;
    plan->head = head;
    plan->groups = (const uint32_t*)(base + sizeof *head);
    plan->rlimits = (const struct shim_rlimit*)(base + sizeof *head + groups_bytes);
    char* cursor = base + sizeof *head + groups_bytes + rlimits_bytes;
    plan->container = take_string(&cursor, end);
    if (plan->container == NULL || strlen(plan->container) >= SHIM_CONTAINER_ID_MAX) return EINVAL;
    plan->memory_dir = take_string(&cursor, end);
    if (plan->memory_dir == NULL) return EINVAL;
    plan->pids_dir = take_string(&cursor, end);
    if (plan->pids_dir == NULL) return EINVAL;
    plan->cgroups = take_strings(&cursor, end, head->cgroups_count);
    if (plan->cgroups == NULL) return EINVAL;
    plan->argv = take_strings(&cursor, end, head->argv_count);
    if (plan->argv == NULL || head->argv_count < 2) return EINVAL;
    plan->env = take_strings(&cursor, end, head->env_count);
    if (plan->env == NULL) return EINVAL;
    return 0;
}
