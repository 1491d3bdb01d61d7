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
from harness.wait import wait_for


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


def check_exec_with_terminal(cluster, task, command, processes):
    """`tepui exec -it` of a shell has a terminal: its kind and size, a new size, a key that interrupts `command` (found by
    processes(command) as long as it runs), and the shell's exit status."""
    terminal = Terminal(cluster, "exec", "-it", task, "sh")
    terminal.type("tty; stty size; echo $TERM\n")
    terminal.until(r"/dev/pts/\d+\r\n40 120\r\nxterm-256color")
    terminal.resize(50, 90)
    wait_for(lambda: terminal.type("stty size\n") or terminal.read() and "50 90" in terminal.text, "the new size")
    terminal.type(f"{command}\n")
    wait_for(lambda: processes(command), "its command")
    terminal.type("\x03")
    wait_for(lambda: not processes(command), "its interruption")
    terminal.type("exit 7\n")
    assert terminal.end() == 7
