// Packets between agent, shim, init and probes, and what travels beside them.

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shim/shim.h"

void send_beside(int to, const void* body, size_t size, const struct beside* beside, int flags) {
    union {
        char bytes[CMSG_SPACE(PROBE_FDS * sizeof(int))];  // Credentials take less.
        struct cmsghdr align;
    } ancillary;
    if (beside->size > PROBE_FDS * sizeof(int)) return;
    memset(&ancillary, 0, sizeof ancillary);
    struct iovec from = {.iov_base = (void*)body, .iov_len = size};
    struct msghdr header = {.msg_iov = &from, .msg_iovlen = 1};
    if (beside->size > 0) {
        header.msg_control = ancillary.bytes;
        header.msg_controllen = CMSG_SPACE(beside->size);
        struct cmsghdr* part = CMSG_FIRSTHDR(&header);
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = beside->kind;
        part->cmsg_len = CMSG_LEN(beside->size);
        memcpy(CMSG_DATA(part), beside->data, beside->size);
    }
    (void)!sendmsg(to, &header, flags | MSG_NOSIGNAL);
}

static ssize_t receive(int from, void* body, size_t size, int* fds, int count, int flags) {
    struct iovec into = {.iov_base = body, .iov_len = size};
    union {
        char bytes[CMSG_SPACE(PROBE_FDS * sizeof(int))];
        struct cmsghdr align;
    } ancillary;
    struct msghdr header = {.msg_iov = &into,
                            .msg_iovlen = 1,
                            .msg_control = ancillary.bytes,
                            .msg_controllen = sizeof ancillary.bytes};
    for (int i = 0; i < count; ++i) fds[i] = -1;
    const ssize_t got = recvmsg(from, &header, flags | MSG_CMSG_CLOEXEC);
    if (got < 0) return got;
    const struct cmsghdr* part = CMSG_FIRSTHDR(&header);
    if (part == NULL || part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) return got;
    // More than there is room for, the kernel has closed.
    const int given = (int)((part->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    for (int i = 0; i < given; ++i) {
        int fd = -1;
        memcpy(&fd, CMSG_DATA(part) + (size_t)i * sizeof fd, sizeof fd);
        if (i < count)
            fds[i] = fd;
        else
            close(fd);
    }
    return got;
}

ssize_t receive_with_fds(int from, void* body, size_t size, int* fds, int count) {
    return receive(from, body, size, fds, count, MSG_DONTWAIT);
}

ssize_t receive_with_fds_waiting(int from, void* body, size_t size, int* fds, int count) {
    return receive(from, body, size, fds, count, 0);
}
