"""`stint map`: one task per input, outputs whole and in order, options."""
import select
import subprocess

from harness import PATIENCE
from mapping import MESSAGES, NASTY, TWO, lines, map_bytes, succeeded


# ---- inputs ----


def test_an_input_is_a_line_and_the_last_word_of_a_command(t):
    i = t.instance()
    done = map_bytes(i, 'echo', 'got', input=b'one\ntwo words\nthree')
    t.equal(done.stdout, b'got one\ngot two words\ngot three\n')
    t.equal(done.stderr, b'')


def test_inputs_come_from_stdin_files_and_operands(t):
    i = t.instance()
    file = i.home / 'inputs'
    file.write_bytes(b'x\ny\n')
    for arguments, given in (
        (['echo'], b'x\ny\n'),
        (['-0', 'echo'], b'x\0y\0'),
        (['--null', 'echo'], b'x\0y'),
        (['-a', file, 'echo'], b''),
        (['--arg-file', file, 'echo'], b''),
        (['-a', '-', 'echo'], b'x\ny\n'),
        (['echo', ':::', 'x', 'y'], b'not read\n'),
    ):
        t.equal(map_bytes(i, *arguments, input=given).stdout, b'x\ny\n', f'{arguments}')


def test_no_inputs_are_no_tasks(t):
    i = t.instance()
    t.equal(map_bytes(i, 'echo').stdout, b'')
    t.equal(map_bytes(i, 'echo', ':::').stdout, b'')
    t.equal(i.json('list')['tasks'], [])


def test_an_empty_line_is_an_empty_argument(t):
    i = t.instance()
    done = map_bytes(i, 'printf', '<%s>', input=b'a\n\nb\n')
    t.equal(done.stdout, b'<a><><b>')


def test_every_place_is_replaced(t):
    i = t.instance()
    done = map_bytes(i, 'printf', '%s|', '{}', 'pre-{}', '{}{}', ':::', 'x', 'y')
    t.equal(done.stdout, b'x|pre-x|xx|y|pre-y|yy|')
    t.equal(map_bytes(i, '{}', 'said', ':::', 'echo').stdout, b'said\n')


def test_arguments_arrive_byte_by_byte(t):
    i = t.instance()
    done = map_bytes(i, 'printf', '<%s>\n', input=lines(NASTY))
    t.equal(done.stdout, b''.join(b'<%s>\n' % item for item in NASTY))
    names = [*NASTY, b'new\nline', b'\n']
    done = map_bytes(i, '-0', 'printf', '<%s>\n', input=b''.join(n + b'\0' for n in names))
    t.equal(done.stdout, b''.join(b'<%s>\n' % item for item in names))


def test_a_shell_gets_each_input_as_one_word(t):
    i = t.instance()
    expected = b''.join(b'<%s>\n' % item for item in NASTY)
    for script in (
        ['printf "<%s>\\n"'],
        ['printf "<%s>\\n" {}'],
        ['printf "<%s>\\n" "{}"'],
        ["printf '<%s>\\n'", '{}', '| cat'],
        ['x=$(printf "%s." {}); printf "<%s>\\n" "${x%.}"'],
    ):
        done = map_bytes(i, '--shell', *script, input=lines(NASTY))
        t.equal(done.stdout, expected, f'{script}')


def test_a_line_with_a_nul_byte_is_no_argument(t):
    i = t.instance()
    done = map_bytes(i, 'echo', input=b'a\nb\0c\nd\n', check=125)
    t.equal(done.stdout, b'a\n')
    t.contains(done.stderr, b'NUL byte')
    t.contains(done.stderr, b'--null')


def test_stdin_of_tasks_is_empty(t):
    i = t.instance()
    done = map_bytes(i, 'sh', '-c', 'cat; echo "$1"', 'sh', input=b'a\nb\nc\n')
    t.equal(done.stdout, b'a\nb\nc\n')


# ---- outputs ----


def test_outputs_keep_the_order_of_inputs(t):
    i = t.instance(TWO)
    gate = i.gate()
    script = f'[ "$1" != 1 ] || cat {gate.path}; echo "$1"; echo "e$1" >&2'
    process = i.spawn('map', 'sh', '-c', script, 'sh', ':::', *range(1, 41))
    gate.entered()
    t.until(lambda: succeeded(i) == 39,
            'one slow task does not stop the others')
    t.equal(select.select([process.stdout], [], [], 0)[0], [], 'nothing is printed before its turn')
    gate.open()
    out, err = process.communicate(timeout=PATIENCE)
    t.equal(out.decode().split(), [str(n) for n in range(1, 41)])
    t.equal(err.decode().split(), [f'e{n}' for n in range(1, 41)])
    t.equal(process.returncode, 0)


def test_unordered_outputs_come_as_tasks_end(t):
    i = t.instance(TWO)
    gate = i.gate()
    process = i.spawn('map', '--unordered', 'sh', '-c',
                      f'[ "$1" != 1 ] || cat {gate.path}; echo "$1"', 'sh', ':::', *range(1, 21))
    gate.entered()
    seen = [process.stdout.readline().decode().strip() for _ in range(19)]
    t.equal(sorted(seen, key=int), [str(n) for n in range(2, 21)])
    gate.open()
    out, _ = process.communicate(timeout=PATIENCE)
    t.equal(out, b'1\n')


def test_outputs_are_never_mixed(t):
    i = t.instance(TWO)
    done = map_bytes(i, '--unordered', 'sh', '-c',
                     'for n in 1 2 3 4 5; do echo "$1 $n"; echo "$1 $n" >&2; done', 'sh',
                     ':::', *range(60))
    for stream in done.stdout, done.stderr:
        rows = [row.split() for row in stream.decode().splitlines()]
        t.equal(len(rows), 300)
        for at in range(0, 300, 5):
            t.equal(rows[at:at + 5], [[rows[at][0], str(n)] for n in range(1, 6)])


def test_outputs_that_wait_for_their_turn_are_whole_however_many(t):
    """Far more than map keeps in memory: small ones, long ones, none, and tags."""
    i = t.instance(TWO)
    script = ('[ "$1" != 0 ] || cat "$GATE"; case $(($1 % 4)) in 0) echo "$1";; '
              '1) yes "$1" | head -c 40000; yes "e$1" | head -c 20000 >&2;; '
              '2) yes "$1" | head -c 200000;; 3) ;; esac')
    expected, expected_tagged, errors = b'', b'', b''
    for n in range(400):
        row = b'%d\n' % n
        text = (row, (row * 20000)[:40000], (row * 100000)[:200000], b'')[n % 4]
        expected += text
        expected_tagged += b''.join(b'%d\t%s\n' % (n, part) for part in text.splitlines())
        errors += ((b'e' + row) * 20000)[:20000] if n % 4 == 1 else b''
    ended = 0
    for options, wanted in ([], expected), (['--tag'], expected_tagged):
        gate = i.gate()
        process = i.spawn('map', '--env', f'GATE={gate.path}', *options, 'sh', '-c', script, 'sh',
                          stdin=subprocess.PIPE)
        process.stdin.write(b''.join(b'%d\n' % n for n in range(400)))
        process.stdin.close()
        process.stdin = None
        gate.entered()
        ended += 399
        t.until(lambda: succeeded(i) == ended, 'all but the first have ended')
        gate.open()
        out, err = process.communicate(timeout=PATIENCE)
        t.true(out == wanted, f'{options}: {len(out)} bytes, {len(wanted)} expected')
        if not options:
            t.true(err == errors, 'stderr is whole')
        t.equal(process.returncode, 0)
        ended += 1


def test_tags(t):
    i = t.instance()
    done = map_bytes(i, '--tag', 'printf', 'a\nb', input=b'one\ntwo words\n')
    t.equal(done.stdout, b'one\ta\none\tb\ntwo words\ta\ntwo words\tb\n')
    done = map_bytes(i, '--tag', 'sh', '-c', 'echo problem >&2', input=b'x\n')
    t.equal((done.stdout, done.stderr), (b'', b'x\tproblem\n'))


def test_messages(t):
    i = t.instance(MESSAGES)
    done = map_bytes(i, '--call', 'echo', input=lines(NASTY))
    t.equal(done.stdout, lines(item for item in NASTY if item))
    done = map_bytes(i, '--call', 'echo', '--tag', ':::', 'a', 'b')
    t.equal(done.stdout, b'a\ta\nb\tb\n')
    done = map_bytes(i, '-0', '--call', 'noop', input=b'\0'.join([b'x'] * 3000))
    t.equal(done.stdout, b'')
    t.equal(len(i.json('list', 'queue:noop', '-n', '0')['tasks']), 3000)


