"""`stint map` in place of xargs and GNU parallel: the same results for the same inputs, file names
with everything that a file name can hold among them."""
import os
import subprocess

from harness import PATIENCE, Skip
from mapping import NASTY


# ---- in place of xargs and parallel ----


def make_tree(i):
    """A directory with files whose names are nasty; returns it."""
    tree = i.home / 'tree'
    tree.mkdir()
    for number, name in enumerate([*NASTY, b'new\nline', b' \n ']):
        if name:
            path = os.path.join(os.fsencode(tree), name)
            with open(path, 'wb') as file:
                file.write(b'%d\n' % number * (number % 7 + 1))
    return tree


def shell(i, cwd, line):
    """What a line of shell prints, with the client as $STINT."""
    return subprocess.run(
        ['bash', '-c', line], cwd=cwd, env={**i.env, 'STINT': ' '.join(i.command())},
        capture_output=True, check=True, timeout=PATIENCE * 2,
    ).stdout


XARGS = [
    # what the tree is asked for, xargs, map
    ('find . -type f -print0 | sort -z', '-0 -n1 -P1 wc -c', '-0 wc -c'),
    ('find . -type f -print0 | sort -z', '-0 -n1 cksum', '-0 cksum'),
    ('find . -type f -print0 | sort -z', '-0 -I{} printf "%s>%s|" {} {}',
     '-0 printf "%s>%s|" {} {}'),
    ('find . -type f -print0 | sort -z', '-0 -n1 cat', '-0 cat'),
    ('find . -type f -print0 | sort -z', '''-0 -I{} sh -c 'head -c1 "$1"; echo " $1"' sh {}''',
     '''-0 sh -c 'head -c1 "$1"; echo " $1"' sh {}'''),
    ("find . -type f ! -name '*\n*' | sort", "-d '\\n' -n1 basename --", 'basename --'),
    ("find . -type f ! -name '*\n*' | sort", "-d '\\n' -I{} ls -1d ./{}", 'ls -1d ./{}'),
    ("find . -type f ! -name '*\n*' | sort", "-d '\\n' -n1 stat -c '%s %n'", "stat -c '%s %n'"),
    ('ls -A | head -c 0', '-r -n1 echo', 'echo'),
    ('seq 200', '-n1 -P1 expr 7 +', 'expr 7 +'),
    ('seq 50', "-I{} sh -c 'echo {} {}'", "sh -c 'echo {} {}'"),
    ('printf "a\\n\\nb"', "-d '\\n' -n1 echo", 'echo'),
    ('find . -type f -print0 | sort -z', '-0 -n1 grep -c .', '-0 grep -c .'),
]


def test_in_place_of_xargs(t):
    i = t.instance()
    tree = make_tree(i)
    for inputs, xargs, instead in XARGS:
        expected = shell(i, tree, f'{inputs} | xargs {xargs}')
        t.equal(shell(i, tree, f'{inputs} | $STINT map {instead}'), expected, instead)
        got = shell(i, tree, f'{inputs} | $STINT map --unordered -j3 {instead}')
        t.equal(sorted(got), sorted(expected), f'unordered {instead}')


def test_in_place_of_xargs_with_files_that_change(t):
    i = t.instance()
    results = []
    for name, command in (
        ('a', 'xargs -0 -P2 -n1 gzip -k --'),
        ('b', '$STINT map -0 -j2 gzip -k --'),
        ('c', "$STINT map -0 --shell 'gzip -k -- {}'"),
    ):
        tree = make_tree(i).rename(i.home / name)
        shell(i, tree, f'find . -type f -print0 | {command}')
        found = {}
        for path in sorted(os.listdir(os.fsencode(tree))):
            with open(os.path.join(os.fsencode(tree), path), 'rb') as file:
                found[path] = len(file.read())
        results.append(found)
    t.true(any(path.endswith(b'.gz') for path in results[0]), 'gzip made files')
    t.equal(results[1], results[0])
    t.equal(results[2], results[0])


PARALLEL = [
    ('seq 30', '-k echo', 'echo'),
    ('seq 30', '-k echo a{}b', 'echo a{}b'),
    ('seq 30', "-k 'echo {} | tr 0-9 a-j'", "--shell 'echo {} | tr 0-9 a-j'"),
    ('find . -type f -print0 | sort -z', '-0 -k cksum', '-0 cksum'),
    ('find . -type f -print0 | sort -z', "-0 -k 'cat < {} | wc -c'",
     "-0 --shell 'cat < {} | wc -c'"),
    ("find . -type f ! -name '*\n*' | sort", '-k --tag wc -c', '--tag wc -c'),
    (':', "-k echo ::: a 'b c' \"d'e\"", "echo ::: a 'b c' \"d'e\""),
    ('seq 9', "-j2 -k 'sleep 0.0$((9-{})); echo {}'", "-j2 --shell 'sleep 0.0$((9-{})); echo {}'"),
]


def test_in_place_of_parallel(t):
    i = t.instance()
    if subprocess.run(['sh', '-c', 'parallel --version | grep -q GNU'], check=False).returncode:
        raise Skip('GNU parallel is not installed')
    tree = make_tree(i)
    for inputs, parallel, instead in PARALLEL:
        expected = shell(i, tree, f'{inputs} | parallel --will-cite {parallel}')
        got = shell(i, tree, f'{inputs} | $STINT map {instead}')
        t.equal(got, expected, instead)


