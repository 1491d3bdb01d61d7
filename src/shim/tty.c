// Pseudo terminals. Made where the task is, so that its /dev/pts knows them.

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/shim.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

int terminal_open(int ends[2], const struct shim_config* wanted, const struct shim_config* owner) {
    ends[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    ends[1] = -1;
    if (ends[0] < 0) return errno;
    const int locked = 0;
    if (ioctl(ends[0], TIOCSPTLCK, &locked) == 0)
        ends[1] = ioctl(ends[0], TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (ends[1] < 0) {
        const int error = errno;
        close(ends[0]);
        ends[0] = -1;
        return error;
    }
    terminal_resize(ends[0], wanted->terminal_rows, wanted->terminal_columns);
    if ((owner->flags & SHIM_SWITCH_USER) != 0) (void)!fchown(ends[1], owner->uid, (gid_t)-1);
    (void)!fchmod(ends[1], 0620);
    return 0;
}

void terminal_resize(int terminal, uint16_t rows, uint16_t columns) {
    if (rows == 0 || columns == 0) return;
    const struct winsize size = {.ws_row = rows, .ws_col = columns};
    ioctl(terminal, TIOCSWINSZ, &size);
}
