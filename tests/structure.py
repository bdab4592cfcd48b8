#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which file knows which: structure.py [BUILD] [--all]

A file is a .c with its headers (dmabuf-fence.c, dmabuf-fence.h,
dmabuf-fence-private.h). One file knows another if it includes a header of it, or
if its object refers to a symbol that the other's object defines. The objects are
those of BUILD, build/native if none is given.

Prints for each library and plugin its files, their sizes, and the circles of
references among them; --all adds each file's references. Fails on

- a circle of more than 6 files in libdmabufcore, or of more than 1 elsewhere,
- a reference or an include from one wing of libdmabufcore to another that is not
  below it,
- a private header (-private.h) that another directory includes.
"""

import collections
import glob
import os
import re
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CORE = 'libdmabufcore'
PARTS = [CORE, 'gst', 'ext']

# Each wing and the wings directly below it. Those below them are as well.
WINGS = {
    'base': [],
    'fence': ['base'],
    'reservation': ['fence'],
    'memory': ['base'],
    'buffer': ['reservation', 'memory'],
    'access': ['buffer'],
    'exporters': ['buffer'],
}

# Files in the largest circle that is allowed
CORE_CIRCLE, CIRCLE = 6, 1

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.M)


def below(wing):
    """The wings that a wing may know, itself included."""
    found = {wing}
    for lower in WINGS[wing]:
        found |= below(lower)
    return found


def unit_of(path):
    """The file that a .c, .h or object belongs to: its path without suffix."""
    return re.sub(r'(-private|-internal)?\.[ch]$', '', path)


def sources():
    found = []
    for part in PARTS:
        for suffix in 'ch':
            found += glob.glob(f'{part}/**/*.{suffix}', root_dir=TOP,
                               recursive=True)
    return sorted(found)


def read(path):
    with open(os.path.join(TOP, path), errors='replace') as file:
        return file.read()


def includes(paths):
    """(including path, included path) for headers of ours."""
    headers = collections.defaultdict(list)
    for path in paths:
        if path.endswith('.h'):
            headers[os.path.basename(path)].append(path)
    for path in paths:
        for name in INCLUDE.findall(read(path)):
            for header in headers.get(os.path.basename(name), []):
                yield path, header


def symbols(objects, option):
    """{object: symbols}, of nm with this option."""
    found = collections.defaultdict(set)
    if not objects:
        return found
    out = subprocess.run(['nm', '-A', '-P', option] + objects, check=True,
                         stdout=subprocess.PIPE, text=True).stdout
    for line in out.splitlines():
        path, name = line.split(': ')[0], line.split(': ')[1].split()[0]
        found[path].add(name)
    return found


def object_units(build, units):
    """{object: unit}. Meson names an object after its source's path."""
    by_name = collections.defaultdict(list)
    for unit in units:
        by_name[os.path.basename(unit)].append(unit)
    found = {}
    for part in PARTS:
        for path in glob.glob(f'{build}/{part}/**/*.c.o', recursive=True):
            name = os.path.basename(path)[:-len('.c.o')].replace('_', '/')
            folder = os.path.relpath(path, build).split('/')[:-2]
            for unit in by_name.get(os.path.basename(name), []):
                if unit.startswith('/'.join(folder)):
                    found[path] = unit
    return found


def references(build, units):
    """{unit: units whose symbols it refers to}"""
    objects = object_units(build, units)
    paths = sorted(objects)
    owner = {}
    for path, names in symbols(paths, '--defined-only').items():
        for name in names:
            owner.setdefault(name, set()).add(objects[path])
    found = collections.defaultdict(set)
    for path, names in symbols(paths, '--undefined-only').items():
        unit = objects[path]
        for name in names:
            found[unit] |= owner.get(name, set()) - {unit}
    return found


def circles(nodes, edges):
    """Strongly connected components of more than one node (Tarjan)."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in edges.get(node, ()):
            if other not in nodes:
                continue
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            at = stack.index(node)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    for node in sorted(nodes):
        if node not in index:
            visit(node)
    return found


def group_of(path):
    """What a file's circles are counted in: the core, or a folder of files."""
    return CORE if path.startswith(CORE) else os.path.dirname(path)


def wing_of(path):
    parts = path.split('/')
    return parts[1] if parts[0] == CORE and len(parts) > 2 else None


def check_wings(pairs, what):
    for one, other in sorted(pairs):
        lower, upper = wing_of(other), wing_of(one)
        if lower and upper and lower not in below(upper):
            yield f'{one} {what} {other}: {lower} is not below {upper}'


def check_private(included):
    for path, header in sorted(included):
        if (header.endswith('-private.h')
                and os.path.dirname(path) != os.path.dirname(header)):
            yield f'{path} includes {header}, which is private to its folder'


def report(groups, paths, edges, whole):
    lines = collections.Counter()
    for path in paths:
        lines[unit_of(path)] += read(path).count('\n')
    for group, units in sorted(groups.items()):
        inside = sum(len(edges[u] & units) for u in units)
        print(f'\n{group}: {len(units)} files, {inside} references among them')
        for unit in sorted(units) if whole else ():
            known = sorted(os.path.basename(u) for u in edges[unit] & units)
            print(f'  {os.path.basename(unit)} ({lines[unit]} lines)'
                  f'{": " if known else ""}{", ".join(known)}')
        for circle in circles(units, edges):
            print(f'  a circle of {len(circle)}: '
                  + ', '.join(os.path.basename(u) for u in circle))


def main():
    arguments = [a for a in sys.argv[1:] if not a.startswith('-')]
    build = os.path.abspath(arguments[0] if arguments
                            else os.path.join(TOP, 'build/native'))
    paths = sources()
    units = {unit_of(path) for path in paths}
    edges = references(build, units)
    if not edges:
        sys.exit(f'there are no objects in {build}: build first')
    included = set(includes(paths))
    groups = collections.defaultdict(set)
    for unit in units:
        groups[group_of(unit)].add(unit)

    report(groups, paths, edges, '--all' in sys.argv)

    faults = list(check_private(included))
    faults += check_wings(included, 'includes')
    faults += check_wings(
        {(unit, other) for unit in units for other in edges[unit]},
        'refers to')
    for group, members in sorted(groups.items()):
        most = CORE_CIRCLE if group == CORE else CIRCLE
        faults += [f'{group}: a circle of {len(circle)} files, and {most} are '
                   f'allowed: {", ".join(map(os.path.basename, circle))}'
                   for circle in circles(members, edges) if len(circle) > most]
    print()
    for fault in faults:
        print(f'fault: {fault}')
    print(f'{len(faults)} faults')
    return 1 if faults else 0


if __name__ == '__main__':
    sys.exit(main())
