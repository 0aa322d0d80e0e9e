#!/usr/bin/env python3
"""tidy: checks what the style promises and a compiler cannot, and prints TAP with one test a rule.

    tests/tidy/tidy.py [ROOT]      ROOT is the tree, by default the one that this file is in

Each finding is a line `# FILE:LINE: RULE: what`. Exit 1 if there is one. Standard library only.
"""
import os
import sys

import rules
import source


def run(root, out):
    """Writes TAP to out, returns the number of rules that are broken."""
    sources = source.walk(root)
    print("1..%d" % (len(rules.RULES) + 1), file=out)
    print("%sok 1 - there is something to check" % ("" if sources else "not "), file=out)
    broken = 0 if sources else 1
    for number, (name, rule) in enumerate(rules.RULES, 2):
        findings = list(rule(sources))
        for path, line, what in findings:
            print("# %s:%d: %s: %s" % (path, line, name, what), file=out)
        print("%sok %d - %s" % ("not " if findings else "", number, name), file=out)
        broken += bool(findings)
    return broken


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "..", "..")
    return 1 if run(os.path.abspath(root), sys.stdout) else 0


if __name__ == "__main__":
    sys.exit(main())
