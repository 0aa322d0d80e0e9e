"""A shell in a pseudo-terminal, for tests of what happens when somebody presses keys."""
import os
import pty
import re
import select
import time

from harness import PATIENCE, Failure

TAB, LINE_BEGIN, LINE_END, KILL_LINE = '\t', '\x01', '\x05', '\x15'


class Shell:
    """An interactive shell. argv: the program; env: its environment."""

    def __init__(self, test, argv, env):
        self.seen, self.number = '', 0
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                os.execvpe(argv[0], argv, env)
            finally:
                os._exit(127)
        test.clean_up(self.close)

    def close(self):
        os.close(self.fd)  # hangs up
        os.waitpid(self.pid, 0)

    def keys(self, text):
        os.write(self.fd, text.encode())

    def until(self, pattern):
        """Reads until pattern has come, and returns its match; what came is forgotten."""
        end = time.monotonic() + PATIENCE
        while not (match := re.search(pattern, self.seen, re.S)):
            if not select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]:
                raise Failure(f'{pattern!r} did not come: {self.seen!r}')
            self.seen += os.read(self.fd, 65536).decode(errors='replace')
        self.seen = self.seen[match.end() :]
        return match

    def run(self, line):
        """Executes a line of set-up and waits for it."""
        self.number += 1
        self.keys(f"{line}; echo do''ne{self.number}\n")
        self.until(f'done{self.number}\\b')

    def completed(self, line):
        """Presses TAB behind line; the words of the line that it became, as the shell reads it."""
        self.number += 1
        self.keys(f"{line}{TAB}{LINE_BEGIN}printf '<%s>' wo''rds{self.number} {LINE_END}\n")
        text = self.until(f'<words{self.number}>((?:<[^>]*>)*)').group(1)
        return re.findall('<([^>]*)>', text)

    def offered(self, line, *patterns):
        """Presses TAB twice behind line, and waits for what is then listed."""
        self.keys(line + TAB + TAB)
        found = [self.until(pattern).group() for pattern in patterns]
        self.keys(KILL_LINE)
        return found
