#!/usr/bin/env python3
"""Builds the packages of this tree, boots a machine with them, and tries from inside what only a
real systemd shows. Prints TAP. Where that is impossible, tests are skipped, with the reason; once a
machine without stint has booted, nothing is an excuse any more.

Usage: run.py DIRECTORY [PART…]     DIRECTORY keeps the root file system and gets packages/*.deb.
PART: only tests whose names contain one of them, besides the first two, which build and install.
"""

import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))
import guide  # noqa: E402
import guide_scenes  # noqa: E402
import machine as machines  # noqa: E402
import story  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = 'the_packages_are_built'
NEEDED = (
    *('systemd-nspawn', 'debootstrap', 'nsenter', 'unshare'),
    *('git', 'dpkg-buildpackage', 'dpkg-checkbuilddeps', 'fakeroot', 'lintian'),
)


def chosen(parts):
    tests = [(name[5:], f) for name, f in vars(story).items() if name.startswith('test_')]
    last = [name for name, _ in tests].index(story.LAST)
    tests[last:last] = guide.tests(guide_scenes.SCENES)
    return tests[:1] + [t for t in tests[1:] if not parts or any(p in t[0] for p in parts)]


def check_host():
    if os.geteuid() != 0:
        raise machines.Impossible('not root')
    missing = [p for p in NEEDED if not shutil.which(p)]
    if missing:
        raise machines.Impossible(f'{missing[0]} is not installed')
    unmet = subprocess.run(
        ['dpkg-checkbuilddeps', str(ROOT / 'debian' / 'control')],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    ).stderr.strip()  # fmt: skip
    if unmet:
        raise machines.Impossible(unmet.splitlines()[-1])
    if platform.freedesktop_os_release().get('VERSION_CODENAME') != machines.SUITE:
        raise machines.Impossible(f'packages built here are not for Debian {machines.SUITE}')


def build(directory):
    """The packages, and beside them, since that mostly waits for the network, the root file system;
    returns it, or the reason why there is none."""
    log = directory / 'package.log'
    command = [str(ROOT / 'scripts' / 'package'), str(directory / 'packages')]
    options = f'noautodbgsym parallel={len(os.sched_getaffinity(0))}'
    env = {**os.environ, 'DEB_BUILD_OPTIONS': options}
    with log.open('wb') as out:
        package = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env
        )
    try:
        base = machines.make_base(directory / 'base')
    except machines.Impossible as reason:
        base = reason
    except BaseException:
        package.terminate()
        raise
    finally:
        code = package.wait()
    if code:
        raise machines.Failure(f'scripts/package ended with {code}:\n{log.read_text()}')
    return base


def prepare(directory, base):
    """A machine that has booted, and the directory that is to be removed afterwards."""
    if isinstance(base, machines.Impossible):
        raise base
    work = pathlib.Path(tempfile.mkdtemp(prefix='machine-', dir=directory))
    machine = machines.Machine(base, work / 'root')
    machine.packages = sorted((directory / 'packages').glob('*.deb'))
    try:
        machine.boot()
    except machines.Failure as failure:
        said = (work / 'console').read_text(errors='replace').splitlines()[-1:]
        shutil.rmtree(work, ignore_errors=True)
        reason = f'no container boots here: {failure}: {" ".join(said)}'
        raise machines.Impossible(reason) from None
    return machine, work


def run(number, name, function, *arguments):
    """Runs a test; returns whether it did not fail, and what it returned."""
    result, begun = None, time.monotonic()
    try:
        result = function(*arguments)
    except machines.Impossible as reason:
        print(f'ok {number} - {name} # SKIP {reason}', flush=True)
        return True, result
    except Exception:  # a test may fail in any way; it is told, and the next one runs
        print(f'not ok {number} - {name}', flush=True)
        print(f'{name}: {traceback.format_exc()}', file=sys.stderr, flush=True)
        return False, result
    print(f'ok {number} - {name}\n# {time.monotonic() - begun:.1f} s', flush=True)
    return True, result


def run_story(tests, machine):
    """tests: (number, (name, function)) of each. Returns whether none failed."""
    failed = False
    for number, (name, function) in tests:
        if not run(number, name, function, machine)[0]:
            failed = True
            if number == tests[0][0]:
                break
    if failed and machine.init:
        log = machine.run('journalctl', '--no-pager', '-n', '200', check=False).stdout
        print(log, file=sys.stderr)
    return not failed


def skip(tests, reason):
    for number, (name, _) in tests:
        print(f'ok {number} - {name} # SKIP {reason}', flush=True)


def main():
    directory = pathlib.Path(sys.argv[1]).resolve()
    tests = list(enumerate([(BUILD, build), *chosen(sys.argv[2:])], 1))
    print(f'1..{len(tests)}', flush=True)
    try:
        check_host()
    except machines.Impossible as reason:
        skip(tests, reason)
        return 0
    built, base = run(1, BUILD, build, directory)
    if not built:
        return 1
    try:
        machine, work = prepare(directory, base)
    except machines.Impossible as reason:
        skip(tests[1:], reason)
        return 0
    try:
        return 0 if run_story(tests[1:], machine) else 1
    finally:
        machine.cut()
        shutil.rmtree(work, ignore_errors=True)


sys.exit(main())
