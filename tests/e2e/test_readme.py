"""README.md is true: its first session is played as it stands there."""
import re

from test_first_contact import PAGE, Place, comparable

README = PAGE.parents[1] / 'README.md'
ENDLESS = ('stint top', 'stint watch')  # they go on until somebody leaves them


def blocks():
    """The dialogues of the first session: what is indented and begins with a prompt."""
    session = re.search(r'^## A first session\n(.*?)^## ', README.read_text(), re.M | re.S).group(1)
    found = re.findall(r'^    \$ .*\n(?:    .*\n)*', session, re.M)
    return [re.sub('^    ', '', block, flags=re.M) for block in found]


def commands(block):
    return re.findall(r'^\$ (.*)$', block, re.M)


def test_the_first_session_is_as_the_readme_shows_it(t):
    first, inputs, looking = blocks()
    place = Place(t)
    shown = place.play(commands(first)).replace('/home/alice', '/home/you')
    t.equal(comparable(shown), comparable(first))

    for name in ('a b.log', 'c.log', 'x.pdf', 'y.pdf'):
        (place.home / name).write_text(name)
    told = place.play(commands(inputs)).splitlines()
    t.true((place.home / 'a b.log.gz').exists() and (place.home / 'c.log.gz').exists(), told)
    tagged = [line for line in told if '\t' in line]
    t.equal([line.split('\t')[0] for line in tagged], ['x.pdf', 'y.pdf'], told)

    for line in commands(looking):
        if not line.startswith(ENDLESS):
            told = place.play([line, 'echo "code $?"'])
            t.true(told.endswith('code 0\n') and 'stint:' not in told, told)


def test_every_link_leads_somewhere(t):
    for page in README, *PAGE.parent.glob('*.md'):
        for link in re.findall(r'\]\(([^)#:]+)(?:#[^)]*)?\)', page.read_text()):
            t.true((page.parent / link).exists(), f'{page.name}: {link}')
