#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the cases of one boot, in the guest: runner.py PLAN RESULTS.

Prints a line for each case when it ends, and the output of a case that failed.
A case also fails if the kernel warned while it ran.
"""

import json
import multiprocessing
import os
import re
import runpy
import signal
import subprocess
import sys
import tempfile
import time

import native

SKIP = 77

# Messages of the kernel about its own bugs
TROUBLE = re.compile(r'WARNING: |BUG: |Oops|general protection|KASAN|UBSAN|'
                     r'refcount_t|list_(add|del) corruption|'
                     r'blocked for more than|possible recursive locking')


class KernelLog:
    """The kernel's messages since the last read."""

    def __init__(self):
        self.fd = os.open('/dev/kmsg', os.O_RDONLY | os.O_NONBLOCK)
        os.lseek(self.fd, 0, os.SEEK_END)

    def read(self):
        lines = []
        while True:
            try:
                record = os.read(self.fd, 8192).decode(errors='replace')
            except BlockingIOError:
                return lines
            except BrokenPipeError:
                continue  # EPIPE: records were overwritten before the read
            lines.append(record.split(';', 1)[-1].split('\n')[0])


def import_early():
    """Imports the modules of the Python cases once, since that takes seconds in
    the guest. A fork () is safe: they start no thread before Gst.init ()."""
    try:
        import gi
        gi.require_version('Gst', '1.0')
        gi.require_version('GstVideo', '1.0')
        from gi.repository import GLib, Gst, GstVideo  # noqa: F401
    except (ImportError, ValueError):
        pass  # A case that needs them fails with the reason


class Program:
    """A running case that is a program."""

    def __init__(self, case, output):
        self.process = subprocess.Popen(
            case['argv'], stdin=subprocess.DEVNULL, stdout=output,
            stderr=output, env={**os.environ, **case.get('env', {})},
            cwd=case.get('workdir') or None, start_new_session=True)
        self.pid = self.process.pid

    def wait(self, seconds=None):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None


def run_script(case, output):
    os.setsid()
    with open(os.devnull) as null:
        os.dup2(null.fileno(), 0)
    os.dup2(output.fileno(), 1)
    os.dup2(output.fileno(), 2)
    sys.argv = list(case['argv'])
    runpy.run_path(sys.argv[0], run_name='__main__')


class Script:
    """A running case in Python: a fork of this process, which has imported its
    modules. Like a program it has a session of its own."""

    def __init__(self, case, output):
        sys.stdout.flush()
        self.process = multiprocessing.get_context('fork').Process(
            target=run_script, args=(case, output))
        self.process.start()
        self.pid = self.process.pid

    def wait(self, seconds=None):
        self.process.join(seconds)
        return self.process.exitcode


def execute(case, output):
    """The exit status of a case, or None after its timeout."""
    is_script = case['argv'][0].endswith('.py')
    process = (Script if is_script else Program)(case, output)
    try:
        return process.wait(case['timeout'])
    finally:
        # Processes that the case left would disturb the next one.
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()


def judge(status, log, lines):
    """The result of a case, and the reason."""
    warnings = [line for line in log if TROUBLE.search(line)]
    if status is None:
        return 'fail', 'timeout'
    if status not in (0, SKIP):
        return 'fail', (f'exit status {status}' if status > 0 else
                        f'killed by {signal.Signals(-status).name}')
    if warnings:
        return 'fail', f'the kernel logged: {warnings[0]}'
    if status == SKIP:
        return 'skip', lines[-1] if lines else 'no reason given'
    return 'pass', ''


def counts(case, result, lines):
    """The number of each result: of the checks of a case if they are counted,
    and at least one for the result of the case itself."""
    if not case.get('counted') or result == 'skip':
        return {result: 1}
    passed, failed, _ = native.checks('\n'.join(lines))
    found = {'pass': passed, 'fail': failed}
    found[result] = found[result] or 1
    return {kind: n for kind, n in found.items() if n}


def note(results, line):
    """Writes a line that reaches the host even if the guest dies next."""
    results.write(line)
    results.flush()
    os.fsync(results.fileno())


def main():
    with open(sys.argv[1]) as boot:
        boot = json.load(boot)
    if any(case['argv'][0].endswith('.py') for case in boot['cases']):
        import_early()
    kernel_log = KernelLog()
    with open(sys.argv[2], 'w') as results:
        for case in boot['cases']:
            name = f'{boot["lane"]}: {case["name"]}'
            note(results, f'start\t{name}\n')
            kernel_log.read()
            start = time.monotonic()
            with tempfile.TemporaryFile('w+', errors='replace') as output:
                status = execute(case, output)
                seconds = time.monotonic() - start
                output.seek(0)
                lines = [l for l in output.read().splitlines() if l.strip()]
            log = kernel_log.read()
            result, reason = judge(status, log, lines)
            if result == 'fail':
                print(f'not ok {name} ({reason}, {seconds:.1f} s)')
                for line in lines[-200:]:
                    print(f'  | {line}')
                for line in log[-60:]:
                    print(f'  kernel | {line}')
            elif result == 'skip':
                print(f'ok     {name} # SKIP {reason}')
            else:
                print(f'ok     {name} ({seconds:.1f} s)')
            sys.stdout.flush()
            reason = ' '.join(reason.split())
            # Single checks that skipped themselves
            for line in lines:
                skip = re.match(r'ok 0 (.*?) # SKIP (.*)', line)
                if skip and result == 'pass':
                    note(results,
                         f'skip\t1\t{name}: {skip[1]}\t0\t{skip[2]}\n')
            for kind, n in counts(case, result, lines).items():
                note(results, f'{kind}\t{n}\t{name}\t{seconds:.1f}\t'
                     f'{reason if kind == result else ""}\n')


main()
