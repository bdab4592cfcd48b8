#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""dmabuffencesync between a producer with an acquire fence and a consumer that
waits only for implicit fences: upstream's kmssink shows a frame only after its
fence has signalled, and no thread in user space waits for it."""

import fcntl
import os
import select
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))

import gi  # noqa: E402
for module in 'DmabufCore', 'GstDmabufCore':
    gi.require_version(module, '1.0')
from gi.repository import DmabufCore, GstDmabufCore  # noqa: E402
from gstcase import (  # noqa: E402
    Gst, Pipeline, check, check_stats, run_each, stat, until)
from pixels import ScreenCrc, screen_crc  # noqa: E402

SIZE = 640 * 480 * 4
REFRESHES = 30

SW_SYNC_IOC_CREATE_FENCE = 0xc0285700
SW_SYNC_IOC_INC = 0x40045701


class Timeline:
    """A sw_sync timeline: the test signals its fences."""

    def __init__(self):
        self.fd = os.open('/sys/kernel/debug/sync/sw_sync',
                          os.O_RDWR | os.O_CLOEXEC)

    def new_fence(self, value):
        data = fcntl.ioctl(self.fd, SW_SYNC_IOC_CREATE_FENCE,
                           struct.pack('=I32si', value, b'lab', -1))
        return DmabufCore.Fence.new_sync_file(
            struct.unpack('=I32si', data)[2], DmabufCore.FenceTrust.FULL)

    def signal(self):
        fcntl.ioctl(self.fd, SW_SYNC_IOC_INC, struct.pack('=I', 1))

    def close(self):
        os.close(self.fd)


def new_frame(n, grey):
    memory = GstDmabufCore.Allocator.alloc(
        GstDmabufCore.Allocator.get(), DmabufCore.heap_exporter_new('system'),
        SIZE)
    ok, info = memory.map(Gst.MapFlags.WRITE)
    info.data[:] = bytes([grey]) * SIZE
    memory.unmap(info)
    buffer = Gst.Buffer.new()
    buffer.append_memory(memory)
    buffer.pts = n * Gst.SECOND // 30
    return buffer


def is_ready(buffer):
    """Whether the implicit fences let a reader access the buffer"""
    fd = GstDmabufCore.memory_get_buffer(buffer.peek_memory(0)).get_fd()
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(0))


def display_waits():
    timeline = Timeline()
    frames = [new_frame(n, 40 + 60 * n) for n in range(3)]
    with Pipeline(
            'appsrc name=src format=time caps="video/x-raw(memory:DMABuf),'
            'format=DMA_DRM,drm-format=XR24,width=640,height=480,'
            'framerate=30/1" ! dmabuffencesync name=sync mode=import ! '
            'kmssink driver-name=vkms sync=false') as pipeline:
        source, sync = map(pipeline.get_by_name, ('src', 'sync'))
        pipeline.set_state(Gst.State.PLAYING)
        source.emit('push-buffer', frames[0])
        until(lambda: pipeline.get_state(0)[1] == Gst.State.PLAYING,
              'a picture', pipeline=pipeline)
        crcs = [screen_crc(bytes([40 + 60 * n]) * SIZE) for n in range(3)]
        with ScreenCrc() as screen:
            until(lambda: screen.read() == crcs[0], 'the first frame')

            GstDmabufCore.buffer_add_dmabuf_core_sync_meta(
                frames[1], timeline.new_fence(1))
            check(is_ready(frames[1]), 'a fence in the kernel before its time')
            source.emit('push-buffer', frames[1])
            until(lambda: stat(sync, 'fences-armed') == 1, 'the fence',
                  pipeline=pipeline)
            check(not is_ready(frames[1]), 'the kernel does not know the fence')
            shown = {screen.read() for _ in range(REFRESHES)}
            check(shown == {crcs[0]}, 'the display did not wait')
            timeline.signal()
            until(lambda: screen.read() == crcs[1], 'the second frame')
            check(is_ready(frames[1]), 'the fence is still there')

            # A frame without a fence is shown at once.
            source.emit('push-buffer', frames[2])
            until(lambda: screen.read() == crcs[2], 'the third frame')
        check_stats(pipeline, 'sync', frames=3, fences_armed=1, cpu_waits=0)
    timeline.close()


if __name__ == '__main__':
    run_each(display_waits)
