#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which test pins which clause of the contract, docs/contract.md.

Fails on a clause without a test, on a citation of what is no clause, on a
clause that neither code nor tests cite, and on a keeper that is gone.

A test pins a clause that its name has (test_map3_...), or that begins a
sentence of its comment: "MAP-3, MAP-7: mapping does not wait". Its comment is
the one above it or one inside of it; that of a fuzzer or of a case of the lab
is the first of its file. Anywhere else an id refers and pins nothing.
"""

import collections
import os
import re
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CONTRACT = 'docs/contract.md'
CITING = ['libdmabufcore', 'gst', 'ext', 'tests', 'docs']
KERNEL_ONLY = 'only a kernel: '

# Words before a number that look like a misspelled prefix, and are none
WORDS = {'ARM', 'CAP', 'EXT', 'GAP', 'GPU', 'HEAD', 'IEC', 'MAX', 'POOL'}

ROW = re.compile(r'\| <a id="([^"]*)"></a>([A-Z]+-\d+)'
                 r' \| ([^|]+) \| ([^|]+) \| ([^|]+) \|')
ID = re.compile(r'(?<![\w-])([A-Z]{2,5})-(\d+)\b')
RANGE = re.compile(r'\b([A-Z]{2,5})-(\d+) (?:…|\.\.\.) (?:\1-)?(\d+)\b')
LIST = r'[A-Z]{2,5}-\d+(?:(?:,| and| …) [A-Z]{2,5}-\d+)*'
LEADING = re.compile(rf'(?:^|[.:;] ){LIST}(?=[.,:;]|$)')
C_TEST = re.compile(r'(/\*(?:[^*]|\*(?!/))*\*/\s*)?'
                    r'GST_START_TEST \((\w+)\)')


class Clause:
    """A row of the contract."""

    def __init__(self, line, chapter, keeper):
        self.line, self.chapter, self.keeper = line, chapter, keeper

    @property
    def why_kernel(self):
        """Why only a kernel can have it, or None."""
        if self.keeper.startswith(KERNEL_ONLY):
            return self.keeper[len(KERNEL_ONLY):]
        return None


def read(top, path):
    with open(os.path.join(top, path), errors='replace') as file:
        return file.read()


def files(top, directory):
    """The files below a directory, as paths from the top."""
    for where, names, found in os.walk(os.path.join(top, directory)):
        names[:] = sorted(n for n in names if n != '__pycache__')
        for name in sorted(found):
            yield os.path.relpath(os.path.join(where, name), top)


def quoted(text):
    """Each id in a text, those within a range too."""
    for prefix, first, last in RANGE.findall(text):
        for number in range(int(first), int(last) + 1):
            yield f'{prefix}-{number}'
    for prefix, number in ID.findall(text):
        yield f'{prefix}-{number}'


# --- the contract ----------------------------------------------------------

def contract(top, complain):
    """id: Clause, in their order"""
    clauses, chapter = {}, ''
    for number, line in enumerate(read(top, CONTRACT).split('\n'), 1):
        if line.startswith('## '):
            chapter = line[3:]
        if '<a id=' not in line:
            continue
        row = ROW.fullmatch(line)
        if not row:
            complain(CONTRACT, number, 'not a row with id, clause, source'
                     ' and keeper')
            continue
        anchor, clause, _, _, keeper = row.groups()
        if anchor != clause.lower():
            complain(CONTRACT, number, f'the anchor of {clause} is {anchor}')
        if clause in clauses:
            complain(CONTRACT, number, f'{clause} is in line'
                     f' {clauses[clause].line} already')
        clauses[clause] = Clause(number, chapter, keeper)
    return clauses


def check_keepers(top, clauses, complain):
    for name, clause in clauses.items():
        if clause.why_kernel is not None:
            continue
        paths = re.findall(r'`([^`]+)`', clause.keeper)
        if not paths:
            complain(CONTRACT, clause.line, f'no file keeps {name}')
        for path in paths:
            if not os.path.isfile(os.path.join(top, path)):
                complain(CONTRACT, clause.line,
                         f'{path}, which keeps {name}, is not there')


# --- citations -------------------------------------------------------------

def is_close(a, b):
    """Whether one letter, or the order of letters, makes the difference."""
    longer, shorter = max(len(a), len(b)), min(len(a), len(b))
    begin = len(os.path.commonprefix([a, b]))
    end = len(os.path.commonprefix([a[::-1], b[::-1]]))
    return longer - min(begin + end, shorter) <= 1 or sorted(a) == sorted(b)


def mistake(clauses, prefixes, prefix, number):
    """What is wrong with an id, or None; UTF-8 and H-264 are none."""
    if f'{prefix}-{number}' in clauses:
        return None
    if prefix in prefixes:
        return f'{prefix}-{number} is no clause of {CONTRACT}'
    if len(prefix) < 3 or len(number) > 2 or prefix in WORDS:
        return None
    for known in sorted(prefixes):
        if len(known) > 2 and is_close(prefix, known):
            return (f'{prefix}-{number} is no clause of {CONTRACT};'
                    f' is {known}-{number} meant?')
    return None


def check_citations(top, clauses, complain):
    prefixes = {name.split('-')[0] for name in clauses}
    cited = set()
    for directory in CITING:
        for path in files(top, directory):
            if path == CONTRACT:
                continue
            for line, text in enumerate(read(top, path).split('\n'), 1):
                if directory != 'docs':
                    cited.update(quoted(text))
                for prefix, number in ID.findall(text):
                    wrong = mistake(clauses, prefixes, prefix, number)
                    if wrong:
                        complain(path, line, wrong)
    for name, clause in clauses.items():
        if name not in cited and clause.why_kernel is None:
            complain(CONTRACT, clause.line,
                     f'neither code nor tests cite {name}')


# --- pins ------------------------------------------------------------------

def leading(comment):
    """The ids that begin a sentence of a comment."""
    lines = []
    for line in re.sub(r'/\*+|\*+/|"""', '', comment).strip().split('\n'):
        line = line.strip(' *#')
        lines.append('.' if line.startswith('SPDX') else line or '.')
    for ids in LEADING.findall(' '.join(lines)):
        yield from quoted(ids)


def in_name(name, prefixes):
    for part in name.split('_'):
        found = re.fullmatch(r'([a-z]+)(\d+)', part)
        if found and found[1].upper() in prefixes:
            yield f'{found[1].upper()}-{found[2]}'


def c_tests(source):
    """name, line, comments of each test"""
    for match in C_TEST.finditer(source):
        comment, name = match.groups()
        end = source.find('GST_END_TEST', match.end())
        body = source[match.end():end if end > 0 else len(source)]
        comments = re.findall(r'/\*.*?\*/', body, re.S)
        yield (name, source.count('\n', 0, match.start(2)) + 1,
               [comment or ''] + comments)


def head(path, source):
    """What the file says of itself, after its licence."""
    if path.endswith('.py'):
        return ''.join(re.findall(r'^""".*?"""', source, re.S | re.M)[:1])
    if path.endswith('.sh'):
        return re.match(r'(?:#.*\n)*', source)[0]
    comments = re.findall(r'/\*.*?\*/', source, re.S)
    return ''.join([c for c in comments if 'SPDX' not in c][:1])


def pins(top, clauses, complain):
    """id: the tests that pin it"""
    prefixes = {name.split('-')[0] for name in clauses}
    pinned = collections.defaultdict(set)
    for path in files(top, 'tests/check'):
        if not path.endswith('.c'):
            continue
        for name, line, comments in c_tests(read(top, path)):
            named = set(in_name(name, prefixes))
            for wrong in sorted(named - clauses.keys()):
                complain(path, line, f'{wrong} is no clause of {CONTRACT}')
            for comment in comments:
                named.update(leading(comment))
            for clause in named:
                pinned[clause].add(
                    f'{os.path.relpath(path, "tests/check")}: {name}')
    scripts = list(files(top, 'tests/lab/cases'))
    scripts += [p for p in files(top, 'tests/fuzz') if p.endswith('.c')]
    for path in scripts:
        for clause in leading(head(path, read(top, path))):
            pinned[clause].add(os.path.basename(path))
    return pinned


# --- report ----------------------------------------------------------------

def report(clauses, pinned, complain):
    holes, chapter = [], None
    for name, clause in clauses.items():
        if clause.chapter != chapter:
            chapter = clause.chapter
            print(f'\n{chapter}')
        tests = sorted(pinned.get(name, ()))
        if tests and clause.why_kernel is not None:
            complain(CONTRACT, clause.line,
                     f'{name} has a test, so name the file that keeps it')
        if tests:
            print(f'  {name:8} {tests[0]}')
            for test in tests[1:]:
                print(f'  {"":8} {test}')
        elif clause.why_kernel is not None:
            print(f'  {name:8} {KERNEL_ONLY}{clause.why_kernel}')
        else:
            print(f'  {name:8} NO TEST')
            complain(CONTRACT, clause.line, f'no test pins {name}')
            holes.append(name)
    print(f'\n{len(clauses)} clauses, {len(holes)} without a test'
          + (': ' + ', '.join(holes) if holes else ''))


def main(top=TOP):
    mistakes = []

    def complain(path, line, what):
        mistakes.append(f'{path}:{line}: {what}')

    clauses = contract(top, complain)
    if not clauses:
        complain(CONTRACT, 1, 'no clauses')
    check_keepers(top, clauses, complain)
    check_citations(top, clauses, complain)
    report(clauses, pins(top, clauses, complain), complain)
    for line in mistakes:
        print(line)
    return 1 if mistakes else 0


if __name__ == '__main__':
    sys.exit(main())
