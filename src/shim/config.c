#include <errno.h>
#include <limits.h>
#include <linux/filter.h>
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

static char** take_strings(char** cursor, char* end, uint64_t count) {
    if (count > (size_t)(end - *cursor)) return NULL;
    char** strings = calloc((size_t)count + 1, sizeof *strings);
    if (strings == NULL) return NULL;
    for (uint64_t i = 0; i < count; ++i) {
        strings[i] = take_string(cursor, end);
        if (strings[i] == NULL) return NULL;
    }
    return strings;
}

// Takes `count` elements, padded to 8 bytes; what they are is of no more than 8 bytes' alignment.
static const void* take_array(char** cursor, char* end, uint32_t count, size_t size) {
    const size_t bytes = ((size_t)count * size + 7) & ~(size_t)7;
    if (bytes > (size_t)(end - *cursor)) return NULL;
    const void* start = *cursor;
    *cursor += bytes;
    return start;
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
    if (head->magic != SHIM_MAGIC || head->version != SHIM_CONFIG_VERSION) return EPROTO;

    char* cursor = base + sizeof *head;
    plan->head = head;
    plan->groups = take_array(&cursor, end, head->groups_count, sizeof *plan->groups);
    plan->rlimits = take_array(&cursor, end, head->rlimits_count, sizeof *plan->rlimits);
    plan->mounts = take_array(&cursor, end, head->mounts_count, sizeof *plan->mounts);
    plan->devices = take_array(&cursor, end, head->devices_count, sizeof *plan->devices);
    plan->seccomp = take_array(&cursor, end, head->seccomp_count, sizeof *plan->seccomp);
    if (plan->groups == NULL || plan->rlimits == NULL || plan->mounts == NULL ||
        plan->devices == NULL || plan->seccomp == NULL || head->seccomp_count > USHRT_MAX)
        return EINVAL;
    const char** const texts[] = {
        &plan->container, &plan->memory_dir, &plan->pids_dir, &plan->sandbox, &plan->work_dir,
        &plan->hostname,  &plan->network_ns, &plan->ipc_ns,   &plan->pid_ns,  &plan->runtime,
        &plan->bundle,    &plan->config,     &plan->directory};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; ++i) {
        *texts[i] = take_string(&cursor, end);
        if (*texts[i] == NULL) return EINVAL;
    }
    if (strlen(plan->container) >= SHIM_CONTAINER_ID_MAX || head->argv_count < 2) return EINVAL;
    plan->cgroups = take_strings(&cursor, end, head->cgroups_count);
    plan->argv = take_strings(&cursor, end, head->argv_count);
    plan->env = take_strings(&cursor, end, head->env_count);
    plan->mount_texts = take_strings(&cursor, end, (uint64_t)head->mounts_count * MOUNT_TEXTS);
    plan->device_paths = take_strings(&cursor, end, head->devices_count);
    if (plan->cgroups == NULL || plan->argv == NULL || plan->env == NULL ||
        plan->mount_texts == NULL || plan->device_paths == NULL)
        return EINVAL;
    return 0;
}
