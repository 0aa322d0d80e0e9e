#!/usr/bin/env python3
"""`stint map` beside xargs, alternating in one run, medians of several rounds; and its memory.

Usage: bench/map.py BUILD [ROUNDS]
BUILD is a release build of this tree; ROUNDS is 5 by default.

On a private instance per store, with 2 workers for commands and 2 for messages, prints a line each:
  messages     100,000 message tasks by --call, beside the raw ZeroMQ pipeline
  true         `true` for 5,000 inputs, beside `xargs -P2 -n1 true`
  true -j2     the same with two at once, of 2 workers
and the peak memory (VmHWM) of the client while it makes message tasks of 1,000,000 inputs; then the
same while a stopped worker holds the first outputs back, so that all others wait for their turn.
"""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

import compare

MESSAGES, COMMANDS, MANY = 100000, 5000, 1000000


class Inputs:
    """Files of numbers, one a line."""

    def __init__(self, home):
        self.home = home

    def __call__(self, count):
        path = self.home / str(count)
        if not path.exists():
            path.write_text(''.join(f'{n}\n' for n in range(count)))
        return path


def timed(arguments, inputs, env=None):
    with open(inputs, 'rb') as file:
        began = time.monotonic()
        subprocess.run(arguments, stdin=file, stdout=subprocess.DEVNULL, env=env, check=True)
        return time.monotonic() - began


def map_command(instance, *arguments):
    return [instance.build / 'client/cli/stint', '--user', 'map', *arguments]


def messages(instance, name, inputs, rounds):
    rates, limits = [], []
    for _ in range(rounds):
        limits.append(compare.pipeline(instance))
        rates.append(MESSAGES / timed(map_command(instance, '--call', 'noop'), inputs(MESSAGES),
                                      instance.env))
    compare.line(f'{name} messages', rates, limits, 'pipeline')


def commands(instance, name, inputs, rounds):
    xargs = ['xargs', '-P2', '-n1', 'true']
    ways = {'true': map_command(instance, 'true'), 'true -j2': map_command(instance, '-j2', 'true')}
    rates, limits = {way: [] for way in ways}, {way: [] for way in ways}
    for _ in range(rounds):
        for way, arguments in ways.items():
            limits[way].append(COMMANDS / timed(xargs, inputs(COMMANDS)))
            rates[way].append(COMMANDS / timed(arguments, inputs(COMMANDS), instance.env))
    for way in ways:
        compare.line(f'{name} {way}', rates[way], limits[way], 'xargs')


def peak_mib(process):
    """VmHWM, as long as it lives."""
    status = pathlib.Path(f'/proc/{process.pid}/status').read_text()
    found = re.search(r'VmHWM:\s+(\d+) kB', status)
    return int(found[1]) / 1024 if found else 0


def succeeded(instance):
    done = subprocess.run([instance.build / 'client/cli/stint', '--user', 'status', '--json'],
                          env=instance.env, capture_output=True, check=True)
    queues = json.loads(done.stdout)['status']['queues']
    return next(queue['succeeded'] for queue in queues if queue['name'] == 'noop')


def a_worker(instance):
    """Its pid: one of those for messages, which are made after those for commands."""
    pid = instance.daemon.pid
    children = pathlib.Path(f'/proc/{pid}/task/{pid}/children').read_text().split()
    return max(int(child) for child in children
               if b'stint-worker' in pathlib.Path(f'/proc/{child}/cmdline').read_bytes())


def memory(instance, name, inputs, stopped):
    peak, seen = 0, 0
    if stopped:
        os.kill(stopped, signal.SIGSTOP)
    with open(inputs(MANY), 'rb') as file:
        process = subprocess.Popen(map_command(instance, '--call', 'noop'), stdin=file,
                                   stdout=subprocess.DEVNULL, env=instance.env)
        while process.poll() is None:
            peak = max(peak, peak_mib(process))
            time.sleep(0.02)
            if stopped:
                before, seen = seen, succeeded(instance)
                if seen == before and seen % MANY > MANY // 2:
                    os.kill(stopped, signal.SIGCONT)
                    stopped = None
    if process.returncode:
        sys.exit(f'map.py: map ended with {process.returncode}')
    print(f'{name:20} {peak:9.1f} MiB for {MANY} inputs', flush=True)


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    build = pathlib.Path(sys.argv[1]).resolve()
    rounds = int(sys.argv[2]) if len(sys.argv) == 3 else 5
    for name, home, instance in compare.instances(build):
        inputs = Inputs(home)
        messages(instance, name, inputs, rounds)
        commands(instance, name, inputs, rounds)
        if name == 'memory':
            memory(instance, 'client', inputs, None)
            memory(instance, 'client, slow head', inputs, a_worker(instance))


if __name__ == '__main__':
    main()
