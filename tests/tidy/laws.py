"""The include law of the tree, as tables: who may include whom.

A path is matched by fnmatch, where * also crosses directories. Tests and benchmarks may include
everything: they look inside on purpose. Exceptions are made here, with their reason, and nowhere
else.
"""

# Laws 1 and 2: the first row that matches a file says what its quoted includes may be. "Pure" parts
# of common neither do I/O nor read a clock nor log.
PURE_COMMON = ["blob", "error", "heap", "macro", "table", "text", "time", "wire", "wire-schema"]
PURE = ["common/%s.h" % name for name in PURE_COMMON]
LAYERS = [
    ("tests/*", ["*"]),
    ("common/*", ["common/*"]),
    ("config/*", ["config/*", "common/*"]),
    ("host/*", ["host/*", "common/*"]),
    ("supervisor/*", ["supervisor/*", "host/*", "config/*", "common/*"]),
    ("dispatcher/core/*", ["dispatcher/core/*"] + PURE),
    ("dispatcher/*", ["dispatcher/*", "config/*", "common/*"]),
    ("worker/ledger*", ["worker/ledger*"] + PURE),
    ("worker/*", ["worker/*", "config/*", "common/*"]),
    ("client/cli/*", ["client/cli/*", "common/*"]),  # and <stint/stint.h>, as any program
    ("client/*", ["client/*", "common/*"]),
    ("bench/*", ["*"]),
    ("docs/*", ["config/*", "common/*"]),
]

# Law 2 for system headers: the core and the ledger see memory and nothing else.
PURE_FILES = ["dispatcher/core/*", "worker/ledger*"]
PURE_SYSTEM = {
    "assert.h", "ctype.h", "errno.h", "inttypes.h", "limits.h", "math.h", "stdarg.h",
    "stdbool.h", "stddef.h", "stdint.h", "stdio.h", "stdlib.h", "string.h", "uthash.h", "utlist.h",
}
# Functions that would let the world in through a header that is allowed.
IMPURE_CALLS = [
    "time_now_monotonic", "time_now_realtime", "clock_gettime", "gettimeofday", "time", "clock",
    "rand", "random", "drand48", "getrandom", "getenv", "getpid", "system", "fopen", "open", "read",
    "write", "printf", "puts", "log_write", "log_error", "log_warning", "log_notice", "log_info",
    "log_debug",
]

# Law 3: a library's header -> the files that may include it. Tests and bench use them directly.
LIBRARIES = {
    # zap.c is the in-process peer that libzmq asks, connection-limit.c reads its monitor.
    "zmq.h": ["common/zsource*", "common/zsocket*", "*link*.c", "dispatcher/zap.c",
              "dispatcher/connection-limit.c", "bench/*", "tests/*"],
    "sqlite3.h": ["dispatcher/store/sqlite*.c", "dispatcher/store/sqlite*.h", "tests/*"],
    "libpq-fe.h": ["dispatcher/store/postgresql*.c", "tests/*"],
    "libconfig.h": ["config/*.c", "tests/*"],
    "jansson.h": ["client/*", "bench/*", "tests/*"],
    "libsmartcols/*": ["client/*", "tests/*"],
    "ncurses*": ["client/*"],
    "criterion/*": ["tests/*"],
}
# Of these, only one .c in all may do so.
ONE_FILE = ["libconfig.h", "libpq-fe.h"]

# The supervisor has no threads; in the dispatcher only the store has one.
THREADLESS = ["supervisor/*", "host/*", "dispatcher/*", "common/*", "config/*", "worker/*"]
THREADS_ALLOWED = ["dispatcher/store/*"]

FILE_LINES = 500
FUNCTION_LINES = 60
COLUMNS = 100
TOTAL_LINES = {"supervisor": 930}
