"""docs/operations.md is true: its commands are played in the machine, block by block in the order
of the page, and what the page shows below a command must be what comes. A command must succeed,
unless `echo $?` follows.

What a section needs to find, what happens between its blocks, and what must have come of it, is
told by its scene in guide_scenes.py.
"""

import collections
import pathlib
import re

from machine import Failure

PAGE = pathlib.Path(__file__).resolve().parents[2] / 'docs' / 'operations.md'
USER = 'bob'  # who types behind a $: a member of group stint

Command = collections.namedtuple('Command', 'prompt line shown')


def commands(block):
    """The commands of a block, each with what is shown below it."""
    found, end = [], None
    for line in block.splitlines():
        if end:
            found[-1][1].append(line)
            end = None if line == end else end
        elif found and found[-1][1][-1].endswith('\\'):
            found[-1][1].append(line)
        elif line[:2] in ('# ', '$ '):
            found.append((line[0], [line[2:]], []))
        else:
            found[-1][2].append(line)
            continue
        if here := re.search(r"<<'(\w+)'", line):
            end = here[1]
    return [Command(p, '\n'.join(lines), '\n'.join(shown)) for p, lines, shown in found]


def sections():
    """(title, blocks) of each section that has commands, in the order of the page."""
    for part in re.split(r'^(?=##+ )', PAGE.read_text(), flags=re.M)[1:]:
        blocks = re.findall(r'^```console\n(.*?)^```', part, re.M | re.S)
        if blocks:
            yield part.split('\n')[0].strip('# '), [commands(b) for b in blocks]


def shown(output, pattern):
    """Whether output is what the page shows: … stands for anything, alone on a line for lines."""
    words = [re.sub(r' +', ' ', line).strip() for line in output.strip().splitlines()]
    expected = ''
    for line in pattern.splitlines():
        line = re.escape(re.sub(r' +', ' ', line).strip())
        expected += r'(?:.*\n)*' if line == '…' else line.replace('…', '.*') + r'\n'
    return re.fullmatch(expected, '\n'.join(words) + '\n') is not None


def play_block(machine, block):
    """Plays its commands; returns what they printed."""
    said, code = '', 0
    for i, c in enumerate(block):
        line = f'(exit {code})\n{c.line}' if c.line == 'echo $?' else c.line
        if c.prompt == '#':
            done = machine.shell(f'exec 2>&1\n{line}', check=False)
        else:
            done = machine.as_user(USER, f'exec 2>&1\ncd /\n{line}', check=False)
        code = done.returncode
        said += done.stdout
        asked = i + 1 < len(block) and block[i + 1].line == 'echo $?'
        if code and not asked:
            raise Failure(f'{c.prompt} {c.line}\nends with {code}: {done.stdout}')
        if c.shown and not shown(done.stdout, c.shown):
            raise Failure(
                f'{c.prompt} {c.line}\nshows\n{done.stdout}and not, as on the page,\n{c.shown}'
            )
    return said


def play(machine, title, blocks, scene):
    """A scene is a generator: at each yield the next block is played, by what it yields, if that is
    anything, and it is sent what was printed. Without a scene all blocks are played."""
    rest = iter(blocks)
    if not scene:
        for block in rest:
            play_block(machine, block)
        return
    running = scene(machine)
    try:
        player = next(running)
        for block in rest:
            player = running.send((player or play_block)(machine, block))
        raise Failure(f'the scene of "{title}" expects more blocks than the page has')
    except StopIteration:
        left = len(list(rest))
        if left:
            raise Failure(f'the scene of "{title}" leaves {left} blocks out') from None
    finally:
        running.close()


def tests(scenes):
    """(name, function) of each section; every scene has its section."""
    found = list(sections())
    unknown = set(scenes) - {title for title, _ in found}
    if unknown:
        raise Failure(f'scenes without a section: {", ".join(sorted(unknown))}')

    def test_of(title, blocks):
        return lambda machine: play(machine, title, blocks, scenes.get(title))

    return [
        ('guide_' + re.sub(r'\W+', '_', title.lower()).strip('_'), test_of(title, blocks))
        for title, blocks in found
    ]
