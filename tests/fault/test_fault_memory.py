"""Memory runs out while tasks wait: what has no room is refused, or costs the dispatcher its life
where there is no way back; nothing acknowledged is lost."""
import pathlib
import re
import resource

import harness
from faults import CONFIG, Load, Store, wait_all_ended

ROOM = 8 << 20  # for some ten thousand tasks


def memory_of(pid, name):
    status = pathlib.Path(f'/proc/{pid}/status').read_text()
    return int(re.search(rf'{name}:\s+(\d+) kB', status)[1]) * 1024


def test_out_of_memory_loses_nothing(t):
    i = t.instance(CONFIG % 1)
    gate = i.gate()
    first = i.submit('--priority', '100', *gate.command)
    gate.entered()
    dispatcher = i.dispatcher()
    if memory_of(dispatcher, 'VmSize') > 1 << 40:
        raise harness.Skip('a sanitizer needs more memory than can be limited')
    data, unlimited = memory_of(dispatcher, 'VmData'), resource.RLIM_INFINITY
    resource.prlimit(dispatcher, resource.RLIMIT_DATA, (data + ROOM, unlimited))
    load = Load(i, 900000, '/bin/true', batch=500, window=4)
    code = load.process.wait(harness.PATIENCE * 4)
    acked = load.acked()
    if i.dispatcher() == dispatcher:
        t.equal((code, len(load.refused()) > 0), (75, True), 'code and refusal of what has no room')
        t.contains(load.lines()[-1][3], 'memory')
        i.stint('ping')
        resource.prlimit(dispatcher, resource.RLIMIT_DATA, (unlimited, unlimited))
    # More may be stored: the load leaves at the first refusal, while others are under way.
    lost = (acked | {first}) - Store(i).ids()
    t.equal(len(lost), 0, 'tasks that were acknowledged and are not stored')
    i.stint('cancel', 'all', timeout=harness.PATIENCE * 4)
    gate.open()
    wait_all_ended(i, len(acked) + 1)
