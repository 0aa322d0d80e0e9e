"""The rules of tidy: each yields (path, line, what) for what breaks it.

RULES at the end is the list that is run, one TAP test a rule. A rule sees all sources at once,
since some of them count over files.
"""
import re
from fnmatch import fnmatchcase

import laws


def matches(path, patterns):
    return any(fnmatchcase(path, p) for p in patterns)


def c_sources(sources):
    return [s for s in sources if s.kind == "c"]


def layers(sources):
    for s in c_sources(sources):
        allowed = next((a for pattern, a in laws.LAYERS if fnmatchcase(s.path, pattern)), None)
        for line, name, quoted in s.includes():
            if not quoted:
                continue
            if "/" not in name:
                yield s.path, line, 'include "%s" by its path from the root' % name
            elif allowed is None:
                yield s.path, line, "the include law does not know this directory"
            elif not matches(name, allowed):
                yield s.path, line, "%s may not include %s" % (s.path.rsplit("/", 1)[0], name)


def purity(sources):
    calls = re.compile(r"(?<![\w.>])(%s)\s*\(" % "|".join(laws.IMPURE_CALLS))
    for s in c_sources(sources):
        if not matches(s.path, laws.PURE_FILES):
            continue
        for line, name, quoted in s.includes():
            if not quoted and name not in laws.PURE_SYSTEM:
                yield s.path, line, "pure code may not include <%s>" % name
        for line, text in enumerate(s.code.split("\n"), 1):
            for m in calls.finditer(text):
                yield s.path, line, "pure code may not call %s" % m.group(1)


def libraries(sources):
    users = {name: [] for name in laws.ONE_FILE}
    for s in c_sources(sources):
        for line, name, _ in s.includes():
            for library, allowed in laws.LIBRARIES.items():
                if fnmatchcase(name, library) and not matches(s.path, allowed):
                    yield s.path, line, "%s is not included here: only in %s" % (
                        name, ", ".join(allowed))
            if name in users and not s.is_test:
                users[name].append((s.path, line))
    for name, places in users.items():
        for path, line in places[1:]:
            yield path, line, "%s is already included by %s: one file only" % (name, places[0][0])


def threads(sources):
    starts = re.compile(r"\b(pthread_create|thrd_create)\s*\(")
    for s in c_sources(sources):
        if not matches(s.path, laws.THREADLESS) or matches(s.path, laws.THREADS_ALLOWED):
            continue
        for line, text in enumerate(s.code.split("\n"), 1):
            if starts.search(text):
                yield s.path, line, "only the store starts a thread"


def file_length(sources):
    for s in sources:
        if len(s.lines) > laws.FILE_LINES:
            yield s.path, len(s.lines), "%d lines, at most %d" % (len(s.lines), laws.FILE_LINES)


def function_length(sources):
    for s in sources:
        for line, name, length in s.functions():
            if length > laws.FUNCTION_LINES:
                yield s.path, line, "%s has %d lines, at most %d" % (
                    name, length, laws.FUNCTION_LINES)


def columns(sources):
    for s in sources:
        for line, text in enumerate(s.lines, 1):
            if len(text) > laws.COLUMNS:
                yield s.path, line, "%d columns, at most %d" % (len(text), laws.COLUMNS)


def directory_length(sources):
    for directory, limit in laws.TOTAL_LINES.items():
        inside = [s for s in c_sources(sources) if s.path.startswith(directory + "/")]
        total = sum(len(s.lines) for s in inside)
        if total > limit:
            yield directory, 0, "%d lines of C, at most %d" % (total, limit)


def head_comment(sources):
    for s in sources:
        lines = s.lines[1:] if s.lines and s.lines[0].startswith("#!") else s.lines
        first = next((t.strip() for t in lines if t.strip()), "")
        start = {"c": ("/*",), "py": ('"""', "#"), "sh": ("#",)}.get(s.kind)
        if start and s.lines and not first.startswith(start):
            yield s.path, 1, "starts without a comment that says what it is for"


def pragma_once(sources):
    for s in c_sources(sources):
        if s.path.endswith(".h") and not re.search(r"^#pragma once$|^#ifndef \w+_H", s.text, re.M):
            yield s.path, 1, "a header without #pragma once"


def each_line(pattern, what, chosen):
    """A rule that is one pattern over the raw lines of the chosen sources."""
    compiled = re.compile(pattern)

    def rule(sources):
        for s in sources:
            if chosen(s):
                for line, text in enumerate(s.lines, 1):
                    if compiled.search(text):
                        yield s.path, line, what

    return rule


def block_comments(sources):
    for s in c_sources(sources):
        for line, text in enumerate(s.code.split("\n"), 1):
            if "//" in text:
                yield s.path, line, "a // comment: this tree writes /* */"


# `sleep` is fine as the work of a task (`submit sleep 10`); a test that sleeps itself is not.
SLEEPS = {
    "c": re.compile(r"\b(u?sleep|nanosleep|clock_nanosleep)\s*\("),
    "py": re.compile(r"\btime\.sleep\s*\(|\bfrom time import\b.*\bsleep\b"),
    "sh": re.compile(r"(^|[;&|]|\bdo\b|\bthen\b)\s*sleep\b"),
}


def no_sleep(sources):
    for s in sources:
        pattern = SLEEPS.get(s.kind)
        if not s.is_test or s.path.startswith("tests/tidy/") or not pattern:
            continue
        for line, text in enumerate(s.code.split("\n"), 1):
            if pattern.search(text):
                yield s.path, line, "a test waits for a condition, it does not sleep"


def outside_tidy(s):
    return not s.path.startswith("tests/tidy/")


RULES = [
    ("layers include only downwards", layers),
    ("the core and the ledger are pure", purity),
    ("libraries are included where they belong", libraries),
    ("only the store starts a thread", threads),
    ("files are at most %d lines" % laws.FILE_LINES, file_length),
    ("functions are at most %d lines" % laws.FUNCTION_LINES, function_length),
    ("lines are at most %d columns" % laws.COLUMNS, columns),
    ("directories keep their size", directory_length),
    ("files begin with what they are for", head_comment),
    ("headers are included once", pragma_once),
    ("comments are block comments", block_comments),
    ("nothing is left to do", each_line(r"\b(TODO|FIXME|XXX)\b(?!-)", "unfinished", outside_tidy)),
    # make needs them.
    ("no tabs", each_line("\t", "a tab", lambda s: s.path != "debian/rules")),
    ("no blanks at the end of a line", each_line(r"[ \t]$", "trailing blank", lambda s: True)),
    ("tests wait, they do not sleep", no_sleep),
    ("processes are ended by pid", each_line(
        r"\b(pkill|killall|pidof|pgrep)\b", "a process chosen by its name", outside_tidy)),
]
