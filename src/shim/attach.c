// Those who talk to the task's terminal or stdin, over sockets that agents hand in. What the task
// writes and they have not read is kept up to a bound: who is slower than that is dropped, and the
// task never waits. What they write waits in the socket until the task takes it.

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shim/shim.h"

enum { BACKLOG_BYTES = 256 << 10 };  // Of each. The pages are only used when somebody is slow.

// A frame of a backlog is a packet behind its length (uint16_t); what has the same kind is put
// together, as a socket takes few packets, whatever their size.
struct attached {
    int fd;
    size_t used;  // Bytes of `backlog`.
    size_t last;  // Where its last frame begins.
    char backlog[BACKLOG_BYTES];
};
static struct attached attached[ATTACHED_MAX];
static int input = -1;
static bool input_is_terminal;
// What was taken from a socket and not yet by the task.
static char pending[SHIM_ATTACH_PACKET_MAX];
static size_t pending_begin;
static size_t pending_end;

void attach_begin(int to, bool terminal) {
    input = to;
    input_is_terminal = terminal;
    for (int i = 0; i < ATTACHED_MAX; ++i) attached[i].fd = -1;
    if (to >= 0) fcntl(to, F_SETFL, fcntl(to, F_GETFL) | O_NONBLOCK);
}

static void drop(int place) {
    close(attached[place].fd);
    attached[place].fd = -1;
    attached[place].used = 0;
}

bool attach_add(int fd) {
    if (fd < 0) return false;
    for (int i = 0; i < ATTACHED_MAX; ++i) {
        if (attached[i].fd >= 0) continue;
        fcntl(fd, F_SETFD, FD_CLOEXEC);
        attached[i].fd = fd;
        attached[i].used = 0;
        return true;
    }
    return false;
}

// Returns false when there is no room.
static bool keep(struct attached* to, char kind, const char* bytes, size_t count) {
    uint16_t length = 0;
    if (to->used > 0) {
        memcpy(&length, to->backlog + to->last, sizeof length);
        const bool fits = to->backlog[to->last + sizeof length] == kind &&
                          length + count < SHIM_ATTACH_PACKET_MAX;
        if (!fits) to->last = to->used;
        if (!fits) length = 0;
    } else {
        to->last = 0;
    }
    const size_t head = length == 0 ? sizeof length + 1 : 0;
    if (to->used + head + count > sizeof to->backlog) return false;
    if (length == 0) to->backlog[to->last + sizeof length] = kind;
    memcpy(to->backlog + to->used + head, bytes, count);
    to->used += head + count;
    length = (uint16_t)((length == 0 ? 1 : length) + count);
    memcpy(to->backlog + to->last, &length, sizeof length);
    return true;
}

// Sends what is kept, as much as the socket takes.
static void flush(int place) {
    struct attached* to = &attached[place];
    size_t done = 0;
    while (to->fd >= 0 && done < to->used) {
        uint16_t length;
        memcpy(&length, to->backlog + done, sizeof length);
        const char* packet = to->backlog + done + sizeof length;
        if (send(to->fd, packet, length, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
            if (errno != EAGAIN && errno != EINTR) drop(place);
            break;
        }
        done += sizeof length + length;
    }
    if (to->fd < 0 || done == 0) return;
    memmove(to->backlog, to->backlog + done, to->used - done);
    to->used -= done;
    to->last = to->last >= done ? to->last - done : 0;
}

void attach_output(char kind, const char* bytes, size_t count) {
    enum { PART_MAX = SHIM_ATTACH_PACKET_MAX - 1 };
    while (count > 0) {
        const size_t part = count < PART_MAX ? count : PART_MAX;
        for (int i = 0; i < ATTACHED_MAX; ++i) {
            if (attached[i].fd < 0) continue;
            if (!keep(&attached[i], kind, bytes, part))
                drop(i);
            else
                flush(i);
        }
        bytes += part;
        count -= part;
    }
}

static void close_input(void) {
    if (input >= 0 && !input_is_terminal) close(input);
    if (!input_is_terminal) input = -1;
    pending_begin = pending_end = 0;
}

static void hear(int place) {
    const ssize_t got = recv(attached[place].fd, pending, sizeof pending, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
        drop(place);
        return;
    }
    if (pending[0] == 'i' && input >= 0) {
        pending_begin = 1;
        pending_end = (size_t)got;
    } else if (pending[0] == 'z') {
        close_input();
    } else if (pending[0] == 'w' && input_is_terminal && got == 5) {
        uint16_t size[2];
        memcpy(size, pending + 1, sizeof size);
        terminal_resize(input, size[0], size[1]);
    }
}

static void give_input(void) {
    const ssize_t wrote = write(input, pending + pending_begin, pending_end - pending_begin);
    if (wrote > 0) pending_begin += (size_t)wrote;
    if (wrote < 0 && errno != EAGAIN && errno != EINTR) close_input();
    if (pending_begin == pending_end) pending_begin = pending_end = 0;
}

void attach_finish(void) {
    enum { PATIENCE_MS = 100 };
    for (int i = 0; i < ATTACHED_MAX; ++i) {
        while (attached[i].fd >= 0 && attached[i].used > 0) {
            struct pollfd writable = {.fd = attached[i].fd, .events = POLLOUT};
            if (poll(&writable, 1, PATIENCE_MS) != 1) break;
            flush(i);
        }
    }
}

void attach_watch(struct pollfd* fds) {
    const bool full = pending_end > 0;
    for (int i = 0; i < ATTACHED_MAX; ++i) {
        const short events = (short)((full ? 0 : POLLIN) | (attached[i].used > 0 ? POLLOUT : 0));
        // With neither to wait for, only its end would be told, again and again.
        fds[i] = (struct pollfd){.fd = events == 0 ? -1 : attached[i].fd, .events = events};
    }
    fds[ATTACHED_MAX] = (struct pollfd){.fd = full ? input : -1, .events = POLLOUT};
}

void attach_hear(const struct pollfd* fds) {
    if (fds[ATTACHED_MAX].fd >= 0 && fds[ATTACHED_MAX].revents != 0) give_input();
    for (int i = 0; i < ATTACHED_MAX; ++i) {
        if (fds[i].fd < 0 || fds[i].fd != attached[i].fd || fds[i].revents == 0) continue;
        if (attached[i].used > 0) flush(i);
        // One at a time: what the task has not taken is all that is kept.
        if (pending_end == 0 && attached[i].fd >= 0) hear(i);
    }
}
