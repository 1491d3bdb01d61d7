// The task's stdin, stdout and stderr: pipes to the logs, or one terminal for all three.

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "shim/shim.h"

static int terminal_for(const struct plan* plan, struct wiring* wiring) {
    int ends[2];
    const int error = terminal_open(ends, plan->head, plan->head);
    if (error != 0) return error;
    wiring->terminal = true;
    wiring->out[0] = ends[0];
    wiring->out[1] = ends[1];
    wiring->err[1] = fcntl(ends[1], F_DUPFD_CLOEXEC, 3);
    wiring->input = fcntl(ends[1], F_DUPFD_CLOEXEC, 3);
    const int near = fcntl(ends[0], F_DUPFD_CLOEXEC, 3);
    attach_begin(near, true);
    return wiring->err[1] < 0 || wiring->input < 0 || near < 0 ? EMFILE : 0;
}

void stdio_none(struct wiring* wiring) {
    for (int i = 0; i < 2; ++i) wiring->out[i] = wiring->err[i] = -1;
    attach_begin(-1, false);
}

int stdio_open(const struct plan* plan, struct wiring* wiring) {
    stdio_none(wiring);
    if ((plan->head->flags & SHIM_TERMINAL) != 0) return terminal_for(plan, wiring);
    if (pipe2(wiring->out, O_CLOEXEC) != 0 || pipe2(wiring->err, O_CLOEXEC) != 0) return errno;
    if ((plan->head->flags & SHIM_KEEP_STDIN) == 0) return 0;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return errno;
    wiring->input = ends[0];
    attach_begin(ends[1], false);
    return 0;
}

void stdio_close_far(struct wiring* wiring) {
    close(wiring->out[1]);
    close(wiring->err[1]);
    if (wiring->input > 0) close(wiring->input);
}
