#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many cycles of PLAYING and NULL (100 in the long run), and renegotiations
while PLAYING, leave no fd, dma-buf or object of GStreamer."""

import gc
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))

from gstcase import is_long  # noqa: E402
from v4l2case import OpenFiles, Gst, stat, stop, until, warm_up  # noqa: E402

STARTS, RENEGOTIATIONS = (100, 20) if is_long() else (20, 5)

CAPS = (
    'video/x-raw,format=NV12,width=1280,height=720,framerate=30/1',
    'video/x-raw,format=BGRx,width=640,height=360,framerate=30/1',
    'video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format=YUYV,width=640,'
    'height=480,framerate=30/1',
    'video/x-raw,format=NV12,width=320,height=180,framerate=30/1',
)


def work():
    warm_up()

    pipeline = Gst.parse_launch(
        'dmabufv4l2src name=src ! capsfilter name=filter ! queue ! fakesink')
    # A first start, at which the pipeline opens fds that it keeps (for its
    # bus).
    pipeline.set_state(Gst.State.PLAYING)
    stop(pipeline)
    open_files = OpenFiles()
    source = pipeline.get_by_name('src')
    caps_filter = pipeline.get_by_name('filter')

    for i in range(STARTS):
        pipeline.set_state(Gst.State.PLAYING)
        if i % 10 == 0:
            until(lambda: stat(source, 'frames') >= 2, 'frames')
        stop(pipeline)
        if i % 20 == 0:
            open_files.check(f'start {i}')
    open_files.check(f'{STARTS} starts')

    pipeline.set_state(Gst.State.PLAYING)
    for i in range(RENEGOTIATIONS):
        wanted = Gst.Caps.from_string(CAPS[i % len(CAPS)])
        caps_filter.set_property('caps', wanted)

        def is_there():
            current = source.get_static_pad('src').get_current_caps()
            return current and current.is_subset(wanted)
        until(is_there, CAPS[i % len(CAPS)])
        frames = stat(source, 'frames')
        until(lambda: stat(source, 'frames') >= frames + 3, '3 frames')
        if stat(source, 'buffers') > 8:
            sys.exit(f'{stat(source, "buffers")} dma-bufs')
    stop(pipeline)
    open_files.check(f'{RENEGOTIATIONS} renegotiations')

    # The tracer reports the objects that are alive at gst_deinit ().
    pipeline.get_bus().set_flushing(True)
    del pipeline, source, caps_filter, wanted, is_there
    gc.collect()
    Gst.deinit()


def main():
    with tempfile.NamedTemporaryFile('r') as log:
        os.environ.update(GST_TRACERS='leaks', GST_DEBUG='GST_TRACER:7',
                          GST_DEBUG_NO_COLOR='1', GST_DEBUG_FILE=log.name)
        work()
        lines = log.read().splitlines()
    alive = [line for line in lines if ' object-alive, type-name=' in line
             and 'format string' not in line]
    if not any('GST_TRACER' in line for line in lines):
        sys.exit('the tracer said nothing, so it found nothing')
    if alive:
        sys.exit(f'{len(alive)} objects are left:\n' + '\n'.join(alive[:20]))
    print(f'{STARTS} starts and {RENEGOTIATIONS} renegotiations leave nothing')


if __name__ == '__main__':
    main()
