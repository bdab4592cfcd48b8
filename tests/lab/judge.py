#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The part of ./run test --judges in the build root.

judge.py prepare [STATES.C VERSION]
    Builds the judge that comes as source, writes build/judges/versions and
    prints it. Called without arguments if the source could not be fetched.
judge.py native RESULTS [NAME...]
    Runs the judges that need no device; appends to RESULTS as native.py does.
judge.py table RESULTS
    Prints name, version and verdict of the judges that ran.

A judge is an executable tests/lab/judges/*.py. See README.md for its header.
"""

import os
import re
import subprocess
import sys
import time

import native
import plan

TOP = os.getcwd()
HERE = os.path.join(TOP, 'build/judges')
VERSIONS = os.path.join(HERE, 'versions')
STATES = os.path.join(HERE, 'states')

# states.c tests the elements of plugins from this package.
PACKAGE = 'gst-dmabuf'


def first_line(*command):
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    return done.stdout.split('\n')[0]


def installed():
    """Name and version of the judges that are programs of the build root."""
    version = re.search(r'v4l2-compliance (\S+?),', first_line(
        'v4l2-compliance', '--version'))
    if version:
        yield 'v4l2-compliance', version[1]
    version = re.search(r'ffmpeg version (\S+)', first_line(
        'ffmpeg', '-version'))
    if version:
        yield 'kmsgrab', 'ffmpeg ' + version[1]


def build_states(source):
    flags = subprocess.run(
        ['pkg-config', '--cflags', '--libs', 'gstreamer-check-1.0',
         'gmodule-2.0'], text=True, check=True,
        stdout=subprocess.PIPE).stdout.split()
    subprocess.run(['gcc', '-O2', '-g', f'-DPACKAGE="{PACKAGE}"', '-o',
                    STATES, source] + flags, check=True)


def prepare(source=None, version=None):
    os.makedirs(HERE, exist_ok=True)
    if os.path.exists(STATES):
        os.remove(STATES)
    versions = dict(installed())
    if source:
        versions['states'] = version
    with open(VERSIONS, 'w') as out:
        for judge, version in sorted(versions.items()):
            out.write(f'{judge}\t{version}\n')
            native.progress(f'judge {judge}: {version}')
    if source:
        build_states(source)


def run_native(results, names):
    for case in plan.judges('native'):
        if names and not any(name in case['name'] for name in names):
            continue
        name = case['name']
        start = time.monotonic()
        with subprocess.Popen(
                case['argv'], text=True, errors='replace',
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, start_new_session=True) as process:
            try:
                output = process.communicate(timeout=case['timeout'])[0]
                result = {0: 'OK', 77: 'SKIP'}.get(process.returncode, 'FAIL')
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                output, result = process.communicate()[0], 'TIMEOUT'
        native.judge(results, 'native', {
            'name': name, 'stdout': output, 'result': result,
            'duration': time.monotonic() - start})


def table(results):
    """One line for each judge, for quotation in docs and commit messages."""
    versions = {}
    if os.path.exists(VERSIONS):  # Missing if the build failed
        with open(VERSIONS) as lines:
            versions = dict(line.rstrip('\n').split('\t') for line in lines)
    counts = {}
    with open(results) as lines:
        for line in lines:
            kind, count, name = line.split('\t')[:3]
            judge = (name.split(': ') + [name])[1]
            counts.setdefault(judge, dict.fromkeys(
                ('pass', 'fail', 'skip'), 0))[kind] += int(count)
    print('judge | version | verdict')
    for judge, count in sorted(counts.items()):
        print(f'{judge} | {versions.get(judge, "not there")} | '
              f'{count["pass"]} passed, {count["fail"]} failed, '
              f'{count["skip"]} skipped')


if __name__ == '__main__':
    if sys.argv[1] == 'prepare':
        prepare(*sys.argv[2:])
    elif sys.argv[1] == 'native':
        with open(sys.argv[2], 'a') as out:
            run_native(out, sys.argv[3:])
    else:
        table(sys.argv[2])
