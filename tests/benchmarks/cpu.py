#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# where: lab
"""CPU time per frame of camera to display, ours and upstream's.

User and system time of the process between its 30th and its 180th frame, the
two pipelines in turn. The least of the rounds: whatever else the machine does
only adds to it.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
import measure  # noqa: E402

FRAMES, ROUNDS = 180, 4

LIMIT = 0.8


def per_frame(pipeline):
    return measure.meter(pipeline)['cpu_ms']


def main():
    ours, upstream = [], []
    for _ in range(ROUNDS):
        ours.append(per_frame(measure.ours(FRAMES)))
        upstream.append(per_frame(measure.upstream(FRAMES)))
    measure.report('cpu', 'upstream: XR24', min(upstream), 'ms per frame')
    measure.report('cpu', 'ours: XR24', min(ours), 'ms per frame',
                   ratio=min(ours) / min(upstream), limit=LIMIT)


if __name__ == '__main__':
    main()
