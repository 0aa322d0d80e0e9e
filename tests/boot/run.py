#!/usr/bin/env python3
"""Boots a machine with the packages of this tree and tries from inside what only a real systemd
shows. Prints TAP; where it cannot run, everything is skipped, with the reason.

Usage: run.py DIRECTORY [PART…]     DIRECTORY keeps the root file system and has PACKAGES/*.deb.
PART: only tests whose names contain one of them, besides the first, which installs.
"""

import os
import pathlib
import shutil
import sys
import tempfile
import traceback

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))
import machine as machines  # noqa: E402
import story  # noqa: E402


def chosen(parts):
    tests = [(name[5:], f) for name, f in vars(story).items() if name.startswith('test_')]
    return tests[:1] + [t for t in tests[1:] if not parts or any(p in t[0] for p in parts)]


def prepare(directory):
    """A machine that has booted, and the directory that is to be removed afterwards."""
    missing = [p for p in ('systemd-nspawn', 'debootstrap', 'nsenter') if not shutil.which(p)]
    if os.geteuid() != 0:
        raise machines.Impossible('not root')
    if missing:
        raise machines.Impossible(f'{missing[0]} is not installed')
    base = machines.make_base(directory / 'base')
    work = pathlib.Path(tempfile.mkdtemp(prefix='machine-', dir=directory))
    machine = machines.Machine(base, work / 'root')
    machine.packages = sorted((directory / 'packages').glob('*.deb'))
    try:
        machine.boot()
    except machines.Failure as failure:
        shutil.rmtree(work, ignore_errors=True)
        raise machines.Impossible(f'no container boots here: {failure}') from None
    return machine, work


def run(number, name, function, machine):
    try:
        function(machine)
    except machines.Impossible as reason:
        print(f'ok {number} - {name} # SKIP {reason}', flush=True)
        return True
    except Exception:  # a test may fail in any way; it is told, and the next one runs
        print(f'not ok {number} - {name}', flush=True)
        print(f'{name}: {traceback.format_exc()}', file=sys.stderr, flush=True)
        return False
    print(f'ok {number} - {name}', flush=True)
    return True


def main():
    directory = pathlib.Path(sys.argv[1]).resolve()
    tests = chosen(sys.argv[2:])
    print(f'1..{len(tests)}', flush=True)
    try:
        machine, work = prepare(directory)
    except machines.Impossible as reason:
        for number, (name, _) in enumerate(tests, 1):
            print(f'ok {number} - {name} # SKIP {reason}')
        return 0
    failed = []
    try:
        for number, (name, function) in enumerate(tests, 1):
            if not run(number, name, function, machine):
                failed.append(name)
                if number == 1:
                    break
        if failed and machine.init:
            log = machine.run('journalctl', '--no-pager', '-n', '200', check=False).stdout
            print(log, file=sys.stderr)
    finally:
        machine.cut()
        shutil.rmtree(work, ignore_errors=True)
    return 1 if failed else 0


sys.exit(main())
