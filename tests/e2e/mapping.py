"""What the tests of `stint map` share: configurations, inputs that break scripts, running it."""
TWO = 'pools: ({ name = "default"; queues = ["default"]; workers = 2; });\n'
MESSAGES = '''queues: ({ name = "default"; }, { name = "echo"; }, { name = "noop"; });
pools: ({ name = "default"; queues = ["default"]; workers = 2; },
        { name = "echo"; queues = ["echo"]; handler = "echo"; workers = 2; },
        { name = "noop"; queues = ["noop"]; handler = "noop"; workers = 2; });
'''
# One of each of what breaks scripts; no newline, those are for --null.
NASTY = [
    b'plain', b'two words', b' lead and trail ', b"it's", b'"quoted"', b'$HOME', b'$(echo no)',
    b'`echo no`', b'-n', b'--help', b'back\\slash', b'*', b'a;b', b'a&b', b'a|b', b'<in',
    b'\xff\xfe',
    b'caf\xc3\xa9', b'#x', b'~', b'!!', b'tab\there', b'%s', b'',
]


def map_bytes(i, *arguments, input=b'', check=True, **options):
    return i.stint('map', *arguments, input=input, text=False, check=check, **options)


def lines(items):
    return b''.join(item + b'\n' for item in items)


def succeeded(i):
    """How many tasks of the default queue have succeeded."""
    queues = i.json('status')['status']['queues']
    return next(q['succeeded'] for q in queues if q['name'] == 'default')
