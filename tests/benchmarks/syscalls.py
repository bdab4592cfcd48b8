#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# where: lab
"""System calls per frame of camera to display, ours and upstream's.

The difference of a 150- and a 30-frame run, so that start and stop fall out.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
import measure  # noqa: E402

SHORT, LONG = 30, 150

# design: at most 8 for ours, 13 is upstream's
LIMIT = 8


def per_frame(pipeline):
    short, long = (measure.system_calls(pipeline(n)) for n in (SHORT, LONG))
    return {name: (long[name] - short.get(name, 0)) / (LONG - SHORT)
            for name in long}


def main():
    # The first run of all writes GStreamer's registry.
    measure.run(['gst-launch-1.0', '-q'] + measure.ours(1))

    totals = {}
    for who, pipeline in (('ours', measure.ours),
                          ('upstream', measure.upstream)):
        calls = per_frame(pipeline)
        totals[who] = sum(calls.values())
        for name in sorted(calls, key=calls.get, reverse=True):
            if abs(calls[name]) >= 0.05:
                measure.report('syscalls', f'{who}: {name}', calls[name],
                               'per frame')
    measure.report('syscalls', 'upstream: all', totals['upstream'],
                   'per frame')
    measure.report('syscalls', 'ours: all', totals['ours'], 'per frame',
                   ratio=totals['ours'] / LIMIT, limit=1)
    measure.report('syscalls', 'ours by upstream', totals['ours'], 'per frame',
                   ratio=totals['ours'] / totals['upstream'])


if __name__ == '__main__':
    main()
