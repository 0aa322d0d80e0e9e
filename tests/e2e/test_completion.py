"""Completions: what the client offers, and that the shells show and insert it."""
import os
import pathlib
import shutil
import subprocess
import time

from harness import BUILD, Skip
from terminal import Shell

SCRIPTS = pathlib.Path(__file__).parents[2] / 'client' / 'completions'
BASH_COMPLETION = pathlib.Path('/usr/share/bash-completion/bash_completion')
CONFIG = '''queues: ({ name = "default"; }, { name = "mail"; }, { name = "mailing-list"; });
pools: ({ name = "default"; queues = ["default", "mail", "mailing-list"]; });
'''


def environment(i):
    """In which `stint` alone is the client that was built, and talks to the instance."""
    env = {**i.env, 'PATH': f'{BUILD / "client" / "cli"}:{os.environ["PATH"]}', 'TERM': 'dumb'}
    endpoint = i.state / 'endpoint'
    if endpoint.exists():
        env['STINT_ENDPOINT'] = endpoint.read_text().strip()
    return env


def ask(i, *words):
    """What stint _complete answers: what the shell is to do, and {value: meaning}."""
    done = subprocess.run(
        ['stint', '_complete', '--', *words], env=environment(i), capture_output=True, text=True,
        stdin=subprocess.DEVNULL, timeout=60, check=True,
    )
    how, *lines = done.stdout.splitlines() or ['']
    if done.stderr:
        raise AssertionError(done.stderr)
    return how, dict(line.split('\t') for line in lines)


def offered(i, *words):
    return list(ask(i, *words)[1])


def shell(t, i, *argv):
    if not shutil.which(argv[0]):
        raise Skip(f'{argv[0]} is not installed')
    return Shell(t, argv, environment(i))


def bash(t, i):
    s = shell(t, i, 'bash', '--norc', '--noprofile', '-i')
    s.run("PS1='$ '; bind 'set enable-bracketed-paste off' 2>/dev/null")
    s.run("bind 'set completion-query-items 0'; bind 'set page-completions off'")
    s.run("bind 'set bell-style none'")
    if BASH_COMPLETION.exists():
        s.run(f'. {BASH_COMPLETION}')
    s.run(f'. {SCRIPTS / "stint.bash"}')
    return s


def zsh(t, i):
    s = shell(t, i, 'zsh', '-f', '-i')
    s.run("PS1='$ '; unsetopt prompt_cr zle_bracketed_paste 2>/dev/null; bindkey -e")
    s.run(f'fpath=({SCRIPTS} $fpath); autoload -Uz compinit; compinit -u -D')
    return s


def fish(t, i, line):
    """What fish offers behind line, {value: meaning}."""
    if not shutil.which('fish'):
        raise Skip('fish is not installed')
    done = subprocess.run(
        ['fish', '--no-config', '-c', 'source $argv[1]; complete -C $argv[2]',
         str(SCRIPTS / 'stint.fish'), line],
        env=environment(i), capture_output=True, text=True, stdin=subprocess.DEVNULL,
        timeout=120, check=True,
    )
    return dict((row + '\t').split('\t')[:2] for row in done.stdout.splitlines())


# ---- what the client offers ----


def test_commands_and_options_are_those_of_the_help(t):
    i = t.instance(start=False)
    t.equal(offered(i, 'sub'), ['submit'])
    t.equal(offered(i, 'submit', '--at-most'), ['--at-most-once'])
    t.equal(offered(i, '--sys'), ['--system'])
    t.equal(offered(i, 'list', '--sys'), ['--system'])
    t.equal(offered(i, 'help', 'sub'), ['submit'])
    t.true('-q' in offered(i, 'submit', '-'), 'short options are offered')
    t.true(not any(name.startswith('_') for name in offered(i, '')), 'hidden ones are not')
    t.equal(offered(i, 'nonsense', ''), [])


def test_values_are_offered_by_what_stands_for_them(t):
    i = t.instance(start=False)
    t.equal(offered(i, 'list', '--state', 'fai'), ['failed'])
    t.equal(offered(i, 'list', '--state=failed,ex'), ['--state=failed,expired'])
    t.equal(offered(i, 'cancel', '--signal', 'TER'), ['TERM'])
    t.equal(offered(i, 'cancel', '--signal', 'SIGTER'), ['SIGTERM'])
    t.equal(offered(i, '--color', 'al'), ['always'])
    t.equal(ask(i, 'submit', '--stdin', ''), ('files', {'-': ''}))
    t.equal(ask(i, 'submit', '--cwd', ''), ('directories', {}))
    t.true('HOME' in offered(i, 'submit', '--env', 'HO'), 'variables')


def test_the_line_of_a_command_is_for_the_shell(t):
    i = t.instance(start=False)
    t.equal(ask(i, 'submit', ''), ('command 1', {}))
    t.equal(ask(i, 'submit', '-p', '5', 'tar', '--'), ('command 3', {}))
    t.equal(ask(i, '--user', 'run', '--', '-'), ('command 3', {}))


def test_queues_states_and_ids_come_from_the_instance(t):
    i = t.instance(CONFIG)
    gate = i.gate()
    ended = i.submit('-N', 'nightly', 'true')
    i.ended(ended)
    running = i.submit('-N', 'two words', '-l', 'host=web1', *gate.command)
    gate.entered()
    t.equal(offered(i, 'submit', '-q', 'mail'), ['mail', 'mailing-list'])
    t.equal(offered(i, 'submit', '--queue=mailing'), ['--queue=mailing-list'])
    t.equal(offered(i, 'cancel', 'queue:mailing'), ['queue:mailing-list'])
    t.equal(offered(i, 'wait', 'name:two'), ['name:two words'])
    t.equal(offered(i, 'wait', 'label:'), ['label:host=web1'])
    t.contains(ask(i, 'show', str(ended))[1][str(ended)], 'succeeded: nightly')
    t.contains(ask(i, 'cancel', '')[1][str(running)], 'running: two words')
    t.true(str(ended) not in offered(i, 'cancel', ''), 'ended tasks are not cancelled')
    t.true(str(running) not in offered(i, 'result', ''), 'running tasks have no result')
    t.true('all' in offered(i, 'cancel', '') and 'failed' in offered(i, 'cancel', ''), 'words')
    t.equal(offered(i, 'show', f'{ended},{running}'), [f'{ended},{running}'])


def test_what_tasks_are_called_is_escaped(t):
    i = t.instance()
    task = i.submit('-N', 'a\tb\x1b[31m\nc', 'true')
    t.equal(ask(i, 'show', str(task))[1][str(task)].split(': ', 1)[1], 'a\\tb\\x1b[31m\\nc')


def test_without_an_instance_it_is_silent_and_quick(t):
    i = t.instance(start=False)
    begin = time.monotonic()
    t.equal(offered(i, 'submit', '-q', ''), [])
    t.true('last' in offered(i, 'cancel', ''), 'what needs no instance is offered')
    t.true(time.monotonic() - begin < 20, 'it does not wait for one')
    t.true(not i.state.exists(), 'none was started')


def test_an_instance_that_hangs_is_given_up(t):
    i = t.instance(CONFIG)
    dispatcher = i.dispatcher()
    os.kill(dispatcher, 19)
    try:
        t.equal(offered(i, 'submit', '-q', ''), [])
        t.true('last' in offered(i, 'cancel', ''), 'what needs no instance is offered')
    finally:
        os.kill(dispatcher, 18)


# ---- shells ----


def test_bash_inserts_what_is_meant(t):
    i = t.instance(CONFIG)
    i.submit('-N', 'two words', 'sleep', '0')
    (i.home / 'input file').write_text('')
    s = bash(t, i)
    t.equal(s.completed('stint sub'), ['stint', 'submit'])
    t.equal(s.completed('stint submit --at-m'), ['stint', 'submit', '--at-most-once'])
    t.equal(s.completed('stint list --state fai'), ['stint', 'list', '--state', 'failed'])
    t.equal(s.completed('stint list --state=fai'), ['stint', 'list', '--state=failed'])
    t.equal(s.completed('stint list --state=held,exp')[-1], '--state=held,expired')
    t.equal(s.completed('stint submit -q maili'), ['stint', 'submit', '-q', 'mailing-list'])
    t.equal(s.completed('stint list queue:maili'), ['stint', 'list', 'queue:mailing-list'])
    t.equal(s.completed('stint list name:tw'), ['stint', 'list', 'name:two words'])
    t.equal(
        s.completed(f'stint submit --stdin {i.home}/inp'),
        ['stint', 'submit', '--stdin', f'{i.home}/input file'],
    )
    t.equal(
        s.completed(f'stint submit --stdin={i.home}/inp'),
        ['stint', 'submit', f'--stdin={i.home}/input file'],
    )


def test_bash_lists_ids_with_their_names(t):
    i = t.instance(CONFIG)
    first, second = i.submit('-N', 'nightly', 'true'), i.submit('-N', 'weekly', 'false')
    i.ended(first), i.ended(second)
    s = bash(t, i)
    s.offered(
        'stint show ', rf'\b{second} +\(failed: weekly\)', rf'\b{first} +\(succeeded: nightly\)'
    )


def test_bash_completes_the_command_of_a_task(t):
    if not BASH_COMPLETION.exists():
        raise Skip('bash-completion is not installed')
    i = t.instance(start=False)
    (i.home / 'folder').mkdir()
    s = bash(t, i)
    t.equal(s.completed('stint submit -p 5 mkfif'), ['stint', 'submit', '-p', '5', 'mkfifo'])
    t.equal(
        s.completed(f'stint run --name=x cd {i.home}/fol')[-1], f'{i.home}/folder/', 'as cd does'
    )


def test_bash_without_an_instance_is_silent(t):
    i = t.instance(start=False)
    s = bash(t, i)
    s.keys('stint submit -q \t\t')
    t.equal(s.completed(''), ['stint', 'submit', '-q'])
    t.true(not i.state.exists(), 'none was started')


def test_zsh_inserts_what_is_meant(t):
    i = t.instance(CONFIG)
    i.submit('-N', 'two words', 'sleep', '0')
    (i.home / 'input file').write_text('')
    s = zsh(t, i)
    t.equal(s.completed('stint sub'), ['stint', 'submit'])
    t.equal(s.completed('stint list --state=fai'), ['stint', 'list', '--state=failed'])
    t.equal(s.completed('stint submit -q maili'), ['stint', 'submit', '-q', 'mailing-list'])
    t.equal(s.completed('stint list queue:maili'), ['stint', 'list', 'queue:mailing-list'])
    t.equal(s.completed('stint list name:tw'), ['stint', 'list', 'name:two words'])
    t.equal(
        s.completed(f'stint submit --stdin={i.home}/inp'),
        ['stint', 'submit', f'--stdin={i.home}/input file'],
    )
    t.equal(s.completed('stint submit -p 5 mkfif'), ['stint', 'submit', '-p', '5', 'mkfifo'])
    s.offered('stint show ', r'1 +-- \w+: two words')


def test_fish_offers_what_is_meant(t):
    i = t.instance(CONFIG)
    task = i.submit('-N', 'two words', 'sleep', '0')
    i.ended(task)
    (i.home / 'input file').write_text('')
    t.equal(list(fish(t, i, 'stint sub')), ['submit'])
    t.equal(list(fish(t, i, 'stint list --state=fai')), ['--state=failed'])
    t.equal(list(fish(t, i, 'stint submit -q mail')), ['mail', 'mailing-list'])
    t.equal(fish(t, i, f'stint show {task}'), {str(task): 'succeeded: two words'})
    t.equal(
        list(fish(t, i, f'stint submit --stdin={i.home}/inp')), [f'--stdin={i.home}/input file']
    )
    t.true('mkfifo' in fish(t, i, 'stint submit -p 5 mkfif'), 'commands')
