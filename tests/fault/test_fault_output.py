"""What a command writes while its dispatcher dies comes out whole."""
import subprocess

import harness
from faults import CONFIG, Store, check_log

LINES = 100
COMMAND = f'''
i=0
while [ $i -lt {LINES} ]; do
        printf '%01000d\\n' $i
        printf 'error %d\\n' $i >&2
        i=$((i+1))
        sleep 0.1
done
exit 7
'''
OUT = ''.join(f'{i:01000}\n' for i in range(LINES)).encode()
ERR = ''.join(f'error {i}\n' for i in range(LINES)).encode()


def test_a_command_of_10_seconds_survives_three_dispatchers(t):
    i = t.instance(CONFIG % 2)
    stored = i.submit('sh', '-c', COMMAND)
    paths = [i.home / 'stdout', i.home / 'stderr']
    with open(paths[0], 'wb') as out, open(paths[1], 'wb') as err:
        run = i.spawn('run', 'sh', '-c', COMMAND, stdout=out, stderr=err)
    for part in 0.2, 0.5, 0.8:
        t.until(lambda: paths[0].stat().st_size >= part * len(OUT), f'{part} of the output')
        i.kill_dispatcher()
    t.equal(run.wait(harness.PATIENCE), 7, 'exit code of stint run')
    t.true(paths[0].read_bytes() == OUT, 'what stint run wrote to stdout is what the command wrote')
    t.true(paths[1].read_bytes() == ERR, 'what stint run wrote to stderr is what the command wrote')
    t.equal(i.stint('wait', stored, check=False).returncode, 7, 'exit code of stint wait')
    t.true(i.stint('result', stored, text=False, check=False).stdout == OUT, 'the stored stdout')
    t.true(i.stint('logs', '--stderr', stored, text=False).stderr == ERR, 'the stored stderr')
    ends = Store(i).ends()
    t.equal([ends[task] for task in sorted(ends)], [('failed', 'exit code', 1)] * 2)
    check_log(i)


def test_a_client_of_run_waits_through_a_dispatcher_that_is_stopped(t):
    i = t.instance(CONFIG % 1)
    gate = i.home / 'gate'
    run = i.spawn('run', 'sh', '-c', f'echo begun; until [ -e {gate} ]; do sleep 0.02; done; '
                  'echo done', stdout=subprocess.PIPE)
    t.equal(run.stdout.readline(), b'begun\n')
    i.kill_dispatcher()
    gate.touch()
    t.equal(run.stdout.read(), b'done\n')
    t.equal(run.wait(harness.PATIENCE), 0, 'exit code of stint run')
