#!/usr/bin/env python3
"""What `stint submit true` costs beside a program that only opens a ZeroMQ connection: whole
processes, alternating, against a running instance.

Usage: submit-cost.py BUILD [RUNS]     BUILD: meson's directory (release), RUNS: of each (200)

For both stores. The empty program does context, socket, connect, close and term, no more. On a busy
machine compare the least and the time of the processor.
"""
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

EMPTY = r'''
#include <zmq.h>
int main(int argc, char **argv) {
        int linger = 0;
        void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_DEALER);
        zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
        if (argc < 2 || zmq_connect(socket, argv[1]) < 0)
                return 1;
        zmq_close(socket);
        return zmq_ctx_term(context);
}
'''


def build_empty(where):
    source = where / 'empty.c'
    source.write_text(EMPTY)
    subprocess.run(['cc', '-O2', source, '-o', where / 'empty', '-lzmq'], check=True)
    return where / 'empty'


def timed(argv, env):
    """Milliseconds from the clock, and of the processor, of one process."""
    begin = time.perf_counter()
    process = subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, argv)
    return 1000 * (time.perf_counter() - begin), 1000 * (used.ru_utime + used.ru_stime)


def wait_for(stint, env):
    while subprocess.run([stint, '--user', 'ping'], env=env, capture_output=True).returncode:
        time.sleep(0.02)


def compare(build, store, runs):
    stint = build / 'client' / 'cli' / 'stint'
    with tempfile.TemporaryDirectory(prefix='stint-bench-') as name:
        where = pathlib.Path(name)
        empty = build_empty(where)
        url = 'memory:' if store == 'memory' else f'sqlite:{where}/state/stint.db'
        (where / 'conf').write_text(f'store: {{ url = "{url}"; }};\n')
        env = {**os.environ, 'STINT_STATE_DIR': f'{where}/state', 'STINT_RUN_DIR': f'{where}/run',
               'STINT_AUTOSTART': '0'}
        env.pop('STINT_ENDPOINT', None)
        daemon = subprocess.Popen(
            [build / 'supervisor' / 'stintd', '--user', '--foreground', '--config', where / 'conf'],
            env=env, stderr=subprocess.DEVNULL)
        try:
            wait_for(stint, env)
            endpoint = (where / 'state' / 'endpoint').read_text().strip()
            rows = [(timed([empty, endpoint], env), timed([stint, '--user', 'submit', 'true'], env))
                    for _ in range(runs)]
        finally:
            daemon.terminate()
            daemon.wait()
    for title, values in zip(('empty program', 'stint submit true'), zip(*rows)):
        clock, processor = sorted(v[0] for v in values), sorted(v[1] for v in values)
        print(f'{store:7} {title:18} least {clock[0]:6.2f} ms   '
              f'p50 {statistics.median(clock):6.2f} ms   '
              f'p95 {clock[len(clock) * 95 // 100]:6.2f} ms   '
              f'processor p50 {statistics.median(processor):5.2f} ms')
    more = statistics.median(b[0] for _, b in rows) - statistics.median(a[0] for a, _ in rows)
    print(f'{store:7} more at p50: {more:.2f} ms')


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    for store in ('memory', 'sqlite'):
        compare(build, store, int(sys.argv[2]) if len(sys.argv) > 2 else 200)


main()
