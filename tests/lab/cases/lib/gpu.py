# SPDX-License-Identifier: LGPL-2.1-or-later
"""A pipeline with the GPU stage, and the checks of all such pipelines: no copy,
no CPU wait for a fence, no import after the warm-up, no message of the
validation layers."""

import os

os.environ['GST_DMABUF_VK_VALIDATE'] = '1'
from gstcase import (  # noqa: E402
    Gst, Pipeline, UpstreamCopies, check, check_stats, run_each, stat)

SMALL = 'width=80,height=45,framerate=30/1'
FRAMES, WARM_UP = 12, 8


class GpuPipeline(Pipeline):
    """In a with statement: at its end @frames, or all but one, have gone from
    the element named gpu to the one named sink, and the checks hold."""

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


def run_gpu_cases(*cases):
    Gst.init(None)
    # While one element has the GPU open, the others share its context.
    keeper = Gst.ElementFactory.make('dmabufvkconvert')
    keeper.set_state(Gst.State.READY)
    try:
        run_each(*cases)
    finally:
        keeper.set_state(Gst.State.NULL)
