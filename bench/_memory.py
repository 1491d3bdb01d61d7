"""Memory of processes, from /proc."""
import pathlib
import time


def field(path, name):
    """A line `name: N kB` of a file, in bytes; 0 for a process that is gone."""
    try:
        for line in pathlib.Path(path).read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0


def proportional(pid):
    """Pages that are shared count by halves, thirds and so on."""
    return field(f"/proc/{pid}/smaps_rollup", "Pss")


def peak(pid):
    return field(f"/proc/{pid}/status", "VmHWM")


def settled(pid, rounds=5, interval=0.5, tolerance=0.005):
    """The proportional set size, once it has hardly changed from one look to the next; else the last of the looks."""
    last = proportional(pid)
    for _ in range(rounds * 4):
        time.sleep(interval)
        now = proportional(pid)
        if abs(now - last) <= tolerance * max(last, 1):
            return now
        last = now
    return last


def descendants(pid):
    """All processes below one, as they are now."""
    children = {}
    for status in pathlib.Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        parent = int(text.split("PPid:")[1].split()[0])
        children.setdefault(parent, []).append(int(status.parent.name))
    found, waiting = [], [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def named(pids, name):
    """Those that run the program `name`."""
    chosen = []
    for pid in pids:
        try:
            if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == name:
                chosen.append(pid)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return chosen
