#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# where: lab
"""Frames per second on the display, against what the camera alone reaches.

150 frames at 30/s; upstream's pipeline beside it.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
import measure  # noqa: E402

FRAMES = 150

# The camera may be at most this much faster than the display: 0.98 the other
# way round.
LIMIT = round(1 / 0.98, 4)


def rate(pipeline):
    return measure.meter(pipeline)['rate']


def main():
    camera = rate(measure.ours(FRAMES, sink='fakesink name=sink'))
    display = rate(measure.ours(FRAMES))
    kmssink = rate(measure.upstream(FRAMES))
    measure.report('rate', 'camera alone', camera, 'frames/s')
    measure.report('rate', 'upstream: display', kmssink, 'frames/s',
                   ratio=camera / kmssink)
    measure.report('rate', 'ours: display', display, 'frames/s',
                   ratio=camera / display, limit=LIMIT)


if __name__ == '__main__':
    main()
