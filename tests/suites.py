#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""./run test --suites: trusted suite → cases → passed.

Which cases of the suites that others trust are mirrored here, by their own
names, and how many of them pass in the native lane just now.
"""

import os
import re
import subprocess
import sys
import tempfile

HERE = 'tests/check/sync/'
BUILD = 'build/native/tests/check/sync/sync-'

# suite: (test program, its test case, how many the original has)
SUITES = [
    ('KUnit st-dma-fence', 'fence', 'kunit', 12),
    ('KUnit st-dma-fence-chain', 'chain', 'kunit', 11),
    ('KUnit st-dma-fence-unwrap', 'unwrap', 'kunit', 10),
    ('KUnit st-dma-resv (5 cases, 17 runs)', 'resv', 'kunit', 17),
    ('test-ww_mutex (groups, with variants)', 'ww-mutex', 'kernel', 14),
    ('locking-selftest ww', 'locking-selftest', 'ww', 36),
    ('kselftest sync', 'sw-sync', 'kselftest-sync', 10),
    ('IGT sw_sync', 'igt-sw-sync', 'igt-sw_sync', 10),
    ('IGT dmabuf_sync_file', 'dmabuf-sync-file', 'igt-dmabuf_sync_file', 7),
    ('IGT vgem', 'dmabuf-sync-file', 'igt-vgem', 7),
]

# These need a second process that steps a timeline: in the lab only.
LAB_ONLY = {'igt-sw_sync': 2}


def results(program):
    path = BUILD + program
    if not os.path.exists(path):
        sys.exit(f'{path} is not built: ./run sh -- ninja -C build/native')
    with tempfile.NamedTemporaryFile(suffix='.xml') as log:
        subprocess.run([path], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL,
                       env=dict(os.environ, CK_XML_LOG_FILE_NAME=log.name,
                                CK_DEFAULT_TIMEOUT='120',
                                G_DEBUG='fatal-criticals'))
        text = log.read().decode()
    return re.findall(r'<test result="(\w+)">.*?'
                      r'<description>([\w-]+)</description>', text, re.S)


def main():
    cache, bad, total, good = {}, False, 0, 0
    print(f'{"suite":<40} {"cases":>6} {"passed":>7}')
    for title, program, case, expected in SUITES:
        if program not in cache:
            cache[program] = results(program)
        lines = [r for r in cache[program] if r[1] == case]
        passed = sum(r[0] == 'success' for r in lines)
        lab = LAB_ONLY.get(case, 0)
        note = f'  and {lab} in the lab' if lab else ''
        missing = expected - lab - len(lines)
        if missing > 0:
            note += f'  {missing} MISSING'
        bad = bad or missing > 0 or passed < len(lines)
        total += len(lines)
        good += passed
        print(f'{title:<40} {len(lines):>6} {passed:>7}{note}')
    print(f'{"all":<40} {total:>6} {good:>7}')
    sys.exit(1 if bad else 0)


if __name__ == '__main__':
    main()
