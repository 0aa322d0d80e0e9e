#!/usr/bin/env python3
"""Tests tidy itself: a small tree that is right has no finding, and each way to break it is found
by exactly the rule that is meant, at the right line. Prints TAP."""
import io
import os
import re
import sys
import tempfile

import rules
import tidy

GOOD = {
    "common/wire.h": "/* Wire. */\n#pragma once\n",
    "common/log.h": "/* Log. */\n#pragma once\n",
    "config/config.c": '/* Config. */\n#include "common/log.h"\n#include <libconfig.h>\n',
    "supervisor/main.c": '/* Main. */\n#include "config/config.h"\n#include "common/log.h"\n',
    "dispatcher/core/core.c": '/* Core. */\n#include "common/wire.h"\n#include <string.h>\n'
                              'int f(void) {\n        return g->read(1) + snprintf(b, 1);\n}\n',
    "dispatcher/store/sqlite.c": "/* Rows. */\n#include <sqlite3.h>\n"
                                 "void f(void) {\n        pthread_create(1);\n}\n",
    "worker/link.c": "/* Link. */\n#include <zmq.h>\n",
    "client/cli/run.c": '/* Run; see http://example.org. */\n#include "client/cli/command.h"\n'
                        'const char *url = "a//b";\n',
    "tests/unit/a.c": '/* A test. */\n#include "dispatcher/core/core.h"\n#include <zmq.h>\n',
    "tests/e2e/b.sh": '#!/bin/sh\n# Runs a sleeping task.\nstint submit sleep 10\nmktemp aXXXXXX\n',
}


def long_function(lines):
    return "/* F. */\nint f(int a,\n      int b) {\n" + "        a++;\n" * (lines - 3) + "}\n"


# name, file, its content, the rule that must fire, the line of its finding
BAD = [
    ("common looks up", "common/a.c", '/* A. */\n#include "config/config.h"\n', rules.layers, 2),
    ("config looks up", "config/a.c", '/* A. */\n#include "worker/run.h"\n', rules.layers, 2),
    ("programs look at each other", "worker/a.c",
     '/* A. */\n#include "dispatcher/core/core.h"\n', rules.layers, 2),
    ("mechanisms look at the policy", "host/a.c",
     '/* A. */\n#include "supervisor/supervisor.h"\n', rules.layers, 2),
    ("a worker uses the supervisor's host", "worker/a.c",
     '/* A. */\n#include "host/loop.h"\n', rules.layers, 2),
    ("the client reads the config", "client/a.c",
     '/* A. */\n#include "config/config.h"\n', rules.layers, 2),
    ("a command looks into the library", "client/cli/a.c",
     '/* A. */\n#include "client/session.h"\n', rules.layers, 2),
    ("the core logs", "dispatcher/core/a.c",
     '/* A. */\n\n#include "common/log.h"\n', rules.layers, 3),
    ("a relative include", "common/a.c", '/* A. */\n#include "wire.h"\n', rules.layers, 2),
    ("an unknown directory", "extra/a.c", '/* A. */\n#include "common/wire.h"\n', rules.layers, 2),
    ("the core has sockets", "dispatcher/core/a.c",
     "/* A. */\n#include <sys/socket.h>\n", rules.purity, 2),
    ("the core reads the clock", "dispatcher/core/a.c",
     "/* A. */\nint f(void) {\n        return time_now_monotonic();\n}\n", rules.purity, 3),
    ("zmq anywhere", "dispatcher/a.c", "/* A. */\n#include <zmq.h>\n", rules.libraries, 2),
    ("sqlite anywhere", "dispatcher/a.c", "/* A. */\n#include <sqlite3.h>\n", rules.libraries, 2),
    ("libconfig twice", "config/schema.c",
     "/* A. */\n#include <libconfig.h>\n", rules.libraries, 2),
    ("a thread in the supervisor", "supervisor/a.c",
     "/* A. */\nvoid f(void) {\n        pthread_create(1);\n}\n", rules.threads, 3),
    ("a file of 501 lines", "common/a.c", "/* A. */\n" + "int a;\n" * 500, rules.file_length, 501),
    ("a function of 61 lines", "common/a.c", long_function(61), rules.function_length, 2),
    ("a line of 101 columns", "common/a.c", "/* A. */\n/* %s */\n" % ("x" * 95), rules.columns, 2),
    ("a large supervisor", "supervisor/a.c", "/* A. */\n" + "int a;\n" * 450,
     rules.directory_length, 0),
    ("no head comment", "common/a.c", "#include <stdio.h>\n", rules.head_comment, 1),
    ("a header without a guard", "common/a.h", "/* A. */\nint a;\n", rules.pragma_once, 1),
    ("a line comment", "common/a.c", "/* A. */\nint a; // b\n", rules.block_comments, 2),
    ("something to do", "common/a.c", "/* A. */\n/* TO" "DO: b */\n", "nothing is left to do", 2),
    ("a tab", "common/a.c", "/* A. */\n\tint a;\n", "no tabs", 2),
    ("a blank at the end", "common/a.c", "/* A. */\nint a; \n",
     "no blanks at the end of a line", 2),
    ("a test in C that sleeps", "tests/a.c",
     "/* A. */\nvoid f(void) {\n        usleep(1);\n}\n", rules.no_sleep, 3),
    ("a test in Python that sleeps", "tests/a.py", '"""A."""\ntime.sleep(1)\n', rules.no_sleep, 2),
    ("a test in shell that sleeps", "tests/a.sh", "#!/bin/sh\n# A.\nsleep 1\n", rules.no_sleep, 3),
    ("a kill by name", "scripts/a", "#!/bin/sh\n# A.\npki" "ll stintd\n",
     "processes are ended by pid", 3),
]


def write(root, files):
    for path, text in files.items():
        full = os.path.join(root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as f:
            f.write(text)


def findings(files):
    """(path, line, rule name) of all findings in a tree of these files."""
    with tempfile.TemporaryDirectory() as root:
        write(root, files)
        out = io.StringIO()
        tidy.run(root, out)
    return re.findall(r"^# (\S+?):(\d+): (.*?):", out.getvalue(), re.M)


def rule_name(rule):
    return rule if isinstance(rule, str) else next(n for n, r in rules.RULES if r is rule)


def cases():
    """(name, what was found, what was expected)"""
    yield "a good tree has no finding", findings(GOOD), []
    edges = {"common/a.c": "/* A. */\n" + "int a;\n" * 499, "common/b.c": long_function(60)}
    yield "the limits themselves are allowed", findings({**GOOD, **edges}), []
    large = {"supervisor/%d.c" % i: "/* A. */\n" + "int a;\n" * 480 for i in range(2)}
    for name, path, text, rule, line in BAD:
        files = {**GOOD, path: text}
        if rule is rules.directory_length:
            files, path = {**GOOD, **large}, "supervisor"
        yield name, findings(files), [(path, str(line), rule_name(rule))]


def main():
    failed, number = 0, 0
    for name, found, expected in cases():
        number += 1
        good = found == expected
        failed += not good
        if not good:
            print("# found %r, expected %r" % (found, expected))
        print("%sok %d - %s" % ("" if good else "not ", number, name))
    empty = io.StringIO()
    with tempfile.TemporaryDirectory() as root:
        refused = tidy.run(root, empty) == 1
    print("%sok %d - an empty tree is no success" % ("" if refused else "not ", number + 1))
    print("1..%d" % (number + 1))
    return 1 if failed or not refused else 0


if __name__ == "__main__":
    sys.exit(main())
