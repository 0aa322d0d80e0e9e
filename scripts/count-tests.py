#!/usr/bin/env python3
"""Counts test cases in logs of meson and in TAP, since meson itself counts programs and forgets
skipped ones.

Usage: count-tests.py FAILED LOG…
A LOG is a testlog.json of meson, or TAP. FAILED is 1 if something else has failed already, such as
a sanitizer report. What did not run as it should have counts as failed: a LOG that is missing, a
program that died, a test that was planned and is not there. Prints what failed and was skipped,
then `N passed, M failed[, K skipped]` as the last line. Exit 0 only if M = 0 and FAILED is 0, and N
or K is not.
"""
import json
import pathlib
import re
import sys

TAP_LINE = re.compile(r'^\s*(not )?ok\b\s*(?:\d+)?\s*-?\s*([^#]*)(#.*)?$')
PLAN = re.compile(r'^1\.\.(\d+)')


def tap_cases(text):
    """(name, outcome) of each case."""
    found = []
    for line in text.splitlines():
        match = TAP_LINE.match(line)
        if not match:
            continue
        directive = (match.group(3) or '').strip('# \n')
        skipped = directive.lower().startswith('skip')
        outcome = 'skipped' if skipped else 'failed' if match.group(1) else 'passed'
        why = f': {directive[4:].strip()}' if skipped and directive[4:].strip() else ''
        found.append((match.group(2).strip() + why, outcome))
    return found


def program_cases(test):
    """The same of one program in meson's log; one that died counts as a failed case more."""
    found, result = tap_cases(test.get('stdout') or ''), test['result']
    if not found:
        outcome = {'OK': 'passed', 'SKIP': 'skipped'}.get(result, 'failed')
        return [('(program)', outcome)]
    if result not in ('OK', 'SKIP') and not any(outcome == 'failed' for _, outcome in found):
        found.append((f'(program: {result})', 'failed'))
    return found


def file_cases(path):
    """The same of a whole log, with the name of the program before each."""
    if not path.is_file():
        yield f'{path}: (did not run)', 'failed'
        return
    text = path.read_text()
    if path.suffix == '.json':
        for test in map(json.loads, text.splitlines()):
            for name, outcome in program_cases(test):
                yield f"{test['name']}: {name}", outcome
        return
    found = tap_cases(text)
    for name, outcome in found:
        yield f'{path.stem}: {name}', outcome
    plan = PLAN.match(text)
    if not plan or int(plan.group(1)) != len(found):
        planned = plan.group(1) if plan else 'no'
        yield f'{path.stem}: (ended early: {len(found)} of {planned} tests)', 'failed'


def main():
    already, logs = int(sys.argv[1]), sys.argv[2:]
    counts = {'passed': 0, 'failed': 0, 'skipped': 0}
    for log in logs:
        for name, outcome in file_cases(pathlib.Path(log)):
            counts[outcome] += 1
            if outcome != 'passed':
                print(f'{outcome}: {name}')
    if already and not counts['failed']:
        counts['failed'] = 1
    skipped = f", {counts['skipped']} skipped" if counts['skipped'] else ''
    print(f"{counts['passed']} passed, {counts['failed']} failed{skipped}")
    return 0 if counts['failed'] == 0 and counts['passed'] + counts['skipped'] > 0 else 1


sys.exit(main())
