"""Completions: what the client offers, and that the shells show and insert it."""
import json
import os
import pathlib
import shutil
import signal
import subprocess

from harness import BUILD, PATIENCE, Skip
from terminal import Shell

SCRIPTS = pathlib.Path(__file__).parents[2] / 'client' / 'completions'
BASH_COMPLETION = pathlib.Path('/usr/share/bash-completion/bash_completion')
CONFIG = '''queues: ({ name = "default"; }, { name = "mail"; }, { name = "mailing-list"; });
pools: ({ name = "default"; queues = ["default", "mail", "mailing-list"]; });
'''


# Asks the client again when it was not answered within the time of a key press: whoever runs the
# tests may be slow.
PATIENT = f'''#!/bin/sh
while answer=$({BUILD / 'client' / 'cli' / 'stint'} "$@"; echo $?); [ "${{answer##*
}}" = 75 ]; do :; done
printf %s "${{answer%"${{answer##*
}}"}}"
'''


def environment(i):
    """In which `stint` alone is the client that was built, and talks to the instance."""
    client = i.home / 'bin' / 'stint'
    if not client.exists():
        client.parent.mkdir()
        client.write_text(PATIENT)
        client.chmod(0o755)
    env = {**i.env, 'PATH': f'{client.parent}:{os.environ["PATH"]}', 'TERM': 'dumb'}
    endpoint = i.state / 'endpoint'
    if endpoint.exists():
        env['STINT_ENDPOINT'] = endpoint.read_text().strip()
    return env


def ask(i, *words, client='stint', code=0):
    """What stint _complete answers: what the shell is to do, and {value: meaning}."""
    done = subprocess.run(
        [client, '_complete', '--', *words], env=environment(i), capture_output=True, text=True,
        stdin=subprocess.DEVNULL, timeout=PATIENCE, check=False,
    )
    if done.returncode != code:
        raise AssertionError(f'exit {done.returncode}: {done.stderr}')
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
        timeout=PATIENCE, check=True,
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


def test_every_command_is_offered_with_all_of_its_options(t):
    i = t.instance(start=False)
    done = subprocess.run(
        ['stint', '_describe'], env=environment(i), capture_output=True, text=True, check=True,
        timeout=PATIENCE,
    )
    client = json.loads(done.stdout)['client']
    t.equal(offered(i, ''), [c['name'] for c in client['commands']])
    for c in client['commands']:
        groups = [client['general'], *c['groups']]
        names = {f'--{o["name"]}' for g in groups for o in g['options']}
        t.equal(set(offered(i, c['name'], '--')), names, c['name'])


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


def test_each_command_is_offered_the_tasks_that_it_is_about(t):
    i = t.instance(CONFIG)
    gate = i.gate()
    ended, running = i.submit('false'), i.submit(*gate.command)
    i.ended(ended), gate.entered()
    waiting = i.submit('--delay', '1h', 'true')

    def ids(*words):
        return {int(word) for word in offered(i, *words, '') if word.isdigit()}

    for command in ('show', 'logs', 'list'):
        t.equal(ids(command), {ended, running, waiting}, command)
    for command in ('retry', 'purge', 'result'):
        t.equal(ids(command), {ended}, command)
    for command in ('cancel', 'wait'):
        t.equal(ids(command), {running, waiting}, command)
    t.equal(ids('signal', 'USR1'), {running})
    t.equal(ids('signal', 'USR1', str(running)), {running}, 'and further ones')
    for command in ('watch', 'top', 'status', 'reload'):
        t.equal(offered(i, command, ''), [], command)


def test_lines_of_the_newer_commands(t):
    i = t.instance(CONFIG)
    t.equal(offered(i, 'signal', 'US'), ['USR1', 'USR2'])
    t.equal(offered(i, 'config', 'daemon.l'), ['daemon.log_level'])
    t.equal(offered(i, 'watch', '--queue', 'maili'), ['mailing-list'])
    t.equal(offered(i, 'watch', '--state=failed,ex'), ['--state=failed,expired'])
    t.equal(offered(i, 'retry', 'queue:maili'), ['queue:mailing-list'])
    t.equal(offered(i, 'purge', 'succ'), ['succeeded'])
    t.equal(offered(i, 'map', '--call', 'maili'), ['mailing-list'])
    t.equal(ask(i, 'map', '-a', ''), ('files', {'-': ''}))
    t.equal(ask(i, 'map', '-j', '4', 'gz'), ('command 3', {}))
    t.equal(ask(i, 'map', 'gzip', '-'), ('command 1', {}))
    t.equal(ask(i, 'map', 'gzip', '{}', ':::', 'a', ''), ('files', {}))


def test_what_tasks_are_called_is_escaped(t):
    i = t.instance()
    task = i.submit('-N', 'a\tb\x1b[31m\nc', 'true')
    t.equal(ask(i, 'show', str(task))[1][str(task)].split(': ', 1)[1], 'a\\tb\\x1b[31m\\nc')


def test_without_an_instance_it_is_silent(t):
    i = t.instance(start=False)
    t.equal(offered(i, 'submit', '-q', ''), [])
    t.true('last' in offered(i, 'cancel', ''), 'what needs no instance is offered')
    t.true(not i.state.exists(), 'none was started')


def test_an_instance_that_hangs_is_given_up(t):
    i = t.instance(CONFIG)
    impatient = {'client': BUILD / 'client' / 'cli' / 'stint', 'code': 75}
    dispatcher = i.dispatcher()
    os.kill(dispatcher, signal.SIGSTOP)
    try:
        t.equal(ask(i, 'submit', '-q', '', **impatient), ('words', {}))
        known = ask(i, 'cancel', '', **impatient)[1]
        t.true('last' in known, 'what needs no instance is offered')
    finally:
        os.kill(dispatcher, signal.SIGCONT)


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
    t.equal(s.completed('stint signal WIN'), ['stint', 'signal', 'WINCH'])
    t.equal(s.completed('stint watch --queue=maili'), ['stint', 'watch', '--queue=mailing-list'])
    t.equal(s.completed('stint retry name:tw'), ['stint', 'retry', 'name:two words'])
    t.equal(s.completed('stint purge --old'), ['stint', 'purge', '--older'])
    t.equal(s.completed('stint --user to'), ['stint', '--user', 'top'])
    t.equal(
        s.completed(f'stint map wc ::: {i.home}/inp'),
        ['stint', 'map', 'wc', ':::', f'{i.home}/input file'],
    )


def test_bash_lists_ids_with_their_names(t):
    i = t.instance(CONFIG)
    first, second = i.submit('-N', 'nightly', 'true'), i.submit('-N', 'weekly', 'false')
    i.ended(first), i.ended(second)
    s = bash(t, i)
    for command in ('show', 'retry', 'purge', 'logs', 'list'):
        s.offered(
            f'stint {command} ', rf'\b{second} +\(failed: weekly\)',
            rf'\b{first} +\(succeeded: nightly\)',
        )


def test_bash_completes_the_command_of_a_task(t):
    if not BASH_COMPLETION.exists():
        raise Skip('bash-completion is not installed')
    i = t.instance(start=False)
    (i.home / 'folder').mkdir()
    s = bash(t, i)
    t.equal(s.completed('stint submit -p 5 mkfif'), ['stint', 'submit', '-p', '5', 'mkfifo'])
    t.equal(s.completed('stint map -j2 mkfif'), ['stint', 'map', '-j2', 'mkfifo'])
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
    t.equal(s.completed('stint signal WIN'), ['stint', 'signal', 'WINCH'])
    t.equal(s.completed('stint watch --queue=maili'), ['stint', 'watch', '--queue=mailing-list'])
    t.equal(s.completed('stint retry name:tw'), ['stint', 'retry', 'name:two words'])
    t.equal(s.completed('stint purge --old'), ['stint', 'purge', '--older'])
    t.equal(s.completed('stint --user to'), ['stint', '--user', 'top'])
    t.equal(s.completed('stint map -j2 mkfif'), ['stint', 'map', '-j2', 'mkfifo'])
    t.equal(
        s.completed(f'stint map wc ::: {i.home}/inp'),
        ['stint', 'map', 'wc', ':::', f'{i.home}/input file'],
    )
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
    t.equal(list(fish(t, i, 'stint signal WIN')), ['WINCH'])
    t.equal(list(fish(t, i, 'stint watch --queue=maili')), ['--queue=mailing-list'])
    t.equal(list(fish(t, i, 'stint retry name:tw')), ['name:two words'])
    t.equal(fish(t, i, f'stint retry {task}'), {str(task): 'succeeded: two words'})
    t.equal(list(fish(t, i, 'stint purge --old')), ['--older'])
    t.equal(list(fish(t, i, 'stint --user to')), ['top'])
    t.true('mkfifo' in fish(t, i, 'stint map -j2 mkfif'), 'commands')
    t.equal(list(fish(t, i, f'stint map wc ::: {i.home}/inp')), [f'{i.home}/input file'])
