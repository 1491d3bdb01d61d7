#!/usr/bin/env python3
"""Holds every #include under src/ against the module table of ARCHITECTURE.md, and keeps cores pure.

Prints each breach as `file:line: what` and exits 1 if there is one. With --self-test it checks that the rules themselves
still catch what they are for.
"""
import pathlib
import re
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]

# What a module may include besides itself. Files named *_test, *_bench, *_fuzz and *_testing may read more (TEST_EXTRA).
TABLE = {
    "base": set(),
    "env": {"base"},
    "env/posix": {"base", "env"},
    "resources": {"base"},
    "wire": {"base"},
    "http": {"base", "env", "env/posix"},
    "coord": {"base", "env", "env/posix"},
    "daemon": {"base", "env", "env/posix", "resources", "wire", "http"},
    "allocator": {"base", "resources"},
    "master/core": {"base", "allocator", "resources"},
    "master": {"base", "daemon", "master/core", "allocator", "resources", "coord", "http", "wire", "env", "env/posix"},
    "agent/core": {"base", "resources"},
    "containerizer": {"base", "env", "env/posix", "resources", "wire", "shim"},
    "agent": {"base", "daemon", "agent/core", "containerizer", "resources", "coord", "http", "wire", "env", "env/posix"},
    "shim": set(),
    "sim": {"base", "master/core", "agent/core", "allocator", "resources", "wire", "env", "coord"},
    "simulate": {"base", "master/core", "allocator", "resources"},
    "cli": None,  # All.
    "cmd": None,
}
TEST_EXTRA = {"wire", "base", "env", "env/posix"}
PURE = ("master/core", "agent/core", "allocator", "resources")
# Headers and words that would bring a clock, a thread, randomness or I/O into a core.
FORBIDDEN_HEADERS = re.compile(
    r"^(thread|mutex|shared_mutex|condition_variable|future|random|fstream|iostream|ostream|istream|cstdio|ctime|filesystem|"
    r"atomic|stop_token|semaphore|latch|unistd\.h|stdio\.h|time\.h|fcntl\.h|pthread\.h|sys/.*|netinet/.*|arpa/.*|poll\.h|"
    r"spdlog/.*|boost/asio.*|boost/beast.*|sqlite3\.h|curl/.*)$")
FORBIDDEN_WORDS = re.compile(
    r"\b(std::chrono::(system|steady|high_resolution)_clock|random_device|std::thread|std::mutex|clock_gettime|gettimeofday|"
    r"getrandom|std::rand|std::time|std::getenv|std::cout|std::cerr|fopen|printf\s*\()\b")
INCLUDE = re.compile(r'^\s*#\s*include\s*(<[^>]+>|"[^"]+")')
COMMENT = re.compile(r"//.*$")
TESTING = re.compile(r"_(test|bench|fuzz|testing)\.(cc|h)$")


def module_of(path):
    """The module a path under src/ belongs to: its longest folder prefix in the table."""
    parts = path.split("/")[:-1]
    while parts:
        name = "/".join(parts)
        if name in TABLE:
            return name
        parts.pop()
    return None


def breaches(src):
    for file in sorted(src.rglob("*")):
        if file.suffix not in (".cc", ".h", ".c"):
            continue
        relative = file.relative_to(src).as_posix()
        module = module_of(relative)
        if module is None:
            yield relative, 1, "belongs to no module of the table in tests/check/modules.py"
            continue
        testing = TESTING.search(relative) is not None
        pure = module in PURE and not testing
        allowed = TABLE[module]
        for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            match = INCLUDE.match(line)
            if match:
                token = match.group(1)
                name = token[1:-1]
                if token[0] == "<":
                    if pure and FORBIDDEN_HEADERS.match(name):
                        yield relative, number, f"the core '{module}' may not include <{name}>"
                    continue
                other = module_of(name)
                if other is None or not (src / name).exists():
                    continue  # A generated header (messages) or one of this folder's own.
                if other == module or allowed is None or other in allowed:
                    continue
                if testing and other in TEST_EXTRA:
                    continue
                yield relative, number, f"module '{module}' may not include '{name}' of module '{other}'"
            elif pure:
                word = FORBIDDEN_WORDS.search(COMMENT.sub("", line))
                if word:
                    yield relative, number, f"the core '{module}' may not use {word.group(0)}"


def self_test():
    """Each of these files must be caught, the last must not."""
    cases = [
        ("base/x.cc", '#include "http/message.h"\n', 1),
        ("master/core/x.cc", "#include <thread>\n", 1),
        ("agent/core/x.cc", "auto t = std::chrono::steady_clock::now();\n", 1),
        ("nowhere/x.cc", "\n", 1),
        ("allocator/x.cc", '#include "resources/resources.h"\n// std::thread in a comment\n', 0),
    ]
    for path, text, want in cases:
        with tempfile.TemporaryDirectory() as folder:
            src = pathlib.Path(folder)
            for name in (path, "http/message.h", "resources/resources.h"):
                (src / name).parent.mkdir(parents=True, exist_ok=True)
                (src / name).write_text(text if name == path else "\n")
            got = len(list(breaches(src)))
            if got != want:
                sys.exit(f"modules.py: the check itself is broken: {path!r} gave {got} breaches, not {want}")


def main():
    self_test()
    found = list(breaches(ROOT / "src"))
    for file, line, what in found:
        print(f"src/{file}:{line}: {what}")
    print(f"modules: {len(found)} breaches")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
