#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Lists benchmarks, and shows their results; called inside the build root.

bench.py list [NAME...]
    Prints "WHERE LIMIT PATH" for each executable tests/benchmarks/*.{sh,py}
    with a line "# where: lab|native" in its header; LIMIT is its
    "# timeout: S" (600).
bench.py table PATH STATUS [PATH STATUS...]
    Reads build/bench/NAME.jsonl, one JSON object per line, writes
    build/bench/NAME.json, prints the table. Fails if a ratio is above its
    limit, or a benchmark failed.
"""

import glob
import json
import os
import re
import sys


def name_of(path):
    return os.path.basename(path).rsplit('.', 1)[0]


def list_benchmarks(names):
    for path in sorted(glob.glob('tests/benchmarks/*.sh')
                       + glob.glob('tests/benchmarks/*.py')):
        with open(path) as source:
            head = source.read(2000)
        where = re.search(r'^# where: (lab|native)$', head, re.M)
        timeout = re.search(r'^# timeout: (\d+)$', head, re.M)
        if not where or not os.access(path, os.X_OK):
            continue
        if not names or any(name in name_of(path) for name in names):
            print(where[1], timeout[1] if timeout else 600, path)


def read(path):
    lines = f'build/bench/{name_of(path)}.jsonl'
    results = []
    with open(lines, errors='replace') as source:
        for line in source:
            try:
                results.append(json.loads(line))
            except ValueError:
                print(line, end='')
    with open(lines[:-1], 'w') as out:
        json.dump(results, out, indent=1)
        out.write('\n')
    os.remove(lines)
    return results


def row(result):
    """A line of the table, and whether it is within its limit."""
    text = f'{result["bench"]:<12} {result["metric"]:<36} ' \
           f'{result["value"]:>12g} {result["unit"]:<12}'
    ratio, limit = result.get('ratio'), result.get('limit')
    good = True
    if ratio is not None:
        text += f' {ratio:>8.3f}'
        if limit is not None:
            good = ratio <= limit
            text += f' {"<=" if good else "> "} {limit:g}'
            text += '' if good else '  TOO MUCH'
    return text, good


def table(arguments):
    good = True
    print(f'{"benchmark":<12} {"metric":<36} {"value":>12} {"unit":<12} '
          f'{"ratio":>8}    limit')
    for path, status in zip(arguments[::2], arguments[1::2]):
        for result in read(path):
            text, within = row(result)
            good = good and within
            print(text)
        if status != '0':
            print(f'{name_of(path)} failed with exit status {status}')
            good = False
    sys.exit(0 if good else 1)


if __name__ == '__main__':
    if sys.argv[1] == 'list':
        list_benchmarks(sys.argv[2:])
    else:
        table(sys.argv[2:])
