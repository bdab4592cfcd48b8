#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which test pins which clause of the contract; fails on a clause without one.

A test quotes a clause (MAP-3) in the comment above it or in its name
(test_map3_...). The clauses are the kernel's contract, chapter by chapter.
"""

import collections
import glob
import os
import re
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# chapter: {prefix: numbers}
STORAGE = {
    'A0 concepts': {'LOCK': [1]},
    'A1 export, fd, reference counting': {'EXP': range(1, 10)},
    'A2 attach, detach': {'ATT': range(1, 8)},
    'A3 map, unmap': {'MAP': range(1, 8)},
    'A4 deferred storage': {'DEF': range(1, 7)},
    'A5 CPU access': {'CPU': range(1, 8)},
    'A6 kmap, vmap, mmap': {'VMAP': [1, 2], 'KMAP': [1],
                            'MMAP': range(1, 5)},
    'A7 size, identity, flags': {'SEEK': range(1, 4), 'CLO': [1]},
    'A18 statistics': {'STAT': range(1, 5)},
    'A19 heaps, udmabuf': {'HEAP': [1, 2], 'UDM': range(1, 4)},
    'D1 security: fds, sizes': {'SEC': range(1, 13)},
}

CHAPTERS = [STORAGE]

# What only a kernel can have, and why there is no test of ours.
KERNEL_ONLY = {
    'MAP-4': 'sg_tables and struct page: user space sees no DMA addresses; '
             'what a device gets is its own import',
    'MMAP-4': 'that mmap does not synchronise is what the brackets are for; '
              'how slow write-combined memory is, is the machine\'s',
    'STAT-2': 'sysfs statistics were removed from the kernel before 7.2; '
              'fdinfo and debugfs are read instead',
}

# A suite that has grown its own list registers it here.
for extension in sorted(glob.glob(os.path.join(TOP, 'tests/clauses-*.py'))):
    names = {}
    with open(extension) as source:
        exec(compile(source.read(), extension, 'exec'), names)
    CHAPTERS.append(names['CHAPTERS'])
    KERNEL_ONLY.update(names.get('KERNEL_ONLY', {}))

ID = re.compile(r'\b([A-Z]{2,5})-(\d+)\b')
RANGE = re.compile(r'\b([A-Z]{2,5})-(\d+) … (?:\1-)?(\d+)\b')
C_TEST = re.compile(r'((?:/\*(?:[^*]|\*(?!/))*\*/\s*)?)'
                    r'(?:GST_START_TEST|START_TEST) \((\w+)\)')
NAMED = re.compile(r'test_([a-z]+)(\d+)_')


def quoted(text):
    for prefix, first, last in RANGE.findall(text):
        for number in range(int(first), int(last) + 1):
            yield f'{prefix}-{number}'
    for prefix, number in ID.findall(text):
        yield f'{prefix}-{number}'


def body(source, start):
    end = source.find('GST_END_TEST', start)
    return source[start:end if end > 0 else len(source)]


def c_tests(path):
    with open(path) as file:
        source = file.read()
    for match in C_TEST.finditer(source):
        comment, name = match.groups()
        comments = ' '.join(re.findall(r'/\*.*?\*/',
                                       body(source, match.end()), re.S))
        found = set(quoted(re.sub(r'\s+\*?\s*', ' ', comment + comments)))
        named = NAMED.match(name)
        if named:
            found.add(f'{named[1].upper()}-{named[2]}')
        yield name, found


def script_tests(path):
    with open(path, errors='replace') as file:
        yield os.path.basename(path), set(quoted(file.read()))


def collect():
    pinned = collections.defaultdict(set)
    for path in sorted(glob.glob(f'{TOP}/tests/check/**/*.c',
                                 recursive=True)):
        for name, clauses in c_tests(path):
            for clause in clauses:
                pinned[clause].add(
                    f'{os.path.relpath(path, TOP + "/tests/check")}: {name}')
    scripts = (glob.glob(f'{TOP}/tests/lab/cases/**/*', recursive=True)
               + glob.glob(f'{TOP}/tests/fuzz/*.c'))
    for path in sorted(filter(os.path.isfile, scripts)):
        for name, clauses in script_tests(path):
            for clause in clauses:
                pinned[clause].add(name)
    return pinned


def main():
    pinned = collect()
    holes, n_clauses = [], 0
    for chapters in CHAPTERS:
        for chapter, prefixes in chapters.items():
            print(f'\n{chapter}')
            for prefix, numbers in prefixes.items():
                for number in numbers:
                    clause = f'{prefix}-{number}'
                    n_clauses += 1
                    tests = sorted(pinned.get(clause, ()))
                    if tests:
                        print(f'  {clause:8} {tests[0]}')
                        for test in tests[1:]:
                            print(f'  {"":8} {test}')
                    elif clause in KERNEL_ONLY:
                        print(f'  {clause:8} only a kernel: '
                              f'{KERNEL_ONLY[clause]}')
                    else:
                        print(f'  {clause:8} NO TEST')
                        holes.append(clause)
    print(f'\n{n_clauses} clauses, {len(holes)} without a test'
          + (': ' + ', '.join(holes) if holes else ''))
    return 1 if holes else 0


if __name__ == '__main__':
    sys.exit(main())
