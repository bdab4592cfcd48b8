#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# last
"""A multi-planar camera that is set to NV12M: a frame has two dma-bufs, its
planes are as in the video meta, and its pixels are those of contiguous NV12."""

import gc
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))
from gstcase import PATIENCE  # noqa: E402
from samples import GstAllocators, GstVideo  # noqa: E402
from v4l2case import OpenFiles, Gst, run, stat, stop, warm_up  # noqa: E402
from vivid import capture, input_node, v4l2_ctl  # noqa: E402

WIDTH, HEIGHT = 640, 360
CAPS = (f'video/x-raw,format=NV12,width={WIDTH},height={HEIGHT},'
        'framerate=30/1')


def load_vivid(*options):
    # udev opens new nodes, and modprobe -r fails while the module is in use.
    subprocess.run(['udevadm', 'settle'], check=True)
    subprocess.run(['modprobe', '-r', 'vivid'], check=True)
    subprocess.run(['modprobe', 'vivid', *options], check=True)


def main():
    load_vivid('multiplanar=2', 'n_devs=1')
    try:
        compare(input_node())
    finally:
        load_vivid()


def compare(device):
    v4l2_ctl(device, '-c', 'osd_text_mode=2,test_pattern=0')
    expected = capture(device, 'NV12', WIDTH, HEIGHT, skip=2)[0]
    warm_up()
    open_files = OpenFiles()

    for fourcc, memories in ('NV12', 1), ('NM12', 2):
        v4l2_ctl(device, '-v', f'width={WIDTH},height={HEIGHT},'
                 f'pixelformat={fourcc}')
        pipeline = Gst.parse_launch(
            f'dmabufv4l2src name=src device={device} num-buffers=5 ! {CAPS} '
            '! appsink name=sink sync=false')
        pipeline.set_state(Gst.State.PLAYING)
        sink = pipeline.get_by_name('sink')
        for _ in range(5):
            sample = sink.try_pull_sample(PATIENCE * Gst.SECOND)
            if sample is None:
                sys.exit(f'{fourcc}: no frame')
            buffer = sample.get_buffer()
            if buffer.n_memory() != memories:
                sys.exit(f'{fourcc}: {buffer.n_memory()} memories')
            if not all(GstAllocators.is_dmabuf_memory(buffer.peek_memory(i))
                       for i in range(memories)):
                sys.exit(f'{fourcc}: a memory is no dma-buf')
            meta = GstVideo.buffer_get_video_meta(buffer)
            data = buffer.extract_dup(0, buffer.get_size())
            for plane, rows in enumerate((HEIGHT, HEIGHT // 2)):
                start = plane * WIDTH * HEIGHT
                for row in range(rows):
                    at = meta.offset[plane] + row * meta.stride[plane]
                    if data[at:at + WIDTH] != expected[
                            start + row * WIDTH:start + (row + 1) * WIDTH]:
                        sys.exit(f'{fourcc}: row {row} of plane {plane} differs')
        source = pipeline.get_by_name('src')
        if stat(source, 'exports') > 8 or stat(source, 'copies'):
            sys.exit(source.get_property('stats').to_string())
        stop(pipeline)
        del pipeline, sink, source, sample, buffer, meta
        gc.collect()
        open_files.check(fourcc)
        print(f'ok: {fourcc} in {memories} dma-bufs')

    # A consumer that reads with the CPU finds the planes as well.
    pipeline = Gst.parse_launch(
        f'dmabufv4l2src device={device} num-buffers=5 ! {CAPS} '
        '! videoconvert ! video/x-raw,format=BGRx ! fakesink')
    run(pipeline)
    stop(pipeline)


if __name__ == '__main__':
    main()
