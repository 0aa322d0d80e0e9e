"""How the client looks: help, tables and status that fit the terminal, JSON wherever it prints, the
pager, and the word that was meant."""

import json
import shlex
import shutil

from harness import Skip
from screen import Screen
from test_wait_list import on_terminal

QUEUES = (
    'queues: ({ name = "default"; }, { name = "mail"; }, { name = "echo"; });\n'
    'pools: ({ name = "default"; queues = ["default", "mail"]; workers = 2; },\n'
    '        { name = "e"; queues = ["echo"]; handler = "echo"; workers = 1; });\n'
)
COMMANDS = (
    'submit run call map status list show logs result wait watch top cancel retry signal purge '
    'config reload ping version help'
).split()


def test_help_of_every_command(t):
    i = t.instance(start=False)
    listed = i.stint('--help').stdout
    for command in COMMANDS:
        t.contains(listed, f'\n  {command} ')
        text = i.stint(command, '--help').stdout
        head, usage = text.split('\n')[0], text.split('\n')[2]
        t.true(head.startswith(f'stint {command}: ') and len(head) <= 80, head)
        t.true(usage.startswith(f'Usage: stint {command}'), usage)
        t.contains(text, '\nGeneral:\n')
        examples = text.split('\nExamples:\n')[1].splitlines()
        t.true(len(examples) >= 2, f'{command} has two examples: {examples}')
        t.true(all(line.startswith('  stint') or '| stint' in line for line in examples), examples)
        wide = [line for line in text.splitlines() if len(line) > 80]
        t.equal(wide, [], f'help of {command} fits into 80 columns')
    described = {command['name'] for command in i.json('_describe')['client']['commands']}
    t.equal(described, set(COMMANDS), 'no command was forgotten here')


def json_lines(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_json_wherever_something_is_printed(t):
    i = t.instance(QUEUES)
    for words, code, nouns in (
        (['submit', 'sh', '-c', 'echo out; exit 3'], 0, ['task']),
        (['run', 'sh', '-c', 'echo out'], 0, ['output', 'task']),
        (['run', 'sh', '-c', 'exit 3'], 3, ['task']),
        (['call', 'echo', 'x'], 0, ['task']),
        (['call', '--wait', 'echo', 'x'], 0, ['task']),
        (['wait', '1-5'], 1, ['tasks']),
        (['submit', '--dry-run', 'true'], 0, ['dry_run']),
        (['status'], 0, ['status']),
        ([], 0, ['status']),
        (['list'], 0, ['tasks']),
        (['list', 'cancelled'], 0, ['tasks']),
        (['show', '1', '2'], 0, ['task', 'task']),
        (['logs', '1', '2'], 0, ['logs', 'logs']),
        (['logs', '-f', '2'], 0, ['output']),
        (['result', '1', '5'], 0, ['result', 'result']),
        (['cancel', '1'], 0, ['cancel']),
        (['signal', 'HUP', '1'], 0, ['signal']),
        (['retry', '1'], 0, ['retry']),
        (['purge', '1'], 0, ['purge']),
        (['config'], 0, ['config']),
        (['reload'], 0, ['reload']),
        (['ping'], 0, ['ping']),
        (['help'], 0, ['client']),
        (['help', 'run'], 0, ['command']),
        (['submit', '--help'], 0, ['command']),
        (['version'], 0, ['version']),
    ):
        told = json_lines(i.stint('--json', *words, check=code))
        for line in told:
            t.equal(line['schema'], 1, f'{words}')
        t.equal([next(key for key in line if key != 'schema') for line in told], nouns, f'{words}')
        if words and words != ['list']:
            told = json_lines(i.stint(words[0], '--json', *words[1:], check=None))
            t.true(all(line['schema'] == 1 for line in told), 'also behind the name')


def test_json_of_run_is_its_output_and_its_end(t):
    i = t.instance()
    told = json_lines(i.stint('run', '--json', 'sh', '-c', 'printf "a\\377"; exit 4', check=4))
    output, task = told[0]['output'], told[1]['task']
    t.equal((output['stream'], output['bytes_base64'], output['task']), ('stdout', 'Yf8=', 1))
    t.equal(task, {'id': 1, 'state': 'failed', 'reason': 'exit code', 'code': 4})


def test_misspelt_queues_are_told(t):
    i = t.instance(QUEUES)
    i.submit('true')
    for words in (
        ['submit', '-q', 'mial', 'true'],
        ['call', 'mial', 'x'],
        ['list', '-q', 'mial'],
        ['list', 'queue:mial'],
        ['list', 'queue:mail', 'queue:mial'],
        ['show', 'queue:mial'],
        ['cancel', 'queue:mial'],
        ['wait', 'queue:mial'],
        ['watch', '-q', 'mial'],
    ):
        done = i.stint(*words, check=65)
        t.true(done.stderr.count('\n') == 1 and 'did you mean' in done.stderr, done.stderr)
        t.contains(done.stderr.replace("'", ''), 'did you mean mail?')
    i.stint('run', '-q', 'mial', 'true', check=125)
    t.equal(i.stint('list', '-q', 'mail').stdout, '', 'it is only empty')
    for words in ['list', '-q', 'xyzzy'], ['submit', '-q', 'xyzzy', 'true']:
        t.contains(i.stint(*words, check=65).stderr, '`stint status` lists')
    for words in ['list', '-q', 'a b'], ['watch', '-q', ''], ['submit', '-q', 'a/b', 'true']:
        t.contains(i.stint(*words, check=64).stderr, '1 to 64 characters')


def test_tables_and_text_fit_every_terminal(t):
    i = t.instance(QUEUES)
    for queue in 'default', 'mail':
        command = ['sh', '-c', 'exit 3 # ' + 'x' * 99]
        i.ended(i.submit('-q', queue, '-N', 'a-rather-long-name', *command))
    for columns in 40, 60, 80, 120, 200:
        i.env['COLUMNS'] = str(columns)
        for command in ['status'], ['list'], ['submit', '--help'], ['--help']:
            text = on_terminal(i, *command).decode()
            wide = [line for line in text.splitlines() if len(line) > columns]
            wide = [line for line in wide if str(i.home) not in line and '  stint ' not in line]
            t.equal(wide, [], f'{command} in {columns} columns')
        t.contains(on_terminal(i, 'list').decode(), '\n 2 failed ')


def need_less():
    if not shutil.which('less'):
        raise Skip('less is not installed')


class Paged(Screen):
    """A screen on which one command runs; its exit code is shown behind its end."""

    def __init__(self, t, i, *arguments, env=''):
        super().__init__(t, i, 80, 10)
        self.enter(env + shlex.join(i.command(*arguments)) + '; echo "code=$?"')


def test_long_output_is_paged(t):
    need_less()
    i = t.instance()
    del i.env['STINT_PAGER']
    i.env.pop('LESS', None)
    i.env.pop('PAGER', None)
    for _ in range(20):
        i.submit('--delay', '1d', 'true')
    for words, first in (['list'], '^ID.*\n20 delayed'), (['submit', '--help'], '^stint submit'):
        screen = Paged(t, i, *words)
        screen.shows(first, '^:')
        screen.press('q')
        screen.shows('^code=0')
    for env, options in (
        ('PAGER= ', []),
        ('STINT_PAGER=cat ', []),
        ('PAGER=false STINT_PAGER= ', []),
        ('', ['--no-pager']),
        ('', ['--json']),
        ('', ['-n', '2']),
    ):
        Paged(t, i, 'list', *options, env=env).shows('^code=0')
    Paged(t, i, 'list', env="PAGER='sed s/delayed/DELAYED/' ").shows('DELAYED', '^code=0')


def test_who_leaves_the_pager_has_read_enough(t):
    need_less()
    i = t.instance()
    del i.env['STINT_PAGER']
    i.env.pop('LESS', None)
    i.env.pop('PAGER', None)
    task = i.submit('sh', '-c', 'seq 300000; echo "to stderr" >&2')
    i.ended(task)
    screen = Paged(t, i, 'logs', task)
    screen.shows('^3$', '^:')
    screen.press('q')
    t.true('cannot write' not in screen.shows('^code=0'), 'less is left')
    screen = Paged(t, i, 'logs', task, env='PAGER=true ')
    t.true('cannot write' not in screen.shows('^code=0'), 'a pager that reads nothing')
