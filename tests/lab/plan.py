#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Distributes the lab cases to boots; called inside the build root.

plan.py plan DIR KERNEL [NAME...]
    Writes DIR/N.json and prints "N KERNEL LIMIT BOOT" for each boot; BOOT is
    empty for the usual one. An empty KERNEL stands for all kernels that cases
    ask for. A guest that reports nothing for LIMIT seconds hangs.
plan.py judges DIR KERNEL [NAME...]
    The same for the judges.
plan.py after DIR N RESULTS CONSOLE
    Called when boot N is over: appends the reports of the cases, from
    DIR/../../vm-out/test/N, to RESULTS. If the guest died, the case that was
    running has failed; prints the limit for another boot with the rest.

A case is an executable tests/lab/cases/*.sh or *.py, or a Meson test of suite
'lab'; a judge an executable tests/lab/judges/*.py. See README.md for their
headers.
"""

import glob
import json
import os
import re
import subprocess
import sys

TOP = os.getcwd()
DEFAULT = 'backports'

# Seconds that a case may take, unless it asks for more. It guards against
# hangs: it is twenty times the duration of the slowest case on an idle machine.
TIMEOUT = 400

# A further factor for longer programs and more repetitions
LONG = 4 if os.environ.get('DMABUF_TEST_LONG') else 1

# Prefix of a Meson suite that names a boot
BOOT = 'lab-boot-'


def timeout(asked):
    return max(asked, TIMEOUT) * LONG


def header(path):
    """'# key: value' and '# word' lines before the first other line."""
    fields = {}
    with open(path) as lines:
        for line in lines:
            if not line.startswith('#'):
                break
            match = re.match(r'# (kernel|timeout|boot|last|where|needs)(?:: *(.*))?$',
                             line.rstrip())
            if match:
                fields[match[1]] = match[2] or ''
    return fields


def scripts(folder='cases'):
    for path in sorted(glob.glob(f'tests/lab/{folder}/*.sh')
                       + glob.glob(f'tests/lab/{folder}/*.py')):
        if not os.access(path, os.X_OK):
            continue
        fields = header(path)
        yield {
            'name': os.path.basename(path).rsplit('.', 1)[0],
            'argv': [os.path.join(TOP, path)],
            'timeout': timeout(int(fields.get('timeout', 0))),
            'kernels': fields.get('kernel', DEFAULT).replace(',', ' ').split(),
            'boot': fields.get('boot', ''),
            'last': 'last' in fields,
            'needs': fields.get('needs', ''),
            'where': fields.get('where', 'guest').split(),
        }


def judges(where):
    """The judges that run in @where, native or guest. Their checks are counted
    one by one. One whose program was not built has failed before."""
    return [{**case, 'counted': True} for case in scripts('judges')
            if where in case['where'] and os.path.exists(case['needs'] or TOP)]


def programs():
    out = subprocess.run(['meson', 'introspect', '--tests', 'build/native'],
                         stdout=subprocess.PIPE, check=True).stdout
    for test in json.loads(out):
        suites = {suite.split(':')[-1] for suite in test['suite']}
        if 'lab' not in suites:
            continue
        yield {
            'name': test['name'],
            'argv': test['cmd'],
            'env': {**test['env'], 'CK_TIMEOUT_MULTIPLIER': str(LONG)},
            'workdir': test['workdir'],
            'timeout': timeout(test['timeout']),
            'kernels': [s[4:] for s in suites if s.startswith('lab-')
                        and not s.startswith(BOOT)] or [DEFAULT],
            'boot': ''.join(s[len(BOOT):] for s in suites
                            if s.startswith(BOOT)),
        }


def limit(cases):
    """Seconds that a guest may be silent: the runner ends a case before."""
    return max(case['timeout'] for case in cases) + 30


def plan(found, directory, kernel, names):
    cases = [case for case in found
             if not names or any(name in case['name'] for name in names)]
    boots = []
    for lane in sorted({k for case in cases for k in case['kernels']}):
        if kernel and lane != kernel:
            continue
        here = [case for case in cases if lane in case['kernels']]
        for boot in sorted({case['boot'] for case in here}):
            shared = [case for case in here if case['boot'] == boot]
            shared.sort(key=lambda case: case.get('last', False))
            boots.append((lane, shared))
    for number, (lane, shared) in enumerate(boots):
        with open(os.path.join(directory, f'{number}.json'), 'w') as out:
            json.dump({'lane': lane, 'cases': shared}, out)
        print(number, lane, limit(shared), shared[0]['boot'])


def after(directory, number, results, console):
    path = os.path.join(directory, f'{number}.json')
    with open(path) as boot:
        boot = json.load(boot)
    reported, running = set(), None
    try:
        with open(os.path.join(TOP, 'build/vm-out/test', number),
                  errors='replace') as lines:
            for line in lines:
                if line.startswith('start\t'):
                    running = line.split('\t')[1].strip()
                elif line.endswith('\n'):
                    reported.add(line.split('\t')[2])
                    running = None
                    with open(results, 'a') as out:
                        out.write(line)
    except FileNotFoundError:
        pass
    rest = [case for case in boot['cases']
            if f'{boot["lane"]}: {case["name"]}' not in reported]
    if not rest:
        return
    if running is None and not boot.get('again'):
        # The guest died between two cases or before its first one. An emulated
        # kernel sometimes crashes while it starts.
        boot.update(again=True, cases=rest)
        with open(path, 'w') as out:
            json.dump(boot, out)
        print(f'the guest died outside of a case ({console}); once more',
              file=sys.stderr)
        print(limit(rest))
        return
    with open(results, 'a') as out:
        if running is None:
            # A third boot would end the same way.
            for case in rest:
                out.write(f'fail\t1\t{boot["lane"]}: {case["name"]}\t0\t'
                          f'the guest did not run it; kernel log: {console}\n')
            return
        out.write(f'fail\t1\t{running}\t0\tthe guest died; kernel log: '
                  f'{console}\n')
    print(f'not ok {running} (the guest died)', file=sys.stderr)
    boot['cases'] = [case for case in rest
                     if f'{boot["lane"]}: {case["name"]}' != running]
    if boot['cases']:
        with open(path, 'w') as out:
            json.dump(boot, out)
        print(limit(boot['cases']))


if __name__ == '__main__':
    if sys.argv[1] == 'plan':
        plan([*programs(), *scripts()], *sys.argv[2:4], sys.argv[4:])
    elif sys.argv[1] == 'judges':
        plan(judges('guest'), *sys.argv[2:4], sys.argv[4:])
    else:
        after(*sys.argv[2:6])
