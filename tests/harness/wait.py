"""Waiting for events with a deadline; no test sleeps for a fixed time."""
import time


class DeadlineExceeded(AssertionError):
    """What was waited for did not happen in time."""


def wait_for(condition, what, seconds=30.0, interval=0.02):
    """Calls `condition` until it gives something true, and returns that; fails after `seconds` naming `what`."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise DeadlineExceeded(f"waited {seconds:g} s in vain for {what}; the last answer was {value!r}")
        time.sleep(interval)
