"""docs/first-contact.md is true: its dialogues are played again, each in a home of its own, and
compared. What differs from run to run (times, sizes, process numbers, widths) is left out."""

import os
import pathlib
import re
import signal
import socket
import subprocess

from harness import BUILD, PATIENCE, alive
from test_errors import NOBODY, need_other_users

PAGE = pathlib.Path(__file__).parents[2] / 'docs' / 'first-contact.md'
WRONG = '''daemon: { log_levle = "info"; };
queues: ({ name = "default"; },
         { name = "mail"; max_waiting = -1; });
pools: ({ name = "default"; queues = ["defualt"]; workers = 2; });
'''
WITH_MAIL = '''queues: ({ name = "default"; }, { name = "mail"; });
pools: ({ name = "default"; queues = ["default", "mail"]; workers = 2; });
'''
CHANGING = (
    (r'\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)', 'TIME'),
    (r'\b\d+(\.\d+)? [KMG]?i?B\b', 'SIZE'),
    (r'\b(\d+(\.\d+)?(us|ms|[smhd]))+\b', 'DURATION'),
    (r'\b(pid|uid|worker) +\d+\b', r'\1 N'),
    (r'\b\d+ variables', 'N variables'),
    (r' +', ' '),
    (r'(?m) $', ''),
)


def blocks():
    """(section, text) of every dialogue of the page."""
    for section in re.split('^## ', PAGE.read_text(), flags=re.M)[1:]:
        for text in re.findall('^```console\n(.*?)^```', section, re.M | re.S):
            yield section.split('\n')[0], text


def comparable(text):
    for pattern, name in CHANGING:
        text = re.sub(pattern, name, text)
    return text


class Place:
    """Where Alice is at home."""

    def __init__(self, t):
        base = t.instance(start=False)
        self.t, self.home, self.other = t, base.home / 'alice', base.home / 'bob'
        self.state = self.home / '.local/state/stint'
        self.config = self.home / '.config/stint/stintd.conf'
        self.paths = {  # ours: what the page calls it
            self.home: '/home/alice',
            base.home / 'runtime': '/run/user/1000',
            self.other: '/run/user/1001',
            base.home / 'system': '/run/stint',
            BUILD / 'supervisor': '/usr/bin',
        }
        self.config.parent.mkdir(parents=True)
        self.other.mkdir(0o700)
        (base.home / 'runtime').mkdir(0o700)
        tools = base.home / 'tools'
        tools.mkdir()
        # root without a word would mean the instance of the system
        for name, own in ('client/cli/stint', '--user'), ('supervisor/stintd', ''):
            tool = tools / pathlib.Path(name).name
            tool.write_text(f'#!/bin/sh\ncase $1 in --system) own= ;; *) own={own} ;; esac\n'
                            f'exec {BUILD / name} $own "$@"\n')  # fmt: skip
            tool.chmod(0o755)
        self.env = {name: value for name, value in base.env.items() if name[:6] != 'STINT_'}
        self.env.update(
            HOME=str(self.home),
            XDG_RUNTIME_DIR=str(base.home / 'runtime'),
            XDG_CONFIG_HOME=str(self.home / '.config'),
            PATH=f'{tools}:{os.environ["PATH"]}',
            TZ='UTC',
        )
        self.as_user = {}
        t.clean_up(self.stop)

    def play(self, commands):
        """What a terminal would show."""
        script = 'umask 022\ncode=0\n'
        for line in commands:
            quoted = line.replace("'", "'\\''")
            real = line.replace('/run/user/1001', str(self.other))
            script += f"printf '%s\\n' '$ {quoted}'\n(exit $code)\n{real}\ncode=$?\n"
        done = subprocess.run(
            ['sh', '-c', script],
            cwd=self.home,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE * 2,
            check=False,
            **self.as_user,
        )
        text = done.stdout
        for path, name in self.paths.items():
            text = text.replace(str(path), name)
        return text

    def stop(self, number=signal.SIGTERM):
        """The end of the instance that a client started, if one did."""
        lock = self.state / 'lock'
        pid = int(lock.read_text().split()[0]) if lock.exists() else 0
        if pid and alive(pid):
            os.kill(pid, number)
            self.t.until(lambda: not alive(pid), 'the instance ends')


# ---- how things are when a section begins ----


def of_the_system(place):
    system = next(path for path, name in place.paths.items() if name == '/run/stint')
    place.env.update(STINT_RUN_DIR=str(system), STINT_STATE_DIR=str(system / 'state'))


def with_wrong_configuration(place):
    place.config.write_text(WRONG)


def with_mail(place):
    place.config.write_text(WITH_MAIL)
    place.play(['stint submit true', 'stint wait'])


def running(place):
    place.play(['stint submit true', 'stint wait'])


def crashed(place):
    running(place)
    place.stop(signal.SIGKILL)
    place.t.until(
        lambda: 'nobody listens' in place.play(['stint ping']), 'nobody is left of the instance'
    )


def of_bob(place):
    need_other_users(place.t.instances[-1])
    (place.other / 'stint').mkdir()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(place.other / 'stint/control.sock'))
    listener.listen()
    place.t.clean_up(listener.close)
    place.home.parent.chmod(0o711)
    place.as_user = {'user': NOBODY, 'group': NOBODY, 'extra_groups': []}


BEGINNINGS = {
    'The system has no instance': of_the_system,
    'A wrong configuration': with_wrong_configuration,
    'A wrong configuration, reloaded': running,
    "Somebody else's instance": of_bob,
    'A socket that nobody listens on': crashed,
    'A slip of the finger': with_mail,
    'A task that fails, and why': running,
}


def play_section(t, wanted):
    texts = [text for section, text in blocks() if section == wanted]
    t.true(texts, f'the page has a section {wanted}')
    place = Place(t)
    BEGINNINGS.get(wanted, lambda _: None)(place)
    for text in texts:
        shown = place.play(re.findall(r'^\$ (.*)', text, re.M))
        t.equal(comparable(shown).split('\n'), comparable(text).split('\n'), shown)


def define(section):
    name = 'test_' + re.sub(r'\W+', '_', section.lower())
    globals()[name] = lambda t: play_section(t, section)


for title in dict(blocks()):
    define(title)
