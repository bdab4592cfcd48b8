#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# where: lab
"""CPU time per frame of camera to display, ours and upstream's.

User and system time of the process between its 30th and its 90th frame, the
two pipelines in turn. A start puts the camera's clock and the display's in some
phase, and how long calls wait for each other depends on it: half of upstream's
time goes or comes with it. So there are many short runs, and their means are
compared, which is what a start costs on average; the range is shown beside them.
"""

import os
import statistics
import sys

sys.path.insert(0, os.path.dirname(__file__))
import measure  # noqa: E402

FRAMES, ROUNDS = 90, 20

LIMIT = 0.8


def per_frame(pipeline):
    return measure.meter(pipeline)['cpu_ms']


def main():
    ours, upstream = [], []
    for _ in range(ROUNDS):
        ours.append(per_frame(measure.ours(FRAMES)))
        upstream.append(per_frame(measure.upstream(FRAMES)))
    for name, values in (('upstream', upstream), ('ours', ours)):
        for which in min, max:
            measure.report('cpu', f'{name}: XR24, {which.__name__}imum',
                           which(values), 'ms per frame')
    theirs = statistics.mean(upstream)
    mine = statistics.mean(ours)
    measure.report('cpu', 'upstream: XR24', theirs, 'ms per frame')
    measure.report('cpu', 'ours: XR24', mine, 'ms per frame',
                   ratio=mine / theirs, limit=LIMIT)


if __name__ == '__main__':
    main()
