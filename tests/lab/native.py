#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Builds one lane and runs its native tests; called inside the build root.

native.py build LANE
native.py test LANE RESULTS [NAME...]

A test is a Meson test of suite 'native'. Results are appended to RESULTS, one
line each, separated by tabs: pass, fail or skip, count, name, seconds, reason.
"""

import errno
import fcntl
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

TOP = os.getcwd()
LAB = os.path.dirname(os.path.abspath(__file__))

# g-ir-scanner runs a program that it builds, which fails with sanitizers.
SANITIZED = ['-Dintrospection=disabled', '-Db_lundef=false']
# The compiler changes rarely, and a mere warning, such as a wrong format for a
# size, is a bug on a machine whose sizes have 32 bits.
CROSS = ['-Dintrospection=disabled', '-Dwerror=true', '-Ddebug=false']
SETUP = {
    'plain': ('native', []),
    'asan': ('asan', SANITIZED + ['-Db_sanitize=address,undefined']),
    'tsan': ('tsan', SANITIZED + ['-Db_sanitize=thread']),
    'valgrind': ('native', []),
    'next': ('next', []),
    'arm64': ('cross-arm64', CROSS),
    'armhf': ('cross-armhf', CROSS),
}

# For a lane of another architecture: Debian's prefix of tools and libraries,
# Meson's names of the family and the processor, and the emulator.
ARCHITECTURE = {
    'arm64': ('aarch64-linux-gnu', 'aarch64', 'aarch64', 'qemu-aarch64'),
    'armhf': ('arm-linux-gnueabihf', 'arm', 'armv7l', 'qemu-arm'),
}

# Prefixes of the native tests that run under emulation: they use no device of
# this machine, and only their own plugins.
EMULATED = ('core-', 'sync-', 'gst-lib-')

# The plugin scanner is built without sanitizers, so it cannot load plugins that
# have them. And the checkers lose track of memory and threads in a forked
# child.
IN_PROCESS = {'GST_REGISTRY_FORK': 'no', 'CK_FORK': 'no'}

# The plugin scanner is a program of the host's architecture.
EMULATION = {'GST_REGISTRY_FORK': 'no'}


def suppressions(lane):
    path = os.path.join(LAB, f'{lane}.supp')
    return f':suppressions={path}' if os.path.exists(path) else ''


ENVIRONMENT = {
    'plain': {},
    'asan': {
        'ASAN_OPTIONS': 'detect_stack_use_after_return=1',
        'LSAN_OPTIONS': 'print_suppressions=0' + suppressions('lsan'),
        'UBSAN_OPTIONS': 'halt_on_error=1:print_stacktrace=1',
        **IN_PROCESS,
    },
    'tsan': {
        'TSAN_OPTIONS': 'halt_on_error=0:second_deadlock_stack=1'
                        + suppressions('tsan'),
        **IN_PROCESS,
    },
    'valgrind': IN_PROCESS,
    'next': {},
    'arm64': EMULATION,
    'armhf': EMULATION,
}

# Factors for Meson's timeouts, which guard against hangs on an idle machine:
# here other lanes and the lab run in parallel.
TIMES = {'plain': 2, 'asan': 2, 'tsan': 4, 'valgrind': 10, 'next': 2,
         'arm64': 10, 'armhf': 10}

# A further factor for longer programs and more repetitions
LONG = 4 if os.environ.get('DMABUF_TEST_LONG') else 1

VALGRIND = ['valgrind', '-q', '--error-exitcode=99', '--leak-check=full',
            '--errors-for-leak-kinds=definite', '--num-callers=20']


def build_dir(lane):
    return os.path.join(TOP, 'build', SETUP[lane][0])


def progress(text):
    print(f'run: {text}', file=sys.stderr, flush=True)


def show_errors(lines):
    """Prints the output of the compiler or Meson about the first failure."""
    failed = [i for i, line in enumerate(lines)
              if line.startswith('FAILED') or 'ERROR' in line]
    for line in lines[max(failed[:1] + [len(lines) - 60]):][:60]:
        print(line, file=sys.stderr)


def is_full(directory, lines):
    """Asks the disk as well: the log is on it, and may lack the message."""
    disk = os.statvfs(directory)
    return (disk.f_bavail * disk.f_frsize < 8 << 20
            or any('No space left on device' in line for line in lines))


def build_steps(directory, options):
    if os.path.exists(os.path.join(directory, 'build.ninja')):
        return [['ninja', '-C', directory]]
    # After a setup that was killed, Meson would take the directory for
    # complete.
    shutil.rmtree(os.path.join(directory, 'meson-private'), ignore_errors=True)
    return [['meson', 'setup', directory] + options, ['ninja', '-C', directory]]


def cross_file(lane):
    """Writes Meson's cross file for the lane's architecture; its path."""
    triplet, family, processor, emulator = ARCHITECTURE[lane]
    path = build_dir(lane) + '.ini'
    if os.path.exists(path):
        return path  # A newer file would make Meson configure again
    with open(path, 'w') as out:
        out.write(f"""[binaries]
c = '{triplet}-gcc'
ar = '{triplet}-ar'
strip = '{triplet}-strip'
pkg-config = 'pkg-config'
exe_wrapper = '{emulator}'

[properties]
pkg_config_libdir = ['/usr/lib/{triplet}/pkgconfig', '/usr/share/pkgconfig']

[host_machine]
system = 'linux'
cpu_family = '{family}'
cpu = '{processor}'
endian = 'little'
""")
    return path


def build_in(directory, where, options):
    log = os.path.join(directory, 'build.log')
    start = time.monotonic()
    with open(log, 'a+', errors='replace') as output:
        # Another run may build the same directory: wait for it.
        fcntl.flock(output, fcntl.LOCK_EX)
        output.truncate(0)
        steps = build_steps(directory, options)
        if len(steps) > 1:
            progress(f'  building build/{where}')
        for step in steps:
            if subprocess.run(step, stdout=output, stderr=output).returncode:
                output.seek(0)
                lines = output.read().splitlines()
                if is_full(directory, lines):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                show_errors(lines)
                progress(f'build/{where} does not build; the log is {log}')
                return False
    seconds = time.monotonic() - start
    if seconds > 2:
        progress(f'built build/{where} in {seconds:.0f} s')
    return True


def build(lane):
    """True if the lane is built; otherwise the errors are printed."""
    where, options = SETUP[lane]
    directory = build_dir(lane)
    try:
        os.makedirs(directory, exist_ok=True)
        if lane in ARCHITECTURE:
            options = options + ['--cross-file', cross_file(lane)]
        return build_in(directory, where, options)
    except OSError as error:
        progress(f'build/{where} cannot be written ({error.strerror}): '
                 f'make room on the disk of {directory}, or mend its '
                 'permissions, then run the same again')
        return False


def tests(lane):
    """The native tests that a lane can run."""
    out = subprocess.run(['meson', 'introspect', '--tests', build_dir(lane)],
                         stdout=subprocess.PIPE, check=True).stdout
    found = [t for t in json.loads(out)
             if any(s.split(':')[-1] == 'native' for s in t['suite'])]
    if lane in ARCHITECTURE:
        found = [t for t in found if t['name'].startswith(EMULATED)]
    if lane not in ('plain', 'next'):
        # Scripts do the same in every lane: once is enough.
        found = [t for t in found if t['cmd'][0].startswith(build_dir(lane))]
    if lane == 'valgrind':
        found = [t for t in found
                 if not any(s.endswith('no-valgrind') for s in t['suite'])]
    return found


def checks(output):
    """How many checks of a test passed, failed and were skipped."""
    passed = failed = skipped = 0
    for total, failures, errors in re.findall(
            r'^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)', output,
            re.M):
        bad = int(failures) + int(errors)
        failed += bad
        passed += int(total) - bad
    for bad, directive in re.findall(
            r'^(not )?ok \d+[^#\n]*(# SKIP)?', output, re.M):
        if directive:
            skipped += 1
        elif bad:
            failed += 1
        else:
            passed += 1
    # libcheck counts a check that skipped itself as passed.
    if 'Checks:' in output:
        passed -= skipped
    return passed, failed, skipped


def record(results, kind, count, name, seconds, reason=''):
    reason = ' '.join(reason.split())
    results.write(f'{kind}\t{count}\t{name}\t{seconds:.1f}\t{reason}\n')
    results.flush()


def judge(results, lane, test):
    """Records a test from Meson's log, and prints its output if it failed."""
    output = test.get('stdout', '')
    errors = test.get('stderr', '')
    passed, failed, skipped = checks(output)
    name = f'{lane}: {test["name"].split(" / ")[-1]}'
    seconds = test['duration']
    if test['result'] in ('OK', 'EXPECTEDFAIL'):
        passed = passed or 1
        record(results, 'pass', passed, name, seconds)
        if skipped:
            reasons = re.findall(r'^ok .*# SKIP *(.*)', output, re.M)
            record(results, 'skip', skipped, name, 0, '; '.join(reasons))
        print(f'ok     {name} ({passed} passed, {seconds:.1f} s)')
    elif test['result'] == 'SKIP':
        lines = [l for l in (output + '\n' + errors).splitlines() if l.strip()]
        reason = lines[-1] if lines else 'no reason given'
        record(results, 'skip', 1, name, seconds, reason)
        print(f'ok     {name} # SKIP {reason}')
    else:
        if passed:
            record(results, 'pass', passed, name, seconds)
        record(results, 'fail', failed or 1, name, seconds, test['result'])
        print(f'not ok {name} ({test["result"]}, {seconds:.1f} s)')
        for line in (output + errors).splitlines()[-200:]:
            print(f'  | {line}')
    sys.stdout.flush()


def seed_registries(found):
    """Copies the root's registry for each test that has its own, so that only
    our plugins are scanned and loaded for it."""
    system = os.path.expanduser('~/.cache/gstreamer-1.0/registry.x86_64.bin')
    for path in {t['env'].get('GST_REGISTRY') for t in found} - {None}:
        if not os.path.exists(path) and os.path.exists(system):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            shutil.copy2(system, path)


def preload(name, *packages):
    """Builds NAME.c, which a lane preloads for the reason that NAME.c gives.
    The library is in a temporary folder: LD_PRELOAD is split at spaces, which
    the checkout's path may have."""
    library = os.path.join(tempfile.mkdtemp(), f'{name}.so')
    flags = subprocess.run(
        ['pkg-config', '--cflags', *packages], text=True, check=True,
        stdout=subprocess.PIPE).stdout.split() if packages else []
    subprocess.run(['gcc', '-shared', '-fPIC', '-O2', '-Wall', '-o', library,
                    os.path.join(LAB, f'{name}.c')] + flags, check=True)
    return library


def preloads(lane):
    """The libraries for LD_PRELOAD in a lane."""
    if lane == 'tsan':
        return [preload('tsan-glib', 'gstreamer-1.0')]
    if lane == 'asan':
        # ASan's runtime has to be the first library.
        runtime = subprocess.run(
            ['gcc', '-print-file-name=libasan.so'], text=True, check=True,
            stdout=subprocess.PIPE).stdout.strip()
        return [os.path.realpath(runtime), preload('keep-loaded')]
    return []


def run(lane, results, names):
    found = [t for t in tests(lane)
             if not names or any(n in t['name'] for n in names)]
    if not found:
        return
    wanted = [t['name'] for t in found]
    if lane not in ARCHITECTURE:
        seed_registries(found)
    directory = build_dir(lane)
    command = ['meson', 'test', '-C', directory, '--no-rebuild',
               '--logbase', f'lane-{lane}', '-t', str(TIMES[lane] * LONG)]
    if lane == 'valgrind':
        command += ['--wrapper', ' '.join(
            VALGRIND + [f'--suppressions={s}' for s in (
                '/usr/share/glib-2.0/valgrind/glib.supp',
                os.path.join(LAB, 'valgrind.supp')) if os.path.exists(s)])]
    libraries = preloads(lane)
    if libraries:
        command += ['--wrapper', f'env LD_PRELOAD={":".join(libraries)}']
    if lane == 'tsan':
        # With a large vm.mmap_rnd_bits a mapping may lie in TSan's shadow
        # memory.
        command = ['setarch', '-R'] + command
    environment = {**os.environ, **ENVIRONMENT[lane],
                   'CK_TIMEOUT_MULTIPLIER': str(TIMES[lane] * LONG),
                   'DMABUF_BUILD': directory}
    # Meson adds the name of a wrapper to that of the log.
    logs = os.path.join(directory, 'meson-logs', f'lane-{lane}*.json')
    for old in glob.glob(logs):
        os.remove(old)
    ran = subprocess.run(command + wanted, env=environment,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         text=True, errors='replace')
    logs = glob.glob(logs)
    if not logs:
        print(ran.stdout)
        record(results, 'fail', 1, f'{lane}: meson test', 0, 'did not run')
        return
    with open(logs[0], errors='replace') as lines:
        for line in lines:
            judge(results, lane, json.loads(line))


def main():
    what, lane = sys.argv[1:3]
    if what == 'build':
        sys.exit(0 if build(lane) else 1)
    with open(sys.argv[3], 'a') as results:
        if build(lane):
            run(lane, results, sys.argv[4:])
        else:
            record(results, 'fail', 1, f'{lane}: build', 0, 'does not build')
            sys.exit(1)


if __name__ == '__main__':
    main()
