#!/usr/bin/env python3
"""Counts test cases in meson's log, since meson itself counts programs and forgets skipped ones.

Usage: count-tests.py TESTLOG FAILED
FAILED is 1 if something else has failed already, such as a sanitizer report. Prints what failed and
was skipped, then `N passed, M failed[, K skipped]` as the last line. Exit 0 only if M = 0, N > 0
and FAILED is 0.
"""
import json
import re
import sys

TAP_LINE = re.compile(r'^\s*(not )?ok\b\s*(?:\d+)?\s*-?\s*([^#]*)(#.*)?$')


def cases(test):
    """(name, outcome) of each case of one program; one that died counts as a failed case more."""
    found = []
    for line in (test.get('stdout') or '').splitlines():
        match = TAP_LINE.match(line)
        if not match:
            continue
        directive = (match.group(3) or '').lower()
        outcome = 'skipped' if 'skip' in directive else 'failed' if match.group(1) else 'passed'
        found.append((match.group(2).strip(), outcome))
    result = test['result']
    if not found:
        outcome = {'OK': 'passed', 'SKIP': 'skipped'}.get(result, 'failed')
        return [('(program)', outcome)]
    if result not in ('OK', 'SKIP') and not any(outcome == 'failed' for _, outcome in found):
        found.append((f'(program: {result})', 'failed'))
    return found


def main():
    counts = {'passed': 0, 'failed': 0, 'skipped': 0}
    with open(sys.argv[1], encoding='utf-8') as log:
        for line in log:
            test = json.loads(line)
            for name, outcome in cases(test):
                counts[outcome] += 1
                if outcome != 'passed':
                    print(f"{outcome}: {test['name']}: {name}")
    already = int(sys.argv[2])
    if already and not counts['failed']:
        counts['failed'] = 1
    skipped = f", {counts['skipped']} skipped" if counts['skipped'] else ''
    print(f"{counts['passed']} passed, {counts['failed']} failed{skipped}")
    return 0 if counts['failed'] == 0 and counts['passed'] > 0 else 1


sys.exit(main())
