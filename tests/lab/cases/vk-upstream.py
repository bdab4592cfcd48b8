#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# boot: gpu
"""Upstream's sinks put out the frames that the GPU drew; see lib/gpu.py for the
other checks."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))

from gpu import (  # noqa: E402
    FRAMES, SMALL, WARM_UP, GpuPipeline, run_gpu_cases)
from gstcase import Gst, check, run, stat, until  # noqa: E402
from pixels import ScreenCrc, frames_of, last_pixels, rgb  # noqa: E402
from vivid import Loop  # noqa: E402


def kmssink():
    """The display shows the GPU's frames, and a plain one equals the CPU's."""
    caps, frame = f'video/x-raw,format=BGRx,{SMALL}', ('BGRx', 80, 45)
    seen = []
    for pattern in 'bars', 'solid color=0xff3060c0':
        with GpuPipeline(
                'dmabufvksrc name=gpu implicit-sync=true '
                f'num-buffers={FRAMES} pattern={pattern} ! {caps} ! '
                'kmssink driver-name=vkms sync=false name=sink') as gpu:
            run(gpu, warnings=False)
            seen.append(last_pixels(gpu.get_by_name('sink'), *frame))
            with ScreenCrc() as screen:
                screen.shows(seen[-1:])
    cpu = frames_of('videotestsrc num-buffers=1 pattern=solid-color '
                    f'foreground-color=0xff3060c0 ! {caps}', *frame)[0]
    bars, solid = map(rgb, seen)
    check(solid == rgb(cpu), 'the GPU does not draw what the CPU does')
    check(bars != solid, 'both patterns are the same')


def v4l2sink():
    """vivid's HDMI output, whose picture comes back on its HDMI input"""
    with Loop() as loop, GpuPipeline(
            'dmabufvksrc name=gpu ! video/x-raw,format=YUY2,width=640,'
            f'height=480 ! v4l2sink device={loop.output} '
            'io-mode=dmabuf-import sync=false name=sink',
            frames=WARM_UP) as gpu:
        gpu.set_state(Gst.State.PLAYING)
        sink = gpu.get_by_name('sink')
        until(lambda: stat(sink, 'rendered') >= WARM_UP, 'frames', pipeline=gpu)
        drawn_pixels = last_pixels(sink, 'YUY2', 640, 480)
        captured = loop.capture('YUYV', 1, lambda found: found[0]
                                == drawn_pixels)[0]
        gpu.send_event(Gst.Event.new_eos())
        run(gpu, warnings=False)
    different = sum(a != b for a, b in zip(captured, drawn_pixels))
    check(captured == drawn_pixels, 'v4l2sink does not send what the GPU drew: '
          f'{different} of {len(drawn_pixels)} bytes differ')


if __name__ == '__main__':
    run_gpu_cases(kmssink, v4l2sink)
