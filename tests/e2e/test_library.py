"""libstint as somebody meets it who installs the package: headers, the shared and the static
library, flags from pkg-config, and the examples, compiled by a real compiler."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from harness import BUILD, PATIENCE, Skip

ROOT = pathlib.Path(__file__).parents[2]
HEADERS = ROOT / 'client' / 'include' / 'stint'
WARNINGS = ['-std=c11', '-Wall', '-Wextra', '-Werror', '-pedantic']
NOBODY = {'STINT_ENDPOINT': 'ipc:///nowhere/control.sock'}
CONFIG = '''queues: ({ name = "default"; }, { name = "mail"; },
                    { name = "small"; max_waiting = 2; });
pools: ({ name = "default"; queues = ["default", "small"]; workers = 2; },
        { name = "mail"; queues = ["mail"]; handler = "echo"; workers = 1; });
'''


def run(*argv, code=0, **options):
    done = subprocess.run(
        [str(word) for word in argv], capture_output=True, text=True, check=False,
        timeout=PATIENCE * 2, **{'stdin': subprocess.DEVNULL, **options},
    )
    if done.returncode != code:
        raise AssertionError(
            f'{argv}: exit {done.returncode}, not {code}: {done.stdout[-500:]} {done.stderr[-500:]}'
        )
    return done.stdout


def directory(t):
    where = pathlib.Path(tempfile.mkdtemp(prefix='stint-library-'))
    t.clean_up(lambda: shutil.rmtree(where, ignore_errors=True))
    return where


def sanitized():
    """Libraries with a sanitizer need a program that was linked with it, too."""
    symbols = run('nm', '-D', BUILD / 'client' / 'libstint.so')
    if '__asan_' in symbols or '__tsan_' in symbols or '__ubsan_' in symbols:
        raise Skip('the library is built with a sanitizer')


class Installed:
    """What `meson install` puts somewhere, and the flags that pkg-config gives for it."""

    def __init__(self, t):
        sanitized()
        if not shutil.which('cc') or not shutil.which('pkg-config'):
            raise Skip('there is no cc or pkg-config')
        self.where = directory(t)
        run('meson', 'install', '-C', BUILD, '--no-rebuild', '--quiet', '--destdir', self.where)
        self.file = next(self.where.rglob('stint.pc'))
        self.library = next(self.where.rglob('libstint.so'))
        self.env = {
            **os.environ,
            'PKG_CONFIG_PATH': str(self.file.parent),
            'PKG_CONFIG_SYSROOT_DIR': str(self.where),
        }

    def flags(self, *options):
        return run('pkg-config', *options, 'stint', env=self.env).split()

    def compile(self, source, *more, flags=None):
        target = self.where / source.stem
        flags = flags or self.flags('--cflags', '--libs')
        run('cc', *WARNINGS, '-D_GNU_SOURCE', source, '-o', target, *flags, *more)
        return target

    def environment(self, instance):
        return {**instance.env, 'LD_LIBRARY_PATH': str(self.library.parent)}


def functions():
    """Names of the functions that the public headers declare."""
    text = ''.join((HEADERS / name).read_text() for name in ('stint.h', 'task.h'))
    text = re.sub(r'/\*.*?\*/', '', text, flags=re.S)
    return sorted(set(re.findall(r'\b(stint_\w+)\(', text)))


def example_of_the_header():
    """The program in the comment at the head of stint.h."""
    comment = (HEADERS / 'stint.h').read_text().split('*/', 1)[0]
    text = re.sub(r'^ \*(      )?', '', comment, flags=re.M)
    return text[text.index('#include') : text.index('\n}\n') + 3]


# ---- what is exported ----


def test_exactly_the_functions_of_the_headers_are_exported_with_their_version(t):
    found = []
    for line in run('nm', '-D', '--defined-only', '--with-symbol-versions',
                    BUILD / 'client' / 'libstint.so').splitlines():
        _, kind, name = line.split()
        if kind != 'A':  # the version itself
            t.equal(kind, 'T', name)
            found.append(name)
    t.equal(sorted(found), [f'{name}@@STINT_1' for name in functions()])


def test_the_static_library_has_no_other_global_names(t):
    found = [line.split() for line in run('nm', '-g', '--defined-only',
                                          BUILD / 'client' / 'libstint.a').splitlines()]
    t.equal(sorted(words[2] for words in found if len(words) == 3), functions())


def test_the_library_has_no_state_of_its_own(t):
    sanitized()
    own = [line.split() for line in run('nm', '--defined-only',
                                        BUILD / 'client' / 'libstint.a').splitlines()]
    kinds = 'BbCDdGgSs'
    readonly = set()
    for line in run('objdump', '-t', BUILD / 'client' / 'libstint.a').splitlines():
        if '.data.rel.ro' in line:
            readonly.add(line.split()[-1])
    writable = [w[2] for w in own if len(w) == 3 and w[1] in kinds and w[2] not in readonly]
    t.equal(writable, [])
    t.true(readonly, 'objdump tells the sections')


# ---- compiling against it ----


def test_a_program_compiles_with_the_flags_of_pkg_config_and_runs(t):
    installed, instance = Installed(t), t.instance()
    source = installed.where / 'example.c'
    source.write_text(example_of_the_header().replace('"make", "check"', '"true"'))
    program = installed.compile(source)
    t.equal(run(program, env=installed.environment(instance)), 'succeeded\n')
    t.contains(run('ldd', program, env=installed.environment(instance)), 'libstint.so.1')
    run(program, env={**installed.environment(instance), **NOBODY}, code=1)


def test_the_example_at_the_head_of_the_header_compiles_as_it_stands(t):
    installed = Installed(t)
    source = installed.where / 'header.c'
    source.write_text(example_of_the_header())
    installed.compile(source)


def test_a_program_is_linked_with_the_static_library(t):
    installed, instance = Installed(t), t.instance()
    source = installed.where / 'example.c'
    source.write_text(example_of_the_header().replace('"make", "check"', '"true"'))
    flags = installed.flags('--static', '--cflags', '--libs')
    program = installed.compile(
        source, flags=['-l:libstint.a' if f == '-lstint' else f for f in flags]
    )
    t.true('libstint' not in run('ldd', program), 'it needs no shared libstint')
    t.equal(run(program, env=instance.env), 'succeeded\n')


def test_the_headers_are_good_in_every_standard_and_in_cxx(t):
    where = directory(t)
    for name in ('stint.h', 'task.h'):
        (where / 'one.c').write_text(f'#include <stint/{name}>\nint one(void);\n')
        strict = ['-Wall', '-Wextra', '-Werror', '-pedantic', '-fsyntax-only', '-I', HEADERS.parent]
        for standard in ('c99', 'c11', 'gnu17'):
            run('cc', f'-std={standard}', *strict, where / 'one.c')
        if shutil.which('c++'):
            run('c++', '-x', 'c++', *strict, where / 'one.c')


def test_two_threads_use_a_client_each_at_once(t):
    instance = t.instance(CONFIG)
    endpoint = (instance.state / 'endpoint').read_text().strip()
    run(BUILD / 'tests' / 'unit' / 'client' / 'two-threads',
        env={**instance.env, 'STINT_ENDPOINT': endpoint})
    t.equal(len(instance.json('list', '-n', '5000')['tasks']), 2000)


# ---- the examples ----


def ppm(width, height, colour=None):
    """An image: of one colour, or of stripes."""
    pixels = bytes(colour) * (width * height) if colour else bytes(
        value for y in range(height) for x in range(width)
        for value in ((x * 7) % 256, (y * 5) % 256, (x ^ y) % 256)
    )
    return f'P6\n{width} {height}\n255\n'.encode() + pixels


def halved(data):
    """What the example makes of an image: each pixel is the mean of 5 × 5."""
    magic, size, _, pixels = data.split(b'\n', 3)
    width, height = map(int, size.split())
    small_width, small_height = (width + 1) // 2, (height + 1) // 2
    out = bytearray()
    for y in range(small_height):
        for x in range(small_width):
            for c in range(3):
                total = sum(
                    pixels[3 * (min(max(2 * y + dy, 0), height - 1) * width
                                + min(max(2 * x + dx, 0), width - 1)) + c]
                    for dy in range(-2, 3) for dx in range(-2, 3)
                )
                out.append(total // 25)
    return magic + f'\n{small_width} {small_height}\n255\n'.encode() + bytes(out)


def test_parallel_images_shrinks_real_images(t):
    installed, instance = Installed(t), t.instance()
    program = installed.compile(ROOT / 'examples' / 'parallel-images.c')
    where = directory(t)
    images = {'stripes.ppm': ppm(31, 20), 'a name with blanks.ppm': ppm(8, 9, (200, 100, 50))}
    for name, data in images.items():
        (where / name).write_bytes(data)
    out = run(program, *images, cwd=where, env=installed.environment(instance))
    for name, data in images.items():
        t.equal((where / f'{name}.small').read_bytes(), halved(data), name)
    t.equal(sorted(out.splitlines()), ['a name with blanks.ppm: 8 x 9 -> 4 x 5',
                                       'stripes.ppm: 31 x 20 -> 16 x 10'])
    (where / 'broken.ppm').write_bytes(images['stripes.ppm'][:100])
    out = run(program, 'broken.ppm', 'stripes.ppm', code=1, cwd=where,
              env=installed.environment(instance))
    t.contains(out, 'broken.ppm: failed: no PPM image')
    t.contains(out, 'stripes.ppm: 31 x 20 -> 16 x 10')


def test_parallel_images_makes_its_own_and_outlives_the_dispatcher(t):
    installed, instance = Installed(t), t.instance()
    program = installed.compile(ROOT / 'examples' / 'parallel-images.c')
    where = directory(t)
    process = subprocess.Popen([program], cwd=where, env=installed.environment(instance),
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    t.clean_up(lambda: instance.end(process))
    process.stderr.readline()  # the first image is done
    instance.kill_dispatcher()
    out, _ = process.communicate(timeout=PATIENCE * 2)
    t.equal(process.returncode, 0)
    t.equal(len(out.splitlines()), 12)
    for image in where.glob('*.ppm'):
        small = where / f'{image.name}.small'
        t.equal(small.read_bytes()[:2], b'P6')
    # A loss of its worker apart, each image was one task.
    t.equal(len(instance.json('list', 'name:shrink')['tasks']), 12)


def test_producer_queues_commands_and_messages_within_its_bounds(t):
    installed, instance = Installed(t), t.instance(CONFIG)
    program = installed.compile(ROOT / 'examples' / 'producer.c')
    env = installed.environment(instance)
    lines = [f'line {n} with "quotes" and $dollars' for n in range(200)]
    out = run(program, '-m', '10', '-n', '5', 'echo', '-n', input='\n'.join(lines) + '\n', env=env,
              stdin=None)
    ids = sorted(map(int, out.split()))
    t.equal(ids, list(range(1, 201)))
    t.equal(instance.output(7).decode(), lines[6])
    out = run(program, '-q', 'mail', input='hello\nworld', env=env, stdin=None)
    t.equal(sorted(instance.output(int(word)) for word in out.split()), [b'hello', b'world'])


def test_producer_offers_again_what_a_full_queue_refused_and_tells_of_failures(t):
    installed, instance = Installed(t), t.instance(CONFIG)
    program = installed.compile(ROOT / 'examples' / 'producer.c')
    env = installed.environment(instance)
    out = run(program, '-q', 'small', 'true', input='\n'.join(map(str, range(60))) + '\n', env=env,
              stdin=None)
    t.equal(len(set(out.split())), 60)
    run(program, 'test', '3', '-lt', input='4\n2\n5\n', code=1, env=env, stdin=None)
    run(program, 'true', input='x\n', code=2, stdin=None,
        env={**env, **NOBODY})
