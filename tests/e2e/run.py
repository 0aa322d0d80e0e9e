#!/usr/bin/env python3
"""Runs the test functions of one module of this directory and prints TAP.

Usage: run.py MODULE [PART…]     PART: only tests whose names contain one of them. STINT_BUILD
names the build directory.
"""
import importlib
import pathlib
import sys
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).parent))
sys.dont_write_bytecode = True
import harness  # noqa: E402


def run(number, name, function):
    """Runs one test; True unless it failed."""
    test, outcome, failed = harness.Test(), '', False
    try:
        function(test)
    except harness.Skip as skip:
        outcome = f' # SKIP {skip}'
    except Exception:  # a test may fail in any way; it is told, and the next one runs
        failed = True
        test.note(traceback.format_exc())
    try:
        test.close(failed)
    except Exception:
        failed = True
        test.note(traceback.format_exc())
    print(f'{"not ok" if failed else "ok"} {number} - {name}{outcome}', flush=True)
    for note in test.notes if failed else []:  # stderr: what meson shows of a test that fails
        print(f'{name}: {note}', file=sys.stderr, flush=True)
    return not failed


def main():
    module = importlib.import_module(sys.argv[1])
    tests = [
        (name[5:], function)
        for name, function in vars(module).items()
        if name.startswith('test_')
        and (len(sys.argv) < 3 or any(part in name for part in sys.argv[2:]))
    ]
    print(f'1..{len(tests)}', flush=True)
    results = [run(number, name, function) for number, (name, function) in enumerate(tests, 1)]
    sys.exit(0 if results and all(results) else 1)


main()
