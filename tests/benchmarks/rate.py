#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# where: lab
"""Frames per second on the display, against what the camera alone reaches.

150 frames at 30/s; upstream's pipeline beside it.
"""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
import measure  # noqa: E402

FRAMES = 150

# The camera may be at most this much faster than the display: 0.98 the other
# way round.
LIMIT = round(1 / 0.98, 4)


def rate(pipeline):
    tool = os.path.join(os.environ.get('DMABUF_BUILD', 'build/native'),
                        'tests/benchmarks/pipeline-rate')
    result = subprocess.run([tool] + pipeline, stdout=subprocess.PIPE,
                            check=True)
    return json.loads(result.stdout)['rate']


def main():
    camera = rate(measure.ours(FRAMES, sink='fakesink name=sink'))
    display = rate(measure.ours(FRAMES, sink='dmabufkmssink name=sink'))
    kmssink = rate(measure.upstream(
        FRAMES, sink='kmssink driver-name=vkms name=sink'))
    measure.report('rate', 'camera alone', camera, 'frames/s')
    measure.report('rate', 'upstream: display', kmssink, 'frames/s',
                   ratio=camera / kmssink)
    measure.report('rate', 'ours: display', display, 'frames/s',
                   ratio=camera / display, limit=LIMIT)


if __name__ == '__main__':
    main()
