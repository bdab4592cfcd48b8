#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# boot: strangers
"""A camera whose entities need matching formats: an error names media-ctl
before they are set, and afterwards frames have the size that the graph
delivers."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))

from gstcase import Pipeline, check, check_stats, run, run_each  # noqa: E402
from v4l2case import expect_error  # noqa: E402
from vimc import Vimc  # noqa: E402

FRAMES = 3


def unconfigured():
    with Vimc() as camera, Pipeline(
            f'dmabufv4l2src device={camera.capture} ! fakesink') as pipeline:
        expect_error(pipeline, camera.capture, 'media-ctl')


def stream(camera, width, height):
    """The size of a frame. The sample is released here: it would keep vimc in
    use."""
    with Pipeline(f'dmabufv4l2src name=source device={camera.capture} '
                  f'num-buffers={FRAMES} ! video/x-raw,format=RGB,'
                  f'width={width},height={height} ! fakesink name=sink '
                  'enable-last-sample=true') as pipeline:
        run(pipeline)
        check_stats(pipeline, 'source', frames=FRAMES)
        sink = pipeline.get_by_name('sink')
        return sink.get_property('last-sample').get_buffer().get_size()


def configured():
    for width, height in (320, 240), (640, 480):
        with Vimc() as camera:
            camera.set_up(width, height, (320, 240))
            size = stream(camera, width, height)
        check(size >= width * height * 3, f'{width}x{height}: {size} bytes')


if __name__ == '__main__':
    run_each(unconfigured, configured)
