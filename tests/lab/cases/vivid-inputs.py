#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# boot: strangers
"""Features of vivid besides its webcam: a TV input with standards, an HDMI
input with timings, cache hints, and injected errors."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))

from devices import video_node  # noqa: E402
from gstcase import Pipeline, check, run, run_each  # noqa: E402
from heaps import CACHE_HINTS, buffer_capabilities  # noqa: E402
from v4l2case import expect_error  # noqa: E402
from vivid import HDMI, TV, capture, inject, input_of  # noqa: E402

NODE = 'vivid-000-vid-cap'


def tv():
    """The standard determines the size."""
    node = video_node(NODE)
    for standard, height in ('pal', 576), ('ntsc', 480):
        with input_of(node, TV, f'--set-standard={standard}'):
            frame, = capture(node, 'YUYV', 720, height)
            check(len(frame) == 720 * height * 2,
                  f'{standard}: {len(frame)} bytes')


def hdmi():
    """The timings determine the size."""
    node = video_node(NODE)
    for width, height in (1024, 768), (640, 480):
        with input_of(node, HDMI, '--set-dv-bt-timings='
                      f'cvt,width={width},height={height},fps=60'):
            frame, = capture(node, 'YUYV', width, height)
            check(len(frame) == width * height * 2, f'{len(frame)} bytes')


def cache_hints():
    has = [bool(buffer_capabilities(video_node(name)) & CACHE_HINTS)
           for name in (NODE, 'vivid-001-vid-cap')]
    check(has == [True, False], f'cache hints: {has}')


def errors():
    """Each press of a button injects one error."""
    node = video_node(NODE)
    source = f'dmabufv4l2src device={node} num-buffers=2 ! fakesink'
    inject(node, 'vidioc_streamon_error')
    with Pipeline(source) as pipeline:
        expect_error(pipeline, node, 'STREAMON')
    with Pipeline(source) as pipeline:
        run(pipeline)


if __name__ == '__main__':
    run_each(tv, hdmi, cache_hints, errors)
