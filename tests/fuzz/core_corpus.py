#!/usr/bin/env python3
"""Writes the seeds of core_fuzz, the fuzzer of the master's core, to tests/fuzz/corpus/core; run it again when the kinds of
events in src/master/core/core_fuzz.cc, or the choices they read, change.

A seed is one byte of settings, then events: the number of its kind and its choices, one byte each unless text follows (two
bytes of length, least one first). A choice of 0 is the ordinary one; bytes from 0xe0 on are the rare ones. What a kind reads,
in order, is in the `FuzzMessages` function of its name.
"""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "master" / "core" / "core_fuzz.cc"
FOLDER = ROOT / "tests" / "fuzz" / "corpus" / "core"


def kinds():
    body = re.search(r"enum class Kind[^{]*\{(.*?)\};", SOURCE.read_text(encoding="utf-8"), re.DOTALL).group(1)
    return {name: number for number, name in enumerate(re.findall(r"\w+", body))}


KINDS = kinds()
ACCEPT, DECLINE, ACKNOWLEDGE, KILL, REVIVE, SUPPRESS, RECONCILE, MESSAGE, SHUTDOWN = 0, 3, 4, 5, 6, 7, 8, 9, 10
UPDATE_FRAMEWORK, TEARDOWN = 13, 14
STARTING, RUNNING, FINISHED, KILLED = 0, 1, 2, 4
OWN = 0  # The stream, or the link, that fits.


def event(kind, *choices):
    return bytes([KINDS[kind], *choices])


def task(number, need=0, kind=0, agent=()):
    """A task_info(): name, whether its agent is another, resources (and whether odd), kind and its command."""
    command = [0] if kind in (0, 1) else []
    executor = [number, 1, need, 0, 0, 0] if kind == 2 else []
    return [number, *(agent or [0]), need, 0, kind, *command, *executor, 0]


def accept(*tasks, offer=0):
    """One offer, one LAUNCH of the tasks, no filter."""
    operation = [0, 0, len(tasks) - 1, 0, *[byte for one in tasks for byte in one]]
    return event("call", ACCEPT, 0, 0, offer, 0, 0, *operation, 0, 0, OWN)


def pod(*tasks):
    operation = [0, 0, len(tasks) - 1, 1, 1, 1, 1, 0, 0, 0, *[byte for one in tasks for byte in one]]
    return event("call", ACCEPT, 0, 0, 0, 0, 0, *operation, 0, 0, OWN)


def update(state, agent=0, which=0, uuid=0):
    return event("frame", agent, 0, 0, 0, 0, which, state, 0, 0, uuid, 0, 0, 0, 0, OWN)


def acknowledge(which=0):
    return event("call", ACKNOWLEDGE, 0, 0, which, 0, OWN)


def other(call, *choices):
    return event("call", call, 0, *choices, 0, OWN)


def passed(span):
    return event("pass", span)


SECOND, PING, UNREACHABLE, MINUTES, HOURS, WEEKS = 2, 3, 4, 5, 6, 7
HOLD, LET_GO = event("hold_writes", 1), event("hold_writes", 0)
TAKE = event("take")
BACK = event("reregister_agent", 0, 0, 0, 0, 0, *[0] * 18)

SEEDS = {
    "empty": [],
    "task": [accept(task(0)), update(RUNNING), acknowledge(), update(FINISHED, uuid=1), acknowledge()],
    "tasks": [accept(task(0), task(1, 1), task(2, 3)), accept(task(0, 2)), update(RUNNING), other(RECONCILE, 0), other(KILL, 1, 0, 0)],
    "pod": [pod(task(0, kind=3), task(1, kind=3)), update(RUNNING), event("frame", 0, 4, 0, 1, 1, 0, OWN), TAKE],
    "executor": [accept(task(0, kind=2)), other(MESSAGE, 0, 0, 1, 0, 65), other(SHUTDOWN, 0, 1, 0), update(RUNNING)],
    "decline": [other(DECLINE, 0, 0, 1, 3), passed(SECOND), other(REVIVE, 0), other(SUPPRESS, 0), passed(HOURS)],
    "failover": [accept(task(0)), event("disconnect", 0), passed(SECOND), event("subscribe", *[0] * 5, 1, 0), update(RUNNING)],
    "framework_end": [accept(task(0)), HOLD, other(TEARDOWN), update(FINISHED), event("persist_one"), event("subscribe", *[0] * 5, 1, 0xe0)],
    "partition": [accept(task(0)), event("close_link", 0), passed(UNREACHABLE), other(RECONCILE, 1, 0, 0), BACK, update(RUNNING)],
    "silence": [accept(task(0)), *[event("pass_to_deadline")] * 12, BACK],
    "gone": [accept(task(0)), HOLD, event("mark_gone", 0), update(FINISHED), LET_GO, BACK, passed(WEEKS)],
    "restart": [accept(task(0)), update(RUNNING), event("restart"), BACK, event("subscribe", *[0] * 5, 1, 0), passed(MINUTES), TAKE],
    "operators": [accept(task(0)), event("kill", 0, 0, 0), event("teardown", 0), event("teardown", 0), event("publish", 0)],
    "late_writes": [HOLD, event("register_agent", 3, 0, 0, 0, 0, 0, 0, 0, 0, OWN), event("close_link", 2), event("disconnect", 0), LET_GO],
    "changes": [event("call", UPDATE_FRAMEWORK, 0, 0, 0, 0, 1, 1, 0, 0, OWN), event("jump_wall", 1, HOURS), event("offers_owed", 1), passed(0)],
    "deactivated": [accept(task(0)), event("deactivate", 0, 0), HOLD, event("deactivate", 0, 1), event("deactivate", 0, 0), LET_GO, update(RUNNING), BACK],
    "weights": [event("weights", 2, 1, 1, 3, 3), HOLD, event("weights", 1, 1, 6), event("weights", 1, 1, 4), LET_GO, passed(SECOND), event("restart")],
    "quotas": [event("quotas", 1, 1, 1, 0, 2, 1, 0, 3, 1, 0), event("quotas", 1, 3, 0, 1, 0, 1, 0, 2), HOLD, event("quotas", 1, 1, 0, 0, 1, 0), event("quotas", 1, 1, 0, 0, 0, 2),
               LET_GO, event("whitelist", 0, 1, 0), passed(SECOND), event("restart"), BACK, event("whitelist", 1), passed(MINUTES)],
    "maintenance": [event("schedule", 1, 0, 0, 1, 5, 1, 1, 0), accept(task(0)), HOLD, event("machines", 0, 0, 1, 0), LET_GO, BACK, event("machines", 0, 0, 1, 1), BACK],
    "inverse_offers": [event("schedule", 1, 0, 0, 1, 5, 0, 0), accept(task(0)), event("call", 17, 0, 0, 0, 0, 1, 3, 0, OWN), passed(SECOND), other(REVIVE, 0), event("call", 18, 0, 0, 0, 0, 0, 0, OWN),
                       event("schedule", 0, 0), passed(HOURS)],
    "drain": [accept(task(0)), event("drain", 0, 0, 0, 0), update(KILLED), acknowledge(), event("deactivate", 0, 1), event("drain", 0, 1, 0, 1, 1, 0), event("restart"), BACK],
    "drain_cancelled": [accept(task(0)), HOLD, event("drain", 0, 0, 0, 0), event("cancel_drain", 0), LET_GO, event("drain", 0, 0, 0, 0), event("close_link", 0), BACK, event("cancel_drain", 0)],
    "operations": [event("operation", 0, 0, 0, 3, 1, 1, 0, 0), event("operation", 0, 2, 0, 4, 0, 0, 0, 0), event("frame", 0, 7, 0, 0, 0, 0, 0, OWN),
                   BACK, event("operation", 0, 3, 0, 4, 0, 0), event("frame", 0, 9, 0, 0, OWN), event("operation", 0, 1, 0, 4, 0, 0), event("close_link", 0), BACK],
    "raw": [event("raw_call", 17, 0, *b"\x0a\x03\x0a\x01\x00\x10\x03\x22\x08\x0a\x03\x0a\x01\x00\x12\x01\x00", OWN),
            event("raw_frame", 9, 0, *b"\x0a\x01\x00\x42\x00\x0a\x01\x00\x78", 0, OWN)],
}


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, events in SEEDS.items():
        (FOLDER / name).write_bytes(b"".join([b"\0", *events]))
    print(f"{len(SEEDS)} seeds in {FOLDER.relative_to(ROOT)}")


main()
