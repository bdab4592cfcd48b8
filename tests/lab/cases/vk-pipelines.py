#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# timeout: 300
# boot: gpu
"""Pipelines with the GPU stage: no copy, no CPU wait for a fence, imports flat
after warm-up, nothing from the validation layers; and what comes out on the
other side of upstream's sinks is what the GPU drew."""

import os
import re
import subprocess
import sys
import tempfile
import threading

import gi

os.environ['GST_DMABUF_VK_VALIDATE'] = '1'
# lavapipe: code that is not optimised is there sooner
os.environ['GALLIVM_PERF'] = 'nopt'
gi.require_version('Gst', '1.0')
gi.require_version('GstVideo', '1.0')
from gi.repository import Gst, GstVideo  # noqa: E402,F401

# the camera's smallest size; drawing needs no more
SIZE = 'width=320,height=180,framerate=30/1'
SMALL = 'width=80,height=45,framerate=30/1'
TINY = 'width=32,height=18,framerate=30/1'
# the camera has more buffers than a pool
FRAMES, WARM_UP, CAMERA = 12, 8, 16
COPIES = []

PIPELINES = (
    # what, the pipeline
    ('camera, converted, shown',
     f'dmabufv4l2src num-buffers={CAMERA} ! video/x-raw,format=NV12,{SIZE} ! '
     'dmabufvkconvert name=gpu ! video/x-raw,format=BGRx,width=80,height=45 ! '
     'dmabufkmssink sync=false name=sink'),
    ('written by the CPU, converted, shown',
     f'videotestsrc num-buffers={FRAMES} ! video/x-raw,format=NV12,{SMALL} ! '
     'dmabufalloc ! dmabufvkconvert name=gpu ! video/x-raw,format=BGRx ! '
     'dmabufkmssink sync=false name=sink'),
    ('drawn, shown',
     f'dmabufvksrc name=gpu num-buffers={FRAMES} ! '
     f'video/x-raw,format=BGRx,{SMALL} ! dmabufkmssink sync=false name=sink'),
    ('drawn into the memory of the GPU as images',
     f'dmabufvksrc memory=gpu import-mode=image num-buffers={FRAMES} ! '
     f'video/x-raw,format=NV12,{TINY} ! '
     'dmabufvkconvert name=gpu import-mode=image ! '
     'video/x-raw,format=BGRx ! fakesink name=sink'),
)


def on_log(category, _level, _file, _function, _line, _object, message, *_):
    text = message.get()
    if category.get_name() == 'GST_PERFORMANCE' and text and re.search(
            'memcpy|frame copy|copy plane|copy Gst(Buffer|Memory)|bytes out',
            text):
        COPIES.append(text)


def stats(element):
    structure = element.get_property('stats')
    names = [structure.nth_field_name(i) for i in range(structure.n_fields())]
    return {name: structure.get_value(name) for name in names}


def check(what, end, warm, frames):
    if end['frames'] < frames - 1:
        sys.exit(f'{what}: {end["frames"]} frames, not {frames}')
    for field in 'copies', 'cpu-waits', 'validation-messages':
        if end[field]:
            sys.exit(f'{what}: {end[field]} {field}')
    if end['imports'] != warm['imports']:
        sys.exit(f'{what}: {end["imports"]} imports at the end, '
                 f'{warm["imports"]} after {WARM_UP} frames')
    if end['submits'] != end['frames']:
        sys.exit(f'{what}: {end["submits"]} submits for {end["frames"]}')
    if COPIES:
        sys.exit(f'{what}: {COPIES[:3]}')


def run(what, description, when_warm=None, at_end=None, frames=FRAMES):
    """Plays to the end. @when_warm is called with the pipeline while it plays,
    which then ends; @at_end before it stops."""
    COPIES.clear()
    pipeline = Gst.parse_launch(description)
    gpu, sink = pipeline.get_by_name('gpu'), pipeline.get_by_name('sink')
    seen, warm, is_warm = [0], {}, threading.Event()

    def on_frame(_pad, _info):
        seen[0] += 1
        if seen[0] == (CAMERA - 4 if 'v4l2src' in description else WARM_UP):
            warm.update(stats(gpu))
            is_warm.set()
        return Gst.PadProbeReturn.OK

    sink.get_static_pad('sink').add_probe(Gst.PadProbeType.BUFFER, on_frame)
    pipeline.set_state(Gst.State.PLAYING)
    if when_warm and is_warm.wait(60):
        when_warm(pipeline)
        pipeline.send_event(Gst.Event.new_eos())
    message = pipeline.get_bus().timed_pop_filtered(
        60 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR
        | Gst.MessageType.WARNING)
    end = stats(gpu)
    if message and message.type == Gst.MessageType.EOS and at_end:
        at_end(pipeline)
    pipeline.set_state(Gst.State.NULL)
    print(f'{what}: {end}', flush=True)
    if not message:
        sys.exit(f'{what}: did not end')
    if message.type != Gst.MessageType.EOS:
        sys.exit(f'{what}: ' + str(
            message.parse_error() if message.type == Gst.MessageType.ERROR
            else message.parse_warning()))
    check(what, end, warm, frames)


def bytes_of(sample, row):
    """Of the only plane, rows of @row bytes without what is behind them."""
    buffer = sample.get_buffer()
    data = buffer.extract_dup(0, buffer.get_size())
    meta = GstVideo.buffer_get_video_meta(buffer)
    starts = (meta.offset[0] + y * meta.stride[0] for y in range(meta.height))
    return b''.join(data[start:start + row] for start in starts)


# --- upstream's display -------------------------------------------------------

# what the display shows, as the checksum that vkms makes of it
CRC = '/sys/kernel/debug/dri/0/crtc-0/crc'


def now_shown():
    """Of a frame that begins from now on."""
    with open(f'{CRC}/control', 'w') as control:
        control.write('auto')
    with open(f'{CRC}/data') as data:
        lines = [data.readline() for _ in range(3)]
    return lines[-1].split()[1]


def kmssink():
    """What upstream shows of the GPU's frames is what it shows of the CPU's."""
    shown = {}
    rest = (f'video/x-raw,format=BGRx,{SMALL} ! '
            'kmssink driver-name=vkms sync=false name=sink')

    def look(pipeline):
        shown[pipeline.get_by_name('gpu').get_property('pattern')] = now_shown()

    for pattern in 'bars', 'solid color=0xff3060c0':
        run(f'drawn, shown by kmssink, {pattern}',
            f'dmabufvksrc name=gpu implicit-sync=true num-buffers={FRAMES} '
            f'pattern={pattern} ! {rest}', at_end=look)

    pipeline = Gst.parse_launch(
        'videotestsrc num-buffers=2 pattern=solid-color '
        f'foreground-color=0xff3060c0 ! {rest}')
    pipeline.set_state(Gst.State.PLAYING)
    pipeline.get_bus().timed_pop_filtered(
        60 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
    cpu = now_shown()
    pipeline.set_state(Gst.State.NULL)
    bars, solid = shown.values()
    if solid != cpu or bars == cpu:
        sys.exit(f'kmssink shows {shown} of the GPU and {cpu} of the CPU')


# --- upstream's V4L2 output ---------------------------------------------------

CAPTURE, OUTPUT = '/dev/video0', '/dev/video1'


def v4l2(device, *arguments):
    subprocess.run(['v4l2-ctl', '-d', device, *arguments], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def v4l2sink():
    """vivid's HDMI output, which its HDMI input looks at."""
    seen = {}

    def capture(pipeline):
        sample = pipeline.get_by_name('sink').get_property('last-sample')
        with tempfile.NamedTemporaryFile() as file:
            v4l2(CAPTURE, '--stream-mmap', '--stream-count=1',
                 f'--stream-to={file.name}')
            seen['captured'] = file.read()
        seen['drawn'] = bytes_of(sample, 640 * 2)

    timings = '--set-dv-bt-timings=index=0'  # 640x480
    v4l2(OUTPUT, '--set-output=1', timings)
    v4l2(CAPTURE, '--set-input=3',
         '-c', 'hdmi_000_0_is_connected_to=2,osd_text_mode=2')
    v4l2(CAPTURE, timings)
    v4l2(CAPTURE, '-v', 'width=640,height=480,pixelformat=YUYV')
    try:
        run('drawn, sent by v4l2sink',
            'dmabufvksrc name=gpu ! video/x-raw,format=YUY2,width=640,'
            f'height=480 ! v4l2sink device={OUTPUT} io-mode=dmabuf-import '
            'sync=false name=sink', when_warm=capture, frames=WARM_UP)
    finally:
        v4l2(CAPTURE, '-c', 'hdmi_000_0_is_connected_to=0,osd_text_mode=0')
        v4l2(CAPTURE, '--set-input=0')
    if seen['captured'] != seen['drawn']:
        pairs = zip(seen['captured'], seen['drawn'])
        sys.exit(f'v4l2sink does not send what the GPU drew: '
                 f'{sum(a != b for a, b in pairs)} of '
                 f'{len(seen["drawn"])} bytes differ')


def main():
    Gst.init(None)
    Gst.debug_remove_log_function(None)
    Gst.debug_add_log_function(on_log)
    Gst.debug_set_threshold_for_name('GST_PERFORMANCE', Gst.DebugLevel.DEBUG)
    # As long as one element has it open, the others find the GPU ready.
    keeper = Gst.ElementFactory.make('dmabufvkconvert')
    keeper.set_state(Gst.State.READY)
    names = sys.argv[1:]
    for what, description in PIPELINES:
        if not names or any(name in what for name in names):
            run(what, description)
    for case in kmssink, v4l2sink:
        if not names or case.__name__ in names:
            case()
    keeper.set_state(Gst.State.NULL)


if __name__ == '__main__':
    main()
