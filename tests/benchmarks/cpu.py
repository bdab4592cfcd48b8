#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# where: lab
"""CPU time per frame of camera to display, ours and upstream's.

User and system time of the process between its 30th and its 110th frame, the
two pipelines in turn. What disturbs a run only ever adds to it: another guest
on the machine, and the phase in which a start puts the camera's clock and the
display's, on which depends how long a call waits for a driver's lock. So there
are many short runs, and the least disturbed of each side are compared; the
medians are shown beside them.
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
    for name, values in (('upstream', upstream), ('ours', ours)):
        measure.report('cpu', f'{name}: XR24, median',
                       statistics.median(values), 'ms per frame')
    measure.report('cpu', 'upstream: XR24', min(upstream), 'ms per frame')
    measure.report('cpu', 'ours: XR24', min(ours), 'ms per frame',
                   ratio=min(ours) / min(upstream), limit=LIMIT)


if __name__ == '__main__':
    main()
