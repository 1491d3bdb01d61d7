// What a task may do: capabilities, no new privileges, the system call filter, and how likely it is
// to be killed when the machine has no memory left. What needs rights is done before the user is
// switched, what takes them away at the very end.

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/shim.h"

enum { CAPABILITIES_MAX = 64 };

static bool has(uint64_t mask, int capability) { return (mask >> capability & 1) != 0; }

// Whether the filter can be set by anybody; else it takes rights that the task may not have.
static bool filter_is_free(const struct plan* plan) {
    return plan->head->seccomp_count == 0 || (plan->head->flags & SHIM_NO_NEW_PRIVS) != 0;
}

// Whether the capabilities must survive the switch of the user, to be cut down later.
static bool keeps_capabilities(const struct plan* plan) {
    const struct shim_config* head = plan->head;
    if ((head->flags & SHIM_SWITCH_USER) == 0 || head->uid == 0) return false;
    return (head->flags & SHIM_SET_CAPABILITIES) != 0 || !filter_is_free(plan);
}

static int capabilities_set(uint64_t permitted, uint64_t inheritable) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    for (int half = 0; half < 2; ++half) {
        data[half].permitted = (uint32_t)(permitted >> (32 * half));
        data[half].effective = data[half].permitted;
        data[half].inheritable = (uint32_t)(inheritable >> (32 * half));
    }
    return (int)syscall(SYS_capset, &header, data);
}

static uint64_t capabilities_permitted(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}, {0}};
    syscall(SYS_capget, &header, data);
    return data[0].permitted | (uint64_t)data[1].permitted << 32;
}

// Ambient capabilities are what a program without any of its own is executed with.
static int ambient_set(uint64_t mask) {
    for (int i = 0; i < CAPABILITIES_MAX; ++i)
        if (has(mask, i) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, (unsigned long)i, 0L, 0L))
            return -1;
    return 0;
}

static int bounding_set(uint64_t mask) {
    for (int i = 0; i < CAPABILITIES_MAX; ++i) {
        const int there = prctl(PR_CAPBSET_READ, (unsigned long)i, 0L, 0L, 0L);
        if (there < 0) return 0;  // The kernel knows no more.
        if (there > 0 && !has(mask, i) && prctl(PR_CAPBSET_DROP, (unsigned long)i, 0L, 0L, 0L) != 0)
            return -1;
    }
    return 0;
}

void security_begin(const struct plan* plan, const struct wiring* wiring) {
    const struct shim_config* head = plan->head;
    if ((head->flags & SHIM_SET_CAPABILITIES) != 0) {
        if (bounding_set(head->bounding) != 0) give_up(wiring, SHIM_STAGE_CAPABILITIES, NULL);
        const uid_t user = (head->flags & SHIM_SWITCH_USER) != 0 ? head->uid : getuid();
        // Executing a program gives root all that it can have; to start with less it must be an
        // ordinary user in this.
        if (user == 0 && head->effective != head->bounding &&
            prctl(PR_SET_SECUREBITS, (unsigned long)SECBIT_NOROOT, 0L, 0L, 0L) != 0)
            give_up(wiring, SHIM_STAGE_CAPABILITIES, NULL);
    }
    if (keeps_capabilities(plan) && prctl(PR_SET_KEEPCAPS, 1L, 0L, 0L, 0L) != 0)
        give_up(wiring, SHIM_STAGE_CAPABILITIES, NULL);
}

void security_end(const struct plan* plan, const struct wiring* wiring) {
    const struct shim_config* head = plan->head;
    const bool given = (head->flags & SHIM_SET_CAPABILITIES) != 0;
    const bool cut = given || keeps_capabilities(plan);
    const uint64_t wanted = given ? head->effective : 0;
    if (cut) {
        const uint64_t for_now = filter_is_free(plan) ? wanted : capabilities_permitted();
        if (capabilities_set(for_now, wanted) != 0 || ambient_set(wanted) != 0)
            give_up(wiring, SHIM_STAGE_CAPABILITIES, NULL);
    }
    if ((head->flags & SHIM_NO_NEW_PRIVS) != 0 && prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) != 0)
        give_up(wiring, SHIM_STAGE_SECCOMP, "no_new_privs");
    if (head->seccomp_count == 0) return;
    const struct sock_fprog filter = {.len = (unsigned short)head->seccomp_count,
                                      .filter = (struct sock_filter*)plan->seccomp};
    if (prctl(PR_SET_SECCOMP, (long)SECCOMP_MODE_FILTER, &filter, 0L, 0L) != 0)
        give_up(wiring, SHIM_STAGE_SECCOMP, NULL);
    if (cut && !filter_is_free(plan) && capabilities_set(wanted, wanted) != 0)
        give_up(wiring, SHIM_STAGE_SECCOMP, "capset");
}

int oom_score_set(const struct plan* plan) {
    if ((plan->head->flags & SHIM_SET_OOM_SCORE) == 0) return 0;
    const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    const int wrote = dprintf(fd, "%d", (int)plan->head->oom_score_adj);
    const int error = errno;
    close(fd);
    errno = error;
    return wrote > 0 ? 0 : -1;
}
