#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""./run test --suites: trusted suite → cases → passed.

Which cases of the suites that others trust are mirrored here, by their own
names, and how many of them pass in the native lane just now. Then the groups
that none of those suites covers (B7), and which tests of ours do.
"""

import glob
import os
import re
import subprocess
import sys
import tempfile

BUILD = 'build/native/tests/check/'

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


# What no trusted suite covers: group, our tests
UNCOVERED = [
    ('callbacks: order, removal inside', 'fen4_callbacks_in_order '
     'fen7_remove_inside_a_callback'),
    ('wait_any', 'fen12_wait_any'),
    ('errors before and after', 'fen10_set_error'),
    ('release with callbacks', 'fen15_release_with_callbacks'),
    ('timestamps', 'fen13_timestamp'),
    ('deadline hints', 'fen14_deadline rsv7_deadline_and_describe'),
    ('sequence numbers wrap', 'fen3_is_later'),
    ('array', 'arr5_first_error arr7_array_dropped_early arr1_chn2_refused'),
    ('chain', 'chn1_backwards chn7_million_nodes arr1_chn2_refused'),
    ('merge', 'unw3_strict_merge_keeps_the_error unw4_dedup_array'),
    ('reservation', 'rsv2_slots_are_reserved_first rsv2_growth_keeps_pending '
     'rsv3_promotion rsv4_replace rsv6_singleton rsv7_wait rsv1_usage_matrix'),
    ('unlocked iterator under changes', 'rsv5_unlocked_against_changes'),
    ('poll of a buffer', 'poll4_directions_and_rearm poll7_poll8'),
    ('CPU access', 'cpu1_wait_matrix cpu2_errors_of_the_exporter '
     'cpu5_restarted'),
    ('vmap', 'vmap1_counted'),
    ('attach, detach', 'att1_veto_while_moving_leaves_all_in_place '
     'att4_detach_of_a_mapped_buffer_is_ebusy'),
    ('map', 'map2_errors_of_the_exporter map3_fences_are_handed_over'),
    ('deferred storage', 'def1_first_map_sees_all_attachments '
     'def3_stricter_device_moves_the_storage '
     'def4_stalled_map_is_interruptible def4_own_deadlock_is_edeadlk'),
    ('dynamic importers', 'def5_revoke def6_fd_and_pin_forbid_moving'),
    ('fds: identity, exec, EMFILE', 'prime_dup prime_forked '
     'sec1_received_fds clo1_fds_are_close_on_exec '
     'sec2_nothing_leaks_into_a_child sec3_fault_sweep'),
    ('name', 'name1_length'),
    ('FILE_INFO', 'sf3_file_info'),
    ('poll of a sync_file', 'sf1_poller_and_cache'),
    ('annotations', 'ann2_wait_and_lock_inside'),
    ('statistics', 'stat4_a_buffer_counts_once seek2_inode_and_link'),
    ('hostile', 'sec4_other_fds_are_refused_by_their_link '
     'sec15_not_a_sync_file prime_llseek_bad sec7_layouts sec9_unknown_size'),
]


def results(program):
    """(result, test, test case) of each test that a program ran"""
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
    return re.findall(r'<test result="(\w+)">.*?<id>(\w+)</id>.*?'
                      r'<description>([\w-]+)</description>', text, re.S)


def homes():
    """test: its program"""
    found = {}
    for where in ('core', 'sync'):
        for path in sorted(glob.glob(f'tests/check/{where}/*.c')):
            with open(path) as source:
                for name in re.findall(r'GST_START_TEST \((?:test_)?(\w+)\)',
                                       source.read()):
                    program = os.path.basename(path)[:-2]
                    found.setdefault(name, f'{where}/{where}-{program}')
    return found


def uncovered(cache):
    """The table of B7; True if all is well."""
    where, well = homes(), True
    print(f'\n{"group of B7":<40} {"tests":>6} {"passed":>7}')
    for number, (title, tests) in enumerate(UNCOVERED, 1):
        passed, note = 0, ''
        for name in tests.split():
            program = where.get(name)
            if program and program not in cache:
                cache[program] = results(program)
            got = [r[0] for r in cache.get(program, ())
                   if r[1] in (name, f'test_{name}')]
            if got and set(got) == {'success'}:
                passed += 1
            else:
                note += f'  {name} {"FAILED" if got else "MISSING"}'
        well = well and not note
        print(f'{number:>2} {title:<37} {len(tests.split()):>6} {passed:>7}'
              f'{note}')
    return well


def main():
    cache, bad, total, good = {}, False, 0, 0
    print(f'{"suite":<40} {"cases":>6} {"passed":>7}')
    for title, program, case, expected in SUITES:
        program = 'sync/sync-' + program
        if program not in cache:
            cache[program] = results(program)
        lines = [r for r in cache[program] if r[2] == case]
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
    sys.exit(0 if uncovered(cache) and not bad else 1)


if __name__ == '__main__':
    main()
