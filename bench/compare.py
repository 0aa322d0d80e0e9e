#!/usr/bin/env python3
"""stint against the physical limit beside it, alternating in one run, medians of several rounds.

Usage: bench/compare.py BUILD [ROUNDS]
BUILD is a release build of this tree; ROUNDS is 5 by default.

Starts a private instance per store in a temporary directory (2 workers for commands, 2 for the noop
handler) and prints one line a figure: message tasks beside the raw ZeroMQ pipeline, command tasks
(/bin/true, output captured) beside as many bare posix_spawn loops as workers.
"""
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

CONFIG = """store: {{ url = "{url}"; }};
queues: ( {{ name = "default"; }}, {{ name = "noop"; }} );
pools: ( {{ name = "default"; queues = ["default"]; workers = 2; }},
         {{ name = "noop"; queues = ["noop"]; handler = "noop"; workers = 2; }} );
"""
MESSAGES, COMMANDS = 200000, 3000


def run_json(arguments, env=None):
    done = subprocess.run(arguments, env=env, capture_output=True, text=True, timeout=300,
                          check=True)
    return json.loads(done.stdout)


class Instance:
    """A private stintd with one store."""

    def __init__(self, build, home, url):
        self.build = build
        self.env = {name: value for name, value in os.environ.items()
                    if not name.startswith('STINT_')}
        self.env.update(STINT_STATE_DIR=str(home / 'state'), STINT_RUN_DIR=str(home / 'run'))
        config = home / 'stintd.conf'
        config.write_text(CONFIG.format(url=url))
        self.daemon = subprocess.Popen(
            [build / 'supervisor/stintd', '--user', '--foreground', '--config', config],
            env=self.env, stderr=subprocess.DEVNULL)
        ping = [build / 'client/cli/stint', '--user', 'ping']
        while subprocess.run(ping, env=self.env, capture_output=True, check=False).returncode:
            if self.daemon.poll() is not None:
                sys.exit(f'compare: stintd ended with {self.daemon.returncode}')
            time.sleep(0.05)

    def bench(self, *arguments):
        program = self.build / 'bench/stint-bench'
        return run_json([program, '--user', '--json', *map(str, arguments)], self.env)

    def stop(self):
        self.daemon.terminate()
        self.daemon.wait(60)


def instances(build):
    """(name, directory, instance) for each store, one after the other."""
    for name in ('memory', 'sqlite'):
        with tempfile.TemporaryDirectory(prefix='stint-bench-') as directory:
            home = pathlib.Path(directory)
            url = 'memory:' if name == 'memory' else f'sqlite:{home}/state/stint.db'
            instance = Instance(build, home, url)
            try:
                yield name, home, instance
            finally:
                instance.stop()


def line(name, rates, limits, beside='limit'):
    ratios = [rate / limit for rate, limit in zip(rates, limits)]
    print(f'{name:20} {statistics.median(rates):9.0f}/s ({min(rates):.0f} to {max(rates):.0f})'
          f'   {beside} {statistics.median(limits):9.0f}/s'
          f'   ratio {statistics.median(ratios):.2f}', flush=True)


def pipeline(instance):
    """Messages a second through the same sockets with no logic."""
    done = run_json([instance.build / 'bench/pipeline', '-n', str(MESSAGES)])
    return done['messages_per_sec']


def messages(instance, name, rounds):
    rates, limits, p50 = [], [], []
    for _ in range(rounds):
        limits.append(pipeline(instance))
        got = instance.bench('-q', 'noop', '-n', MESSAGES, '--payload', 64)
        rates.append(got['tasks_per_sec'])
        p50.append(got['latency_us'])
    line(f'{name} messages', rates, limits)
    print(f'{"":20} latency of the last round, us: {p50[-1]}', flush=True)


def commands(instance, name, rounds):
    rates, limits = [], []
    for _ in range(rounds):
        limit = run_json([instance.build / 'bench/spawn', '-n', str(COMMANDS)])
        limits.append(limit['spawns_per_sec'])
        got = instance.bench('-q', 'default', '--command', '-n', COMMANDS)
        rates.append(got['tasks_per_sec'])
    line(f'{name} commands', rates, limits)


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    build = pathlib.Path(sys.argv[1]).resolve()
    rounds = int(sys.argv[2]) if len(sys.argv) == 3 else 5
    for name, _, instance in instances(build):
        messages(instance, name, rounds)
        commands(instance, name, rounds)


if __name__ == '__main__':
    main()
