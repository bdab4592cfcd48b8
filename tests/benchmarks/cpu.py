#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# where: lab
"""CPU time per frame of camera to display, ours and upstream's.

User and system time of the process between its 30th and its 110th frame, the
two pipelines in turn; medians, and the median of the ratios pair by pair, so
that a machine whose speed drifts changes both sides. A start puts the camera's
clock and the display's in some phase, and how long a call waits for a driver's
lock depends on it: so many short runs and not a few long ones.
"""

import os
import statistics
import sys

sys.path.insert(0, os.path.dirname(__file__))
import measure  # noqa: E402

FRAMES, ROUNDS = 110, 11

LIMIT = 0.8


def per_frame(pipeline):
    return measure.meter(pipeline)['cpu_ms']


def main():
    ours, upstream = [], []
    for _ in range(ROUNDS):
        ours.append(per_frame(measure.ours(FRAMES)))
        upstream.append(per_frame(measure.upstream(FRAMES)))
    ratios = [a / b for a, b in zip(ours, upstream)]
    measure.report('cpu', 'upstream: XR24', statistics.median(upstream),
                   'ms per frame')
    measure.report('cpu', 'ours: XR24', statistics.median(ours),
                   'ms per frame', ratio=statistics.median(ratios),
                   limit=LIMIT)


if __name__ == '__main__':
    main()
