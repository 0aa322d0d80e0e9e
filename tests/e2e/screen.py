"""A screen for the client: a window of tmux, which a test types into and reads from.

    screen = Screen(t, i, 80, 24)
    screen.run('top')
    screen.shows('default')
    screen.press('q')

The window runs a shell with job control, so that tests see what a command leaves behind.
"""

import pathlib
import re
import shlex
import shutil
import subprocess

import harness


class Screen:
    def __init__(self, test, instance, columns=80, rows=24):
        if not shutil.which('tmux'):
            raise harness.Skip('tmux is not installed')
        self.test, self.instance = test, instance
        self.socket = instance.home / f'tmux{next(test.numbers)}'
        env = {**instance.env, 'ENV': '', 'HISTFILE': ''}
        test.clean_up(self.close)
        self.tmux('-f', '/dev/null', 'new-session', '-d', '-x', columns, '-y', rows, 'sh', env=env)
        self.tmux('set-option', '-g', 'status', 'off')
        self.resize(columns, rows)
        self.shows('[$#]')

    def tmux(self, *arguments, env=None):
        done = subprocess.run(
            ['tmux', '-S', str(self.socket), *map(str, arguments)],
            env=env or self.instance.env,
            capture_output=True,
            text=True,
            timeout=harness.PATIENCE,
            check=False,
        )
        if done.returncode:
            raise harness.Failure(f'tmux {arguments}: {done.stderr}')
        return done.stdout

    def close(self):
        subprocess.run(
            ['tmux', '-S', str(self.socket), 'kill-server'], check=False, capture_output=True
        )

    def resize(self, columns, rows):
        self.tmux('resize-window', '-x', columns, '-y', rows)

    def press(self, *keys):
        """Keys by the names of tmux: Enter, Tab, C-c, F1, a."""
        self.tmux('send-keys', *keys)

    def type(self, text):
        self.tmux('send-keys', '-l', text)

    def enter(self, line):
        """A line for the shell."""
        self.type(line)
        self.press('Enter')

    def run(self, *arguments, prefix=''):
        """Starts the client from the shell."""
        self.enter(prefix + shlex.join(self.instance.command(*arguments)))

    def lines(self, colors=False):
        """The lines that are shown."""
        return self.tmux('capture-pane', '-p', *(['-e'] if colors else [])).split('\n')[:-1]

    def text(self):
        return '\n'.join(self.lines())

    def wait(self, condition, what):
        try:
            return self.test.until(condition, what)
        except harness.Failure as failure:
            raise harness.Failure(f'{failure}; it is\n{self.text()}') from None

    def shows(self, *parts):
        """Waits until all of these (regular expressions) are on the screen, and returns it."""

        def shown():
            text = self.text()
            return all(re.search(part, text, re.M) for part in parts) and text

        return self.wait(shown, f'the screen shows {parts}')

    def shows_not(self, part):
        """Waits until this is not on the screen."""
        self.wait(
            lambda: not re.search(part, self.text(), re.M), f'the screen does not show {part}'
        )

    def format(self, variable):
        """A variable of tmux about the window: alternate_on, cursor_flag, pane_pid."""
        return self.tmux('display-message', '-p', '#{' + variable + '}').strip()

    def client(self):
        """Pid of the client that the shell runs."""
        shell = int(self.format('pane_pid'))
        return self.test.until(
            lambda: next(
                (pid for pid in harness.children(shell) if harness.program(pid) == 'stint'), None
            ),
            'the client runs',
        )

    def modes(self):
        """How the terminal is set, asked of it from outside."""
        with pathlib.Path(self.format('pane_tty')).open('rb') as tty:
            return subprocess.run(
                ['stty', '-a'], stdin=tty, capture_output=True, text=True, check=True
            ).stdout
