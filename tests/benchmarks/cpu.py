#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# where: lab
"""CPU time per frame of camera to display, ours and upstream's.

User and system time, difference of a 180- and a 30-frame run, the two
pipelines in turn; the median of three.
"""

import os
import statistics
import sys

sys.path.insert(0, os.path.dirname(__file__))
import measure  # noqa: E402

SHORT, LONG, ROUNDS = 30, 180, 3

LIMIT = 0.8


def cpu(pipeline):
    usage = measure.run(['gst-launch-1.0', '-q'] + pipeline)
    return usage.ru_utime + usage.ru_stime


def per_frame(pipeline):
    return (cpu(pipeline(LONG)) - cpu(pipeline(SHORT))) / (LONG - SHORT) * 1e3


def main():
    times = {'ours': [], 'upstream': []}
    for _ in range(ROUNDS):
        times['ours'].append(per_frame(measure.ours))
        times['upstream'].append(per_frame(measure.upstream))
    median = {who: statistics.median(times[who]) for who in times}
    measure.report('cpu', 'upstream: XR24', median['upstream'], 'ms per frame')
    measure.report('cpu', 'ours: XR24', median['ours'], 'ms per frame',
                   ratio=median['ours'] / median['upstream'], limit=LIMIT)


if __name__ == '__main__':
    main()
