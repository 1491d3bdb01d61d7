"""Our own program on a pseudo terminal, as a person has it."""
import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios

from harness.cluster import TEPUI


class Terminal:
    """A program of ours on a pseudo terminal."""

    def __init__(self, cluster, *arguments, rows=40, columns=120):
        self.pid, self.file = pty.fork()
        if self.pid == 0:
            os.environ.update(TEPUI_MASTER=cluster.address, TERM="xterm-256color")
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execv(TEPUI, [str(TEPUI), *arguments])
        self.text = ""

    def read(self):
        if not select.select([self.file], [], [], 30)[0]:
            return False
        with contextlib.suppress(OSError):
            part = os.read(self.file, 65536).decode(errors="replace")
            self.text += part
            return bool(part)
        return False

    def until(self, pattern):
        while not re.search(pattern, self.text):
            assert self.read(), f"no {pattern!r} in {self.text!r}"

    def type(self, text):
        os.write(self.file, text.encode())

    def resize(self, rows, columns):
        fcntl.ioctl(self.file, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.kill(self.pid, signal.SIGWINCH)

    def end(self):
        while self.read():
            pass
        status = os.waitpid(self.pid, 0)[1]
        os.close(self.file)
        return os.waitstatus_to_exitcode(status)
