"""What `meson install` puts where, under /usr and elsewhere; that it works from there, and that
nothing is left of it after `ninja uninstall`.

Each prefix is configured in a build directory of its own, which takes what was built from this
one's: only its place depends on the prefix, and so nothing is compiled.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess

from harness import BUILD, Skip

ROOT = pathlib.Path(__file__).parents[2]
OPT = '/opt/stint'
# What is not a man page, by what is below the prefix or, for /usr, beside it.
PROGRAMS = ['bin/stint', 'bin/stint-bench', 'bin/stintd', 'libexec/stint/stint-dispatcher',
            'libexec/stint/stint-worker']  # fmt: skip
LIBRARY = ['include/stint/stint.h', 'include/stint/task.h', 'LIB/libstint.a', 'LIB/libstint.so',
           'LIB/libstint.so.1', 'LIB/libstint.so.1.0.0', 'LIB/pkgconfig/stint.pc']  # fmt: skip
UNITS = ['lib/systemd/system/stintd.service', 'lib/systemd/system/stintd.socket',
         'lib/systemd/system/stintd@.service', 'lib/systemd/user/stintd.service',
         'lib/systemd/user/stintd.socket', 'lib/sysusers.d/stint.conf',
         'lib/tmpfiles.d/stint.conf']  # fmt: skip
SHARED = ['share/bash-completion/completions/stint', 'share/fish/vendor_completions.d/stint.fish',
          'share/doc/stint/operations.md', 'share/doc/stint/store.md',
          'share/doc/stint/examples/check-stint', 'share/doc/stint/examples/parallel-images.c',
          'share/doc/stint/examples/producer.c',
          'share/doc/stint/examples/strict.conf']  # fmt: skip
# Paths of an installation in /usr, which no other one may name.
OF_USR = re.compile(r'(?:/etc|/run|/var/lib)/stint\b|/usr/(?:bin|libexec)/stint\S*')


def run(*argv, **options):
    done = subprocess.run(
        [*map(str, argv)], capture_output=True, text=True, check=False, timeout=300,
        stdin=subprocess.DEVNULL, **options,
    )  # fmt: skip
    if done.returncode:
        raise AssertionError(f'{argv}: exit {done.returncode}: {done.stdout}{done.stderr}')
    return done.stdout


class Build:
    """A build directory for a prefix, and an empty place to install into."""

    def __init__(self, t, prefix, *options):
        home = t.instance(start=False).home
        self.dir, self.place, self.prefix = home / 'build', home / 'place', pathlib.Path(prefix)
        run('meson', 'setup', self.dir, ROOT, f'--prefix={prefix}', '-Dtests=disabled', *options)
        introspected = json.loads(run('meson', 'introspect', '--installed', self.dir))
        self.installed = dict(sorted(introspected.items(), key=lambda item: item[1]))
        self.lib = pathlib.Path(self.installed['libstint.so']).parent

    def paths(self):
        """Everything but man pages; LIB is the directory of libraries."""
        ends = [path.replace(str(self.lib), 'LIB') for path in self.installed.values()]
        return {path for path in ends if '/share/man/' not in path}

    def install(self):
        for source in map(pathlib.Path, self.installed):
            if source.is_relative_to(self.dir) and not source.exists():
                source.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(BUILD / source.relative_to(self.dir), source)
        run('meson', 'install', '-C', self.dir, '--no-rebuild', '--destdir', self.place)

    def source(self, installed):
        return next(source for source, path in self.installed.items() if path == installed)

    def at(self, path):
        """An installed file."""
        return self.place / (self.prefix / path).relative_to('/')

    def text(self, path):
        return self.at(path).read_text()

    def files(self):
        return {path for path in self.place.rglob('*') if not path.is_dir()}


def below(prefix, paths):
    return {path if path.startswith('LIB') else f'{prefix}/{path}' for path in paths}


# ---- where it goes ----


def test_under_usr_everything_is_where_debian_looks_for_it(t):
    build = Build(t, '/usr')
    t.equal(build.paths(), below('/usr', PROGRAMS + LIBRARY + UNITS + SHARED) | {
        '/etc/stint/stintd.conf', '/usr/share/zsh/vendor-completions/_stint',
    })  # fmt: skip
    build.install()
    t.equal(
        (build.place / 'etc/stint/stintd.conf').read_text(),
        (ROOT / 'config' / 'stintd.conf').read_text(),
    )
    service = build.text('lib/systemd/system/stintd.service')
    for line in 'StateDirectory=stint', 'RuntimeDirectory=stint', 'ExecStart=/usr/bin/stintd':
        t.true(f'\n{line}\n' in service, line)
    t.contains(build.text('lib/systemd/system/stintd.socket'), '=/run/stint/control.sock\n')


def test_another_prefix_has_everything_below_it(t):
    build = Build(t, OPT)
    own = PROGRAMS + LIBRARY + UNITS + SHARED
    own += ['etc/stint/stintd.conf', 'share/zsh/site-functions/_stint']
    t.equal(build.paths(), below(OPT, own))
    build.install()
    for unit in 'system/stintd.service', 'system/stintd@.service', 'user/stintd.service':
        text = build.text(f'lib/systemd/{unit}')
        t.true(re.search(rf'^ExecStart={OPT}/bin/stintd', text, re.M), f'{unit} starts its own')
        t.true(re.search(rf'^ExecReload=\+?{OPT}/bin/stint ', text, re.M), f'{unit} reloads it')
    service = build.text('lib/systemd/system/stintd.service')
    t.contains(service, f'ReadWritePaths=-{OPT}/var/lib/stint\n')
    made = build.text('lib/tmpfiles.d/stint.conf')
    for directory in f'{OPT}/var/lib/stint 0700', f'{OPT}/var/run/stint 0755':
        t.contains(made, f'd {directory} stint stint')
    t.contains(
        build.text('lib/systemd/system/stintd.socket'), f'={OPT}/var/run/stint/control.sock\n'
    )
    for path in [*UNITS, 'etc/stint/stintd.conf']:
        t.equal(OF_USR.findall(re.sub(rf'{OPT}[\w/]*', '', build.text(path))), [], path)


def test_options_say_where_else(t):
    build = Build(
        t, '/usr/local', '--sysconfdir=/etc', '--localstatedir=/var', '-Dman=disabled',
        '-Dsystemunitdir=/lib/systemd/system', '-Duserunitdir=/units', '-Dsysusersdir=/accounts',
        '-Dtmpfilesdir=/directories', '-Dzshcompletiondir=/zsh',
    )  # fmt: skip
    paths = build.paths()
    for path in (
        '/etc/stint/stintd.conf', '/lib/systemd/system/stintd@.service', '/units/stintd.socket',
        '/accounts/stint.conf', '/directories/stint.conf', '/zsh/_stint', '/usr/local/bin/stint',
    ):  # fmt: skip
        t.true(path in paths, path)
    text = pathlib.Path(build.source('/lib/systemd/system/stintd.service')).read_text()
    t.contains(text, 'ExecStart=/usr/local/bin/stintd\n')
    t.contains(text, '\nStateDirectory=stint\n')


def test_the_manual_names_the_places_of_this_build(t):
    installed = json.loads(run('meson', 'introspect', '--installed', BUILD)).values()
    config = next(path for path in installed if path.endswith('/stintd.conf'))
    page = BUILD / 'docs' / 'man' / 'stintd.conf.5'
    if not page.exists():
        raise Skip('the man pages were not built: scdoc is missing')
    t.contains(run('man', '-E', 'UTF-8', '-l', page, env={**os.environ, 'MANWIDTH': '500'}), config)


# ---- what it does ----


def test_what_is_installed_works_and_goes_again(t):
    build = Build(t, OPT)
    own = build.at('etc/stint/conf.d/own.conf')
    own.parent.mkdir(parents=True)
    own.write_text('daemon: { log_level = "debug"; };\n')
    before = set(build.place.rglob('*'))
    build.install()
    for path in build.files() - {own}:
        if not path.is_symlink():
            t.equal(path.stat().st_mode & 0o022, 0, f'{path} is written by its owner only')
    i = t.instance(start=False)
    i.env.update(
        STINT_LIBEXECDIR=str(build.at('libexec/stint')),
        LD_LIBRARY_PATH=str(build.place / build.lib.relative_to('/')),
    )  # fmt: skip
    i.programs = {'stintd': build.at('bin/stintd'), 'stint': build.at('bin/stint')}
    i.start()
    t.equal(i.stint('run', 'echo', 'from there').stdout, 'from there\n')
    i.stop()
    run('ninja', '-C', build.dir, 'uninstall')
    t.equal(set(build.place.rglob('*')) - before, set(), 'nothing is left')
    t.equal(before - set(build.place.rglob('*')), set(), 'what was there is there')
