#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# timeout: 900
"""Pipelines with the GPU stage: no copy, no CPU wait for a fence, imports flat
after warm-up, nothing from the validation layers; what comes out is what went
in."""

import os
import sys

import gi

os.environ['GST_DMABUF_VK_VALIDATE'] = '1'
gi.require_version('Gst', '1.0')
from gi.repository import Gst  # noqa: E402

SIZE = 'width=320,height=180,framerate=30/1'
FRAMES, WARM_UP = 30, 15

PIPELINES = (
    # what, the pipeline with @N@ for the number of frames
    ('camera, converted, shown',
     f'dmabufv4l2src num-buffers=@N@ ! video/x-raw,format=NV12,{SIZE} ! '
     'dmabufvkconvert name=gpu ! video/x-raw,format=BGRx ! '
     'dmabufkmssink sync=false name=sink'),
    ('written by the CPU, converted, shown',
     f'videotestsrc num-buffers=@N@ ! video/x-raw,format=NV12,{SIZE} ! '
     'dmabufalloc ! dmabufvkconvert name=gpu ! video/x-raw,format=BGRx ! '
     'dmabufkmssink sync=false name=sink'),
    ('drawn, shown',
     f'dmabufvksrc name=gpu num-buffers=@N@ ! video/x-raw,format=BGRx,{SIZE} '
     '! dmabufkmssink sync=false name=sink'),
    ('drawn, shown by kmssink',
     'dmabufvksrc name=gpu implicit-sync=true num-buffers=@N@ ! '
     f'video/x-raw,format=BGRx,{SIZE} ! kmssink driver-name=vkms sync=false '
     'name=sink'),
    ('drawn into the memory of the GPU as images',
     'dmabufvksrc memory=gpu import-mode=image num-buffers=@N@ ! '
     f'video/x-raw,format=NV12,{SIZE} ! '
     'dmabufvkconvert name=gpu import-mode=image ! '
     'video/x-raw,format=BGRx ! fakesink name=sink'),
)


def stats(element):
    structure = element.get_property('stats')
    names = [structure.nth_field_name(i) for i in range(structure.n_fields())]
    return {name: structure.get_value(name) for name in names}


def run(what, description):
    pipeline = Gst.parse_launch(description.replace('@N@', str(FRAMES)))
    gpu, sink = pipeline.get_by_name('gpu'), pipeline.get_by_name('sink')
    seen, warm = [0], {}

    def on_frame(pad, info):
        seen[0] += 1
        if seen[0] == WARM_UP:
            warm.update(stats(gpu))
        return Gst.PadProbeReturn.OK

    sink.get_static_pad('sink').add_probe(Gst.PadProbeType.BUFFER, on_frame)
    pipeline.set_state(Gst.State.PLAYING)
    message = pipeline.get_bus().timed_pop_filtered(
        300 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR
        | Gst.MessageType.WARNING)
    problem = None
    if not message:
        problem = 'did not end'
    elif message.type != Gst.MessageType.EOS:
        problem = message.parse_error() if message.type == \
            Gst.MessageType.ERROR else message.parse_warning()
    end = stats(gpu)
    pipeline.set_state(Gst.State.NULL)
    print(f'{what}: {end}')
    if problem:
        sys.exit(f'{what}: {problem}')
    if end['frames'] < FRAMES - 1:
        sys.exit(f'{what}: {end["frames"]} frames, not {FRAMES}')
    for field in 'copies', 'cpu-waits', 'validation-messages':
        if end[field]:
            sys.exit(f'{what}: {end[field]} {field}')
    if end['imports'] != warm['imports']:
        sys.exit(f'{what}: {end["imports"]} imports at the end, '
                 f'{warm["imports"]} after {WARM_UP} frames')
    if end['submits'] != end['frames']:
        sys.exit(f'{what}: {end["submits"]} submits for {end["frames"]}')


def main():
    Gst.init(None)
    names = sys.argv[1:]
    for what, description in PIPELINES:
        if not names or any(name in what for name in names):
            run(what, description)


if __name__ == '__main__':
    main()
