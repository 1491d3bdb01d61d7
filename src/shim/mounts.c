// Mounts and device nodes of a task on the host's file system, in a mount namespace of its own.
// Paths beneath the agent's work directory are a task's to change: there no link is followed.

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "shim/shim.h"

// Of linux/mount.h, which clashes with sys/mount.h.
#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1u
#endif
enum {
    MOVE_FROM_DESCRIPTOR = 4,
    MOVE_TO_DESCRIPTOR = 0x40,
    WITH_SUBMOUNTS = 0x8000,
    ATTRIBUTE_READ_ONLY = 1,
    ATTRIBUTE_NO_SUID = 2,
    ATTRIBUTE_NO_DEV = 4,
    ATTRIBUTE_NO_EXEC = 8,
};
struct attributes {
    uint64_t set;
    uint64_t clear;
    uint64_t propagation;
    uint64_t user_ns;
};

static const char k_scratch[] = "/proc";

// What of `path` is beneath `directory`: "." for itself, NULL when it is elsewhere.
static const char* beneath(const char* directory, const char* path) {
    size_t length = strlen(directory);
    while (length > 0 && directory[length - 1] == '/') --length;
    if (length == 0 || strncmp(directory, path, length) != 0) return NULL;
    if (path[length] != 0 && path[length] != '/') return NULL;
    path += length;
    while (*path == '/') ++path;
    return *path == 0 ? "." : path;
}

static int open_without_links(int directory, const char* path) {
    const struct open_how how = {
        .flags = O_PATH | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}

static int open_source(const struct plan* plan, const char* path) {
    const char* rest = beneath(plan->work_dir, path);
    if (rest == NULL) return open(path, O_PATH | O_CLOEXEC);
    const int root = open(plan->work_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) return -1;
    const int fd = open_without_links(root, rest);
    const int error = errno;
    close(root);
    errno = error;
    return fd;
}

static int open_target(const struct plan* plan, const char* path, int sandbox) {
    const char* rest = beneath(plan->sandbox, path);
    return rest == NULL ? open(path, O_PATH | O_CLOEXEC) : open_without_links(sandbox, rest);
}

// A copy of what is mounted at `source` that is mounted nowhere yet; -1 on failure.
static int copy_tree(const struct plan* plan, const char* source, bool recursive) {
    const int fd = open_source(plan, source);
    if (fd < 0) return -1;
    const unsigned flags = OPEN_TREE_CLONE | O_CLOEXEC | AT_EMPTY_PATH;
    const int tree =
        (int)syscall(SYS_open_tree, fd, "", flags | (recursive ? (unsigned)WITH_SUBMOUNTS : 0u));
    const int error = errno;
    close(fd);
    errno = error;
    return tree;
}

static int put_tree(int tree, int target) {
    return (int)syscall(SYS_move_mount, tree, "", target, "",
                        MOVE_FROM_DESCRIPTOR | MOVE_TO_DESCRIPTOR);
}

static int set_attributes(int tree, const struct shim_mount* mount) {
    struct attributes attributes = {0};
    if ((mount->flags & MS_RDONLY) != 0) attributes.set |= ATTRIBUTE_READ_ONLY;
    if ((mount->flags & MS_NOSUID) != 0) attributes.set |= ATTRIBUTE_NO_SUID;
    if ((mount->flags & MS_NODEV) != 0) attributes.set |= ATTRIBUTE_NO_DEV;
    if ((mount->flags & MS_NOEXEC) != 0) attributes.set |= ATTRIBUTE_NO_EXEC;
    if ((mount->flags & MS_PRIVATE) != 0) attributes.propagation = MS_PRIVATE;
    if (attributes.set == 0 && attributes.propagation == 0) return 0;
    const unsigned depth = mount->recursive != 0 ? (unsigned)WITH_SUBMOUNTS : 0u;
    return (int)syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | depth, &attributes,
                        sizeof attributes);
}

const int* mounts_open_shared(const struct plan* plan, const struct wiring* wiring) {
    const uint32_t count = plan->head->mounts_count;
    int* trees = NULL;
    for (uint32_t i = 0; i < count; ++i) {
        if ((plan->mounts[i].flags & MS_SHARED) == 0) continue;
        char** texts = plan->mount_texts + (size_t)i * MOUNT_TEXTS;
        if (texts[MOUNT_TYPE][0] != 0) continue;
        if (trees == NULL) trees = calloc(count, sizeof *trees);
        if (trees == NULL) give_up(wiring, SHIM_STAGE_MOUNT, NULL);
        trees[i] = copy_tree(plan, texts[MOUNT_SOURCE], plan->mounts[i].recursive != 0);
        if (trees[i] < 0) give_up(wiring, SHIM_STAGE_MOUNT, texts[MOUNT_SOURCE]);
    }
    return trees;
}

static void bind_one(const struct plan* plan, const struct wiring* wiring, uint32_t index,
                     int target, int shared) {
    char** texts = plan->mount_texts + (size_t)index * MOUNT_TEXTS;
    const struct shim_mount* mount = &plan->mounts[index];
    const int tree =
        shared > 0 ? shared : copy_tree(plan, texts[MOUNT_SOURCE], mount->recursive != 0);
    if (tree < 0) give_up(wiring, SHIM_STAGE_MOUNT, texts[MOUNT_SOURCE]);
    if (set_attributes(tree, mount) != 0 || put_tree(tree, target) != 0)
        give_up(wiring, SHIM_STAGE_MOUNT, texts[MOUNT_TARGET]);
    close(tree);
}

static void mount_one(const struct plan* plan, const struct wiring* wiring, uint32_t index,
                      int target) {
    char** texts = plan->mount_texts + (size_t)index * MOUNT_TEXTS;
    const uint64_t propagation = MS_SHARED | MS_SLAVE | MS_PRIVATE | MS_UNBINDABLE | MS_BIND;
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", target);
    if (mount(texts[MOUNT_SOURCE], path, texts[MOUNT_TYPE],
              (unsigned long)(plan->mounts[index].flags & ~propagation), texts[MOUNT_DATA]) != 0)
        give_up(wiring, SHIM_STAGE_MOUNT, texts[MOUNT_TARGET]);
}

void mounts_make(const struct plan* plan, const struct wiring* wiring, int sandbox,
                 const int* shared) {
    for (uint32_t i = 0; i < plan->head->mounts_count; ++i) {
        char** texts = plan->mount_texts + (size_t)i * MOUNT_TEXTS;
        const int target = open_target(plan, texts[MOUNT_TARGET], sandbox);
        if (target < 0) give_up(wiring, SHIM_STAGE_MOUNT, texts[MOUNT_TARGET]);
        if (texts[MOUNT_TYPE][0] == 0)
            bind_one(plan, wiring, i, target, shared == NULL ? 0 : shared[i]);
        else
            mount_one(plan, wiring, i, target);
        close(target);
    }
}

static int make_device(const struct shim_device* device, const char* node, const char* path) {
    if (mknod(node, device->mode, makedev(device->major, device->minor)) != 0) return -1;
    if (chmod(node, device->mode & 0777) != 0) return -1;  // In spite of umask.
    const int target = open(path, O_PATH | O_CLOEXEC);
    const int tree = (int)syscall(SYS_open_tree, AT_FDCWD, node, OPEN_TREE_CLONE | O_CLOEXEC);
    if (target < 0 || tree < 0 || put_tree(tree, target) != 0) return -1;
    close(target);
    return close(tree);
}

void devices_make(const struct plan* plan, const struct wiring* wiring) {
    const uint32_t count = plan->head->devices_count;
    if (count == 0) return;
    // Nodes with rights of their own need a file system of their own. It hides /proc, which is
    // surely there, until they are where they belong; they live on when it is taken off again.
    if (mount("tmpfs", k_scratch, "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=0700,size=64k") != 0)
        give_up(wiring, SHIM_STAGE_DEVICE, NULL);
    for (uint32_t i = 0; i < count; ++i) {
        char node[64];
        snprintf(node, sizeof node, "%s/%u", k_scratch, i);
        if (make_device(&plan->devices[i], node, plan->device_paths[i]) != 0)
            give_up(wiring, SHIM_STAGE_DEVICE, plan->device_paths[i]);
    }
    if (umount2(k_scratch, MNT_DETACH) != 0) give_up(wiring, SHIM_STAGE_DEVICE, NULL);
}
