#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Frames of dmabufv4l2src have the pixels that v4l2-ctl reads, rows as in the
video meta, dma-bufs as memory and growing timestamps, in at most 8 dma-bufs.
While a consumer holds all buffers, the driver drops frames, and no frame is
copied."""

import gc
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))
from gstcase import PATIENCE, is_long  # noqa: E402
from samples import GstAllocators, GstVideo  # noqa: E402
from v4l2case import OpenFiles, Gst, stat, stop, until, warm_up  # noqa: E402
from vivid import capture, find, input_node, v4l2_ctl  # noqa: E402

# V4L2, DRM, GStreamer; the unit tests cover rows with padding, as of odd
# widths.
FORMATS = (('NV12', 'NV12', 'NV12'), ('YUYV', 'YUYV', 'YUY2'),
           ('XR24', 'XR24', 'BGRx'), ('YU12', 'YU12', 'I420'),
           ('RGB3', 'BG24', 'RGB'), ('GREY', 'R8  ', 'GRAY8'))
CAMERA = input_node()
WIDTH, HEIGHT = 640, 360
FRAMES = 20 if is_long() else 5
HELD = 12


def frames(caps, n):
    """The samples of one run; checks the statistics at its end."""
    pipeline = Gst.parse_launch(
        f'dmabufv4l2src name=src device={CAMERA} num-buffers={n} ! {caps},'
        f'width={WIDTH},height={HEIGHT},framerate=30/1 ! appsink name=sink '
        f'sync=false')
    pipeline.set_state(Gst.State.PLAYING)
    sink = pipeline.get_by_name('sink')
    while True:
        sample = sink.try_pull_sample(PATIENCE * Gst.SECOND)
        if sample is None:
            break
        yield sample
    source = pipeline.get_by_name('src')
    if stat(source, 'frames') != n:
        sys.exit(f'{caps}: {stat(source, "frames")} frames, not {n}')
    if stat(source, 'copies') or stat(source, 'buffers') > 8 \
            or stat(source, 'exports') != stat(source, 'buffers'):
        sys.exit(f'{caps}: {source.get_property("stats").to_string()}')
    stop(pipeline)


def check_frame(buffer, expected, what):
    for i in range(buffer.n_memory()):
        if not GstAllocators.is_dmabuf_memory(buffer.peek_memory(i)):
            sys.exit(f'{what}: memory {i} is no dma-buf')
    if GstVideo.buffer_get_video_meta(buffer) is None:
        sys.exit(f'{what}: no video meta')
    ok, info = buffer.map(Gst.MapFlags.READ)
    if not ok:
        sys.exit(f'{what}: cannot be mapped')
    data = bytes(info.data)
    buffer.unmap(info)
    if len(data) != len(expected):
        sys.exit(f'{what}: {len(data)} bytes, v4l2-ctl read {len(expected)}')
    if data != expected:
        wrong = next(i for i in range(len(data)) if data[i] != expected[i])
        sys.exit(f'{what}: differs from byte {wrong} of {len(data)} on')


def pixels():
    v4l2_ctl(CAMERA, '-c', 'osd_text_mode=2,test_pattern=0')
    for v4l2, drm, plain in FORMATS:
        expected = capture(CAMERA, v4l2, WIDTH, HEIGHT, skip=2)[0]
        for caps in (f'video/x-raw,format={plain}',
                     f'video/x-raw(memory:DMABuf),format=DMA_DRM,'
                     f'drm-format=(string)"{drm}"'):
            last, count = -1, 0
            for sample in frames(caps, FRAMES):
                buffer = sample.get_buffer()
                if buffer.pts <= last:
                    sys.exit(f'{caps}: {buffer.pts} after {last}')
                last, count = buffer.pts, count + 1
                check_frame(buffer, expected, caps)
            if count != FRAMES:
                sys.exit(f'{caps}: {count} frames arrived, not {FRAMES}')
            print(f'ok: {caps}')


def starved():
    """All buffers are held for a while, then released."""
    pipeline = Gst.parse_launch(
        f'dmabufv4l2src name=src device={CAMERA} ! '
        'video/x-raw,framerate=30/1 ! '
        'appsink name=sink sync=false max-buffers=100')
    source, sink = (pipeline.get_by_name(n) for n in ('src', 'sink'))
    pipeline.set_state(Gst.State.PLAYING)
    held = []
    until(lambda: stat(source, 'frames') == stat(source, 'buffers') > 0,
          'all buffers are out')
    for _ in range(stat(source, 'frames')):
        held.append(sink.pull_sample())
    # Lasts for HELD frames of the camera: vivid makes metadata for each of
    # them.
    v4l2_ctl(find('Metadata Capture', 'Video'), '--stream-mmap',
             f'--stream-count={HELD}')
    if stat(source, 'frames') != len(held):
        sys.exit('a frame was made although all buffers were held')
    held.clear()
    for _ in range(20):
        if sink.try_pull_sample(PATIENCE * Gst.SECOND) is None:
            sys.exit('no frame after the buffers were released')
    if stat(source, 'dropped') < HELD - 1 or stat(source, 'starved') < 1:
        sys.exit(f'not counted: {source.get_property("stats").to_string()}')
    print(f'ok: {stat(source, "dropped")} dropped while starved')
    stop(pipeline)


def main():
    warm_up()
    open_files = OpenFiles()
    pixels()
    starved()
    gc.collect()
    open_files.check('the end')


if __name__ == '__main__':
    main()
