#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# timeout: 300
"""100 times PLAYING and NULL, 20 renegotiations while PLAYING: fds, dma-bufs
and GStreamer's objects are what they were."""

import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))

STARTS, RENEGOTIATIONS = 100, 20

CAPS = (
    'video/x-raw,format=NV12,width=1280,height=720,framerate=30/1',
    'video/x-raw,format=BGRx,width=640,height=360,framerate=30/1',
    'video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format=YUYV,width=640,'
    'height=480,framerate=30/1',
    'video/x-raw,format=NV12,width=320,height=180,framerate=30/1',
)


def work():
    from v4l2case import Books, Gst, stat, stop, until, warm_up
    warm_up()

    pipeline = Gst.parse_launch(
        'dmabufv4l2src name=src ! capsfilter name=filter ! queue ! fakesink')
    # What the pipeline itself opens at its first start, its bus for example.
    pipeline.set_state(Gst.State.PLAYING)
    stop(pipeline)
    books = Books()
    source = pipeline.get_by_name('src')
    caps_filter = pipeline.get_by_name('filter')

    for i in range(STARTS):
        pipeline.set_state(Gst.State.PLAYING)
        if i % 10 == 0:
            until(lambda: stat(source, 'frames') >= 2, 'frames')
        stop(pipeline)
        if i % 20 == 0:
            books.check(f'start {i}')
    books.check(f'{STARTS} starts')

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
    books.check(f'{RENEGOTIATIONS} renegotiations')

    # The tracer reports what is alive when GStreamer ends.
    pipeline.get_bus().set_flushing(True)
    del pipeline, source, caps_filter, wanted, is_there
    import gc
    gc.collect()
    Gst.deinit()


def main():
    if len(sys.argv) > 1:
        work()
        return
    worker = subprocess.run(
        [sys.executable, __file__, 'work'], stderr=subprocess.PIPE, text=True,
        env={**os.environ, 'GST_TRACERS': 'leaks', 'GST_DEBUG': 'GST_TRACER:7',
             'GST_DEBUG_NO_COLOR': '1'})
    alive = [line for line in worker.stderr.splitlines()
             if ' object-alive, type-name=' in line
             and 'format string' not in line]
    if worker.returncode:
        sys.exit(f'{worker.stderr[-3000:]}\nexit status {worker.returncode}')
    if 'GST_TRACER' not in worker.stderr:
        sys.exit('the tracer said nothing, so it found nothing')
    if alive:
        sys.exit(f'{len(alive)} objects are left:\n' + '\n'.join(alive[:20]))
    print(f'{STARTS} starts and {RENEGOTIATIONS} renegotiations leave nothing')


if __name__ == '__main__':
    main()
