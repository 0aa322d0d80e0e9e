"""Reads the public headers of libstint for its man page: declarations with the comments before or
behind them, by the sections that the headers are divided into.

No C parser: a declaration ends with a semicolon outside of braces, and comments stand where
clang-format leaves them.
"""
import re

SECTION = re.compile(r'/\* ---- (.+?) ----(.*?)\*/', re.S)
# What a header consists of besides comments.
TOKEN = re.compile(r'/\*.*?\*/|^\s*#(?:[^\n\\]|\\\n|\\.)*|[^/{};#]+|[{};/#]', re.S | re.M)
GUARDS = re.compile(r'#\s*(ifndef|endif|include|ifdef)|#define STINT_\w+_H$')


def comment_text(comment):
    """The words of a comment, without its stars."""
    inner = comment.strip()[2:-2].strip(' *\n')
    return re.sub(r'\s*\n\s*\*?\s*', ' ', inner).strip()


def declarations(text):
    """(comment, code) of each declaration; code keeps the comments inside."""
    found, comment, code, depth = [], '', '', 0
    for token in TOKEN.findall(text):
        if token.lstrip().startswith('#') and not code.strip():
            if token.lstrip().startswith('#define') and not GUARDS.match(token.strip()) and found:
                found[-1] = (found[-1][0], found[-1][1] + '\n' + token.strip())
        elif token.startswith('/*') and not code.strip():
            comment = comment_text(token)
        else:
            code += token
            depth += {'{': 1, '}': -1}.get(token, 0)
            if token == ';' and depth == 0:
                found.append((comment, code.strip()))
                comment, code = '', ''
    return found


def behind(text):
    """A comment behind a declaration, on its line or going on below, moves before it."""
    return re.sub(
        r'^([^\s/#}*][^\n{}]*;)[ \t]*(/\*.*?\*/)$', r'\2\n\1', text, flags=re.S | re.M
    )


def inside(text):
    """The part between the guards for C++."""
    return text.split('extern "C" {\n#endif\n', 1)[1].split('#ifdef __cplusplus\n}', 1)[0]


def sections(paths):
    """(title, [(comment, code)]) of every section; what stands before the first is named so."""
    titles = {'stint.h': 'types and errors', 'task.h': 'tasks, their ends and their details'}
    for path in paths:
        parts = SECTION.split(inside(path.read_text()))
        yield titles[path.name], declarations(behind(parts[0]))
        for title, more, text in zip(parts[1::3], parts[2::3], parts[3::3]):
            items = declarations(behind(text))
            note = comment_text(f'/*{more}*/')
            if items and note:
                items[0] = (f'{note} {items[0][0]}'.strip(), items[0][1])
            if items:
                yield title, items
