#!/usr/bin/env python3
"""Makes the man pages: prose from the fragments beside this file, everything that could be wrong in
prose from where it is true.

    pages.py SCDOC OUT DESCRIPTION KEYS PATH=INSTEAD… HEADER TASK_HEADER FRAGMENT…

DESCRIPTION is what `stint _describe` prints (commands and options, by the tables that parse them),
KEYS what config-keys prints (the keys of the configuration, by the table that checks them), the
headers are those of libstint. PATH in a fragment becomes INSTEAD, where this build is installed. A
fragment is scdoc with lines such as @OPTIONS@ that are replaced. That of a command,
stint-COMMAND.scd, begins with its description: title, name and synopsis are made. A program of its
own has a page like any other, whatever its name begins with.
"""
import json
import pathlib
import re
import subprocess
import sys

import header

PROGRAMS = ('stint-bench',)


def escape(text):
    """Plain text for scdoc."""
    text = re.sub(r'([\\_*~^])', r'\\\1', text)
    return re.sub(r'^([#\-.\'|\[\];`\t ])', r'\\\1', text)


def option(o):
    """One option as it is written and what it means."""
    value = f' _{o["value"]}_' if o['value'] else ''
    letter = f'*-{o["letter"]}*, ' if o['letter'] else ''
    help_text = escape(o['help'])
    return f'{letter}*--{o["name"]}*{value}\n\t{help_text[0].upper()}{help_text[1:]}.\n'


def options(groups):
    """Groups of options, with a heading each."""
    return '\n'.join(
        f'## {g["title"]}\n\n' + '\n'.join(option(o) for o in g['options']) for g in groups
    )


def commands(client):
    """The list of commands."""
    return '\n'.join(
        f'*{c["name"]}*\n\t{escape(c["summary"])}; *stint-{c["name"]}*(1).\n'
        for c in client['commands']
    )


def synopsis(words):
    """The words of a synopsis: what is to be replaced is in capitals."""

    def word(match):
        return f'_{match.group()}_'

    return re.sub(r'[A-Z][A-Z=]*[A-Z]|\b[A-Z]\b', word, escape(words))


def command_head(c):
    """What the page of a command begins with."""
    name = f'stint-{c["name"]}'
    line = f'*stint {c["name"]}* {synopsis(c["synopsis"])}'.rstrip()
    return (
        f'{name}(1)\n\n# NAME\n\n{name} - {escape(c["summary"])}\n\n# SYNOPSIS\n\n{line}\n\n'
    )


def keys(text):
    """The keys of the configuration, group by group."""
    out, group = [], None
    for row in text.splitlines():
        where, name, expected, fallback, note, meaning, effect = row.split('\t')
        if where != group:
            group = where
            entries = ', for each entry' if where in ('queues', 'pools') else ''
            out.append(f'## {escape(where)}{entries}\n')
        default = f'*{escape(fallback)}*' if fallback else escape(note)
        need = 'Required' if note == 'required' else f'Default: {default}'
        out.append(
            f'*{escape(name)}*\n\t{escape(meaning)} It is {escape(expected)}. {need}. '
            f'A change takes effect {escape(effect)}\n'
        )
    return '\n'.join(out)


def functions(paths):
    """Types and functions of libstint, section by section, as their headers have them."""
    out = []
    for title, items in header.sections(paths):
        out.append(f'## {title}\n')
        for comment, code in items:
            if comment:
                out.append(escape(comment) + '\n')
            if '{' in code:
                code = re.sub('^ {8}', 4 * ' ', code, flags=re.M)
            code = code.replace('\\', '\\\\')
            out.append(f'```\n{code}\n```\n')
    return '\n'.join(out)


def page(fragment, client, made):
    """The scdoc of a page."""
    text = fragment.read_text()
    command = re.fullmatch(r'stint-(.+)', fragment.stem)
    if command and fragment.stem not in PROGRAMS:
        table = {c['name']: c for c in client['commands']}
        if command.group(1) not in table:
            sys.exit(f'{fragment}: stint has no command {command.group(1)}')
        c = table[command.group(1)]
        made = {**made, 'OPTIONS': options(c['groups'] + [client['general']])}
        text = command_head(c) + text
    for name, value in made.items():
        text = text.replace(f'@{name}@\n', value)
    left = re.search(r'^@[A-Z]+@$', text, re.M)
    if left:
        sys.exit(f'{fragment}: nothing is known for {left.group()}')
    return text


def installed(text, paths):
    """The text with the paths of this build."""
    words = '|'.join(map(re.escape, paths))
    path = rf'(?<![A-Za-z0-9])({words})(?![A-Za-z0-9])'
    return re.sub(path, lambda match: escape(paths[match.group()]), text)


def main():
    scdoc, out, description, config, *rest = sys.argv[1:]
    paths = dict(word.split('=', 1) for word in rest if '=' in word)
    rest = [word for word in rest if '=' not in word]
    headers, fragments = rest[:2], rest[2:]
    client = json.loads(pathlib.Path(description).read_text())['client']
    made = {
        'OPTIONS': options([client['general'], client['leading']]),
        'COMMANDS': commands(client),
        'KEYS': keys(pathlib.Path(config).read_text()),
        'FUNCTIONS': functions([pathlib.Path(h) for h in headers]),
    }
    for name in fragments:
        fragment = pathlib.Path(name)
        text = installed(page(fragment, client, made), paths)
        section = re.match(r'[\w.-]+\((\d)\)', text).group(1)
        roff = subprocess.run(
            [scdoc], input=text, capture_output=True, text=True, check=False
        )
        if roff.returncode:
            sys.exit(f'{fragment}: {roff.stderr}')
        pathlib.Path(out, f'{fragment.stem}.{section}').write_text(roff.stdout)


if __name__ == '__main__':
    main()
