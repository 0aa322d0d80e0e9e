"""Reads the tree for tidy: which files count, and what a C file looks like without its comments.

Nothing here knows a rule. A C file is not parsed: comments, strings and preprocessor lines are
blanked out in place, so that every remaining character keeps its line, and functions are found by
the brace that follows a parenthesis at depth 0.
"""
import ast
import os
import re

SKIPPED = {".git", "__pycache__", "subprojects"}
SUFFIXES = {".c": "c", ".h": "c", ".py": "py", ".sh": "sh", ".build": "meson"}


class Source:
    """One file. text is as it is; lines are numbered from 1 by enumerate(..., 1)."""

    def __init__(self, root, path):
        self.path = path
        with open(os.path.join(root, path), encoding="utf-8", errors="replace") as f:
            self.text = f.read()
        self.lines = self.text.split("\n")
        if self.lines and self.lines[-1] == "":
            self.lines.pop()
        self.kind = kind_of(path, self.lines)
        self._code = None

    @property
    def is_test(self):
        return self.path.startswith("tests/")

    @property
    def code(self):
        """The text with comments and the contents of strings blanked; C only, else the text."""
        if self._code is None:
            self._code = blank(self.text) if self.kind == "c" else self.text
        return self._code

    def includes(self):
        """(line, name, quoted) of every #include."""
        for number, line in enumerate(self.lines, 1):
            m = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
            if m:
                yield number, m.group(2), m.group(1) == '"'

    def functions(self):
        """(line, name, length in lines) of every function."""
        find = {"c": c_functions, "py": py_functions, "sh": sh_functions}.get(self.kind)
        return find(self) if find else []


def kind_of(path, lines):
    kind = SUFFIXES.get(os.path.splitext(path)[1])
    if kind or not lines or not lines[0].startswith("#!"):
        return kind
    return "py" if "python" in lines[0] else "sh"


def walk(root):
    """Every source file below root in order of its path; build directories are left out."""
    found = []
    for directory, names, files in os.walk(root):
        if "build.ninja" in files or "meson-private" in names:
            names[:] = []
            continue
        if directory == root:  # what scripts make
            names[:] = [n for n in names if not n.startswith("build")]
        names[:] = sorted(n for n in names if n not in SKIPPED)
        for name in files:
            path = os.path.relpath(os.path.join(directory, name), root)
            if os.path.isfile(os.path.join(root, path)):
                found.append(path)
    sources = (Source(root, p) for p in sorted(found) if may_be_source(p))
    return [s for s in sources if s.kind]


def may_be_source(path):
    suffix = os.path.splitext(path)[1]
    return suffix in SUFFIXES or suffix == ""


TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def blank(text):
    """Comments become blanks ('//' stays, since it is a finding), strings keep their quotes."""

    def hide(m):
        t = m.group(0)
        keep = 2 if t.startswith("//") else 0
        if t[0] in "\"'":
            return t[0] + re.sub(r"[^\n]", " ", t[1:-1]) + t[-1]
        return t[:keep] + re.sub(r"[^\n]", " ", t[keep:])

    return TOKEN.sub(hide, text)


DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.M)


def c_functions(source):
    code = DIRECTIVE.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)), source.code)
    depth, start, last, opened = 0, None, "", None
    line = 1
    for i, ch in enumerate(code):
        if ch == "\n":
            line += 1
        if ch.isspace():
            continue
        if depth == 0 and start is None:
            start, begin = line, i
        if ch == "{":
            if depth == 0 and last == ")":
                opened = (start, function_name(code[begin:i]))
            depth += 1
        elif ch == "}":
            depth = max(0, depth - 1)
            if depth == 0:
                if opened:
                    yield opened[0], opened[1], line - opened[0] + 1
                start, opened = None, None
        elif ch == ";" and depth == 0:
            start = None
        last = ch


def function_name(signature):
    m = re.search(r"(\w+)\s*\(", re.sub(r"__attribute__\s*\(\(.*?\)\)", "", signature))
    return m.group(1) if m else "?"


def py_functions(source):
    try:
        tree = ast.parse(source.text)
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.lineno, node.name, node.end_lineno - node.lineno + 1


def sh_functions(source):
    opened = None
    for number, line in enumerate(source.lines, 1):
        m = re.match(r"(?:function\s+)?([\w-]+)\s*\(\)\s*\{\s*$", line)
        if m:
            opened = (number, m.group(1))
        elif line == "}" and opened:
            yield opened[0], opened[1], number - opened[0] + 1
            opened = None
