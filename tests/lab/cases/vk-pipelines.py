#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# boot: gpu
"""Pipelines with the GPU stage: no copy, no CPU wait for a fence, imports flat
after warm-up, nothing from the validation layers; and what comes out on the
other side of upstream's sinks is what the GPU drew."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))

os.environ['GST_DMABUF_VK_VALIDATE'] = '1'
# lavapipe: code that is not optimised is there sooner
os.environ['GALLIVM_PERF'] = 'nopt'
os.environ['LP_NUM_THREADS'] = '0'
from gstcase import (  # noqa: E402
    Gst, Pipeline, UpstreamCopies, check, check_stats, run, run_each, stat,
    until)
from pixels import ScreenCrc, frames_of, last_pixels, rgb  # noqa: E402
from vivid import Loop  # noqa: E402

# the camera's smallest size; drawing needs no more
SIZE = 'width=320,height=180,framerate=30/1'
SMALL = 'width=80,height=45,framerate=30/1'
TINY = 'width=32,height=18,framerate=30/1'
# the camera has more buffers than a pool
FRAMES, WARM_UP, CAMERA = 12, 8, 16


class GpuPipeline(Pipeline):
    """In a with statement: at its end @frames, or all but one, have gone
    through the element called gpu to the one called sink as they should."""

    def __init__(self, description, frames=FRAMES, warm_up=WARM_UP):
        super().__init__(description)
        self.frames, self.warm_up = frames, warm_up
        self.copies = UpstreamCopies()
        self.arrived, self.imports = 0, None

    def on_frame(self, _pad, _info):
        self.arrived += 1
        if self.arrived == self.warm_up:
            self.imports = stat(self.gpu, 'imports')
        return Gst.PadProbeReturn.OK

    def __enter__(self):
        self.copies.__enter__()
        pipeline = super().__enter__()
        self.gpu = pipeline.get_by_name('gpu')
        pipeline.get_by_name('sink').get_static_pad('sink').add_probe(
            Gst.PadProbeType.BUFFER, self.on_frame)
        return pipeline

    def __exit__(self, kind, *_):
        try:
            if not kind:
                frames = stat(self.gpu, 'frames')
                check(frames >= self.frames - 1,
                      f'{frames} frames, not {self.frames}')
                check_stats(self.pipeline, 'gpu', copies=0, cpu_waits=0,
                            validation_messages=0, imports=self.imports,
                            submits=frames)
        finally:
            super().__exit__()
            self.copies.__exit__(kind)


def camera():
    """Converted, shown"""
    with GpuPipeline(
            f'dmabufv4l2src num-buffers={CAMERA} ! '
            f'video/x-raw,format=NV12,{SIZE} ! dmabufvkconvert name=gpu ! '
            'video/x-raw,format=BGRx,width=80,height=45 ! '
            'dmabufkmssink sync=false name=sink', warm_up=CAMERA - 4) as gpu:
        run(gpu, warnings=False)


def written():
    """By the CPU, converted, shown"""
    with GpuPipeline(
            f'videotestsrc num-buffers={FRAMES} ! '
            f'video/x-raw,format=NV12,{SMALL} ! dmabufalloc ! '
            'dmabufvkconvert name=gpu ! video/x-raw,format=BGRx ! '
            'dmabufkmssink sync=false name=sink') as gpu:
        run(gpu, warnings=False)


def drawn():
    """Shown"""
    with GpuPipeline(
            f'dmabufvksrc name=gpu num-buffers={FRAMES} ! '
            f'video/x-raw,format=BGRx,{SMALL} ! '
            'dmabufkmssink sync=false name=sink') as gpu:
        run(gpu, warnings=False)


def images():
    """Drawn into the memory of the GPU"""
    with GpuPipeline(
            f'dmabufvksrc memory=gpu import-mode=image num-buffers={FRAMES} ! '
            f'video/x-raw,format=NV12,{TINY} ! '
            'dmabufvkconvert name=gpu import-mode=image ! '
            'video/x-raw,format=BGRx ! fakesink name=sink') as gpu:
        run(gpu, warnings=False)


def kmssink():
    """What upstream shows of the GPU's frames are those, and one of them is the
    CPU's."""
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
    """vivid's HDMI output, which its HDMI input looks at"""
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


def main():
    Gst.init(None)
    # As long as one element has it open, the others find the GPU ready.
    keeper = Gst.ElementFactory.make('dmabufvkconvert')
    keeper.set_state(Gst.State.READY)
    try:
        run_each(camera, written, drawn, images, kmssink, v4l2sink)
    finally:
        keeper.set_state(Gst.State.NULL)


if __name__ == '__main__':
    main()
