"""The shape of JSON: which keys there are, of what types, and whether they are always there.

A shape maps a path ("frameworks[].tasks[].id") to its types ("string", "int/double"), with a "?" behind them when not every
object that could have the key has it. Elements of a list fall together, and so do those of lists that differ only in how far
their elements have come (tasks and completed_tasks): a recording may have shown an optional field in one of them only. Keys of
maps whose keys are data become "*".

As a program it makes the stored shapes out of recordings:
    python -m harness.shapes GOLDEN_DIRECTORY > api/golden/shapes.json
"""
import fnmatch
import json
import pathlib
import sys

# Objects whose keys are data: the last part of their paths, and answers that are such a map.
MAPS = {"flags", "attributes", "reserved_resources", "reserved_resources_full", "reserved_resources_allocated", "guarantee",
        "limit", "consumed", "allocated", "offered", "reserved"}
MAP_PATHS = {"roles[].resources"}
MAP_ANSWERS = {"/metrics/snapshot", "/files/debug"}
# Lists whose elements are of the same kind as another list's.
ALIKE = {"completed_tasks": "tasks", "launched_tasks": "tasks", "terminated_tasks": "tasks", "unreachable_tasks": "tasks",
         "completed_frameworks": "frameworks", "completed_executors": "executors"}
TYPES = {str: "string", bool: "bool", int: "int", float: "double", type(None): "null", list: "list", dict: "object"}


class _Node:
    def __init__(self):
        self.types, self.seen = set(), 0


def _is_map(path, name):
    return path.rpartition(".")[2] in MAPS or path in MAP_PATHS or (not path and name in MAP_ANSWERS)


def _item_path(path):
    parent, dot, last = path.rpartition(".")
    return f"{parent}{dot}{ALIKE.get(last, last)}[]"


def _collect(value, path, name, nodes):
    node = nodes.setdefault(path, _Node())
    node.types.add(TYPES[type(value)])
    node.seen += 1
    if isinstance(value, list):
        for item in value:
            _collect(item, _item_path(path), name, nodes)
    elif isinstance(value, dict):
        for key, inner in value.items():
            _collect(inner, f"{path}.{'*' if _is_map(path, name) else key}".lstrip("."), name, nodes)


def shape(values, name=""):
    """The common shape of several JSON values, all answers of what `name` says."""
    nodes = {}
    for value in values:
        _collect(value, "", name, nodes)
    result = {}
    for path, node in sorted(nodes.items()):
        if path:
            owner = nodes[path.rpartition(".")[0]] if "." in path else nodes[""]
            free = path.endswith(("[]", "*"))
            result[path] = "/".join(sorted(node.types)) + ("" if free or node.seen >= owner.seen else "?")
    return result


def differences(recorded, ours):
    """What differs, as (kind, path, text): "missing", "added", "type" or "optional" (always there in the recording only).
    Below a path that is missing or added nothing more is told."""
    found = []

    def below_told(path):
        return any(path.startswith((told + ".", told + "[]")) for kind, told, _ in found if kind in ("missing", "added"))

    for path, there in recorded.items():
        if below_told(path):
            continue
        here = ours.get(path)
        if here is None:
            found.append(("missing", path, there))
        elif here.rstrip("?") != there.rstrip("?"):
            found.append(("type", path, f"{there} there, {here} here"))
        elif here.endswith("?") and not there.endswith("?"):
            found.append(("optional", path, f"{there} there, {here} here"))
    for path in ours:
        if path not in recorded and not below_told(path):
            found.append(("added", path, ours[path]))
    return found


class Table:
    """The allowed differences: rows of the table in docs/reference/compatibility.md under the heading given.

    Columns: where (which answer, a pattern), path (a pattern), kind, why. Patterns are shell patterns without sets."""

    def __init__(self, document, heading):
        text = pathlib.Path(document).read_text()
        section = text.split(heading + "\n", 1)[1].split("\n## ", 1)[0]
        self.rows = []
        for line in section.splitlines():
            cells = [cell.strip().strip("`") for cell in line.strip("|").split("|")]
            if not line.startswith("|") or len(cells) != 4 or cells[0] in ("where", "") or set(cells[0]) <= {"-"}:
                continue
            self.rows.append(tuple(cells))
        self.used = set()

    def allows(self, where, kind, path):
        hit = False
        for row in self.rows:
            if kind == row[2] and _matches(where, row[0]) and _matches(path, row[1]):
                self.used.add(row)
                hit = True
        return hit

    def unused(self):
        return [row for row in self.rows if row not in self.used]


def _matches(text, pattern):
    return fnmatch.fnmatchcase(text.replace("[", "<").replace("]", ">"), pattern.replace("[", "<").replace("]", ">"))


def _answers(directory, file):
    """Recorded answers of one file: name -> bodies."""
    answers = {}
    for entry in json.loads((directory / file).read_text()):
        if "path" in entry:
            name = entry["path"].split("?")[0]
        else:
            name = entry.get("request", entry)["type"]
        body = entry["body"] if "body" in entry else entry
        if isinstance(body, (dict, list)):
            answers.setdefault(name, []).append(body)
    return answers


def stored_shapes(directory):
    files = {"master": ("master-endpoints.json", "master-calls.json"), "agent": ("agent-endpoints.json", "agent-calls.json"),
             "scheduler": ("scheduler-events.json",), "executor": ("executor-events.json",)}
    return {f"{who} {name}": shape(bodies, name) for who, names in files.items() for file in names
            for name, bodies in _answers(pathlib.Path(directory), file).items()}


if __name__ == "__main__":
    json.dump(stored_shapes(sys.argv[1]), sys.stdout, indent=1, sort_keys=True)
    print()
