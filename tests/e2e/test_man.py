"""The manual: each page renders and says what the programs say themselves."""
import json
import os
import pathlib
import re
import shutil
import subprocess

from harness import BUILD, Skip

ROOT = pathlib.Path(__file__).parents[2]
PAGES = BUILD / 'docs' / 'man'
STINT = BUILD / 'client' / 'cli' / 'stint'
BENCH = BUILD / 'bench' / 'stint-bench'
# Pages of others that ours refer to.
OTHERS = {'eventfd(2)', 'fork(2)', 'signal(7)', 'signalfd(2)', 'xargs(1)'}
OPTION = r'(?:-(\w), )?--([a-z-]+)(?: (\S+))?'
CONFIG = '''daemon: { log_level = "info"; };
control: { socket = "%(run)s/%(control)s"; group = "%(group)s"; };
events: { socket = "%(run)s/%(events)s"; };
store: { url = "%(store)s"; };
'''


def run(*argv, **options):
    done = subprocess.run(
        argv, capture_output=True, text=True, check=False, timeout=120, stdin=subprocess.DEVNULL,
        **options,
    )
    if done.returncode:
        raise AssertionError(f'{argv}: exit {done.returncode}: {done.stderr}')
    return done


def pages():
    found = sorted(PAGES.glob('*.[1358]'))
    if not found:
        raise Skip('the man pages were not built: scdoc is missing')
    return found


def man(page, *arguments):
    """The text of a page as man shows it on a very wide terminal."""
    env = {**os.environ, 'MANWIDTH': '5000', 'LC_ALL': 'C.UTF-8', 'MAN_KEEP_FORMATTING': ''}
    done = run('man', '--no-hyphenation', '-E', 'UTF-8', *arguments, '-l', str(page), env=env)
    return done.stdout, done.stderr


def page_options(page):
    """(letter, name, value) of each option that a page explains."""
    text = man(page)[0].split('\nOPTIONS\n', 1)[1]
    text = re.split(r'^[A-Z]', text, flags=re.M)[0]
    return set(re.findall(rf'^ +{OPTION}$', text, re.M))


def help_options(*command):
    """The same of a help text."""
    return set(re.findall(rf'^ +{OPTION}(?=  |$)', run(*map(str, command), '--help').stdout, re.M))


def described():
    return json.loads(run(str(STINT), '_describe').stdout)['client']


# ---- rendering ----


def test_every_page_renders_without_a_warning(t):
    for page in pages():
        text, warnings = man(page, '--warnings')
        t.equal(warnings, '', page.name)
        for section in ('NAME', 'SYNOPSIS', 'DESCRIPTION', 'EXAMPLES', 'SEE ALSO'):
            t.true(f'\n{section}\n' in text, f'{page.name} has {section}')


def test_every_page_passes_another_formatter(t):
    if not shutil.which('mandoc'):
        raise Skip('mandoc is not installed')
    for page in pages():
        done = subprocess.run(
            ['mandoc', '-Tlint', '-Wwarning', str(page)], capture_output=True, text=True,
            check=False, timeout=60,
        )
        # scdoc writes paragraphs where none are needed; that is not of the page's making.
        told = [line for line in done.stdout.splitlines() if 'paragraph macro' not in line]
        t.equal(told, [], page.name)


def test_pages_refer_to_pages_that_exist(t):
    names = {f'{page.stem}({page.suffix[1:]})' for page in pages()}
    for page in pages():
        referred = set(re.findall(r'(?<![\w.])([a-z][\w.-]*\(\d\))', man(page)[0]))
        t.equal(referred - names - OTHERS, set(), page.name)


# ---- what the programs say themselves ----


def test_every_command_has_a_page_and_two_examples(t):
    commands = described()['commands']
    t.equal(
        {page.stem[6:] for page in pages() if page.stem.startswith('stint-')} - {'bench'},
        {c['name'] for c in commands},
    )
    for c in commands:
        t.true(len(c['examples']) >= 2, f'{c["name"]} has two examples in its help')
        synopsis = f'stint {c["name"]} {c["synopsis"]}'.strip()
        t.true(f' {synopsis}\n' in man(PAGES / f'stint-{c["name"]}.1')[0], synopsis)
    listed = run(str(STINT), '--help').stdout
    t.equal(
        {c['name'] for c in commands}, set(re.findall(r'^  ([a-z]\w*) {2,}', listed, re.M)),
    )


def test_pages_and_help_explain_the_same_options(t):
    pages()
    for c in described()['commands']:
        options = help_options(STINT, c['name'])
        t.true(('h', 'help', '') in options, f'the options of {c["name"]} are found')
        t.equal(page_options(PAGES / f'stint-{c["name"]}.1'), options, c['name'])
    t.equal(
        page_options(PAGES / 'stint.1') - help_options(STINT), {('V', 'version', '')},
        'what stands before a command only',
    )
    stintd = help_options(BUILD / 'supervisor' / 'stintd')
    t.true(('', 'config', 'FILE') in stintd, 'the options of stintd are found')
    t.equal(page_options(PAGES / 'stintd.8'), stintd)
    bench = help_options(BENCH)
    t.true(('n', 'tasks', 'N') in bench, 'the options of stint-bench are found')
    t.equal(page_options(PAGES / 'stint-bench.1'), bench)


def test_every_value_is_known_to_the_completion(t):
    client = described()
    known = set(client['placeholders'])
    groups = [g for c in client['commands'] for g in c['groups']] + [client['general']]
    for option in (o for g in groups for o in g['options'] if o['value']):
        words = option['value'].rstrip('…').rstrip(',').split('|')
        unknown = {w for w in words if w.upper() == w and re.search('[A-Z]', w)} - known
        t.equal(unknown, set(), option['name'])


# ---- stintd.conf ----


def keys():
    """{(group, key): text} of stintd.conf(5)."""
    pages()
    text = man(PAGES / 'stintd.conf.5')[0].split('\nKEYS\n', 1)[1].split('\nEXAMPLES\n', 1)[0]
    found, group = {}, None
    for line in text.splitlines():
        if heading := re.fullmatch(r'   ([a-z.]+)(, for each entry)?', line):
            group = heading.group(1)
        elif name := re.fullmatch(r' {7}(\w+)', line):
            key = (group, name.group(1))
            found[key] = ''
        elif line.strip():
            found[key] += line
    return found


def test_the_keys_are_those_of_the_loader_and_of_the_sample(t):
    rows = [
        line.split('\t') for line in run(str(PAGES / 'config-keys')).stdout.splitlines()
    ]
    t.equal(set(keys()), {(row[0], row[1]) for row in rows})
    sample = (ROOT / 'config' / 'stintd.conf').read_text()
    t.equal(
        {name for _, name in keys()}, set(re.findall(r'^ +#?(\w+) = ', sample, re.M)),
        'the keys of the sample',
    )
    for (group, name), text in keys().items():
        t.contains(text, 'A change takes effect ')
        t.true('Default: ' in text or 'Required.' in text, f'{group}.{name} has a default')


def test_what_needs_a_restart_is_refused_by_a_reload(t):
    told = {'.'.join(key) for key, text in keys().items() if 'only with a restart' in text}
    i = t.instance(start=False)
    values = {
        'run': i.home, 'control': 'c.sock', 'events': 'e.sock', 'group': '',
        'store': f'sqlite:{i.home}/a.db',
    }
    changes = {
        'control.socket': {'control': 'other.sock'},
        'control.group': {'group': 'daemon'},
        'events.socket': {'events': 'elsewhere.sock'},
        'store.url': {'store': f'sqlite:{i.home}/b.db'},
    }
    t.equal(told, set(changes))
    i.config.write_text(CONFIG % values)
    i.start()
    for number, key in enumerate(changes, 1):
        i.reload(CONFIG % {**values, **changes[key]})
        t.until(
            lambda: i.log_text().count('the new configuration is refused') >= number,
            f'a change of {key} is refused',
        )


# ---- libstint ----


def test_libstint_explains_every_function(t):
    pages()
    symbols = run('nm', '-D', '--defined-only', str(BUILD / 'client' / 'libstint.so')).stdout
    functions = set(re.findall(r' T (stint_\w+)', symbols))
    t.true(len(functions) > 30, 'the functions are found')
    text = man(PAGES / 'libstint.3')[0].split('\nTYPES AND FUNCTIONS\n', 1)[1]
    t.equal(set(re.findall(r'^ +[\w *]*\b(stint_\w+)\(', text, re.M)), functions)
