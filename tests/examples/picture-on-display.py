#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fills dma-bufs and shows them, through introspection."""

import sys

import gi
gi.require_version('Gst', '1.0')
gi.require_version('DmabufCore', '1.0')
gi.require_version('GstDmabufCore', '1.0')
from gi.repository import DmabufCore, Gst, GstDmabufCore  # noqa: E402

FRAMES, SIZE = int(sys.argv[1]) if len(sys.argv) > 1 else 30, 640 * 480 * 4

Gst.init(None)
pipeline = Gst.parse_launch(
    'appsrc name=src format=time block=true max-buffers=2 caps="'
    'video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format=XR24,width=640,'
    'height=480,framerate=30/1" ! '
    + (sys.argv[2] if len(sys.argv) > 2 else 'dmabufkmssink name=sink'))
allocator = GstDmabufCore.Allocator.get()
heap = DmabufCore.heap_exporter_new('system')
pipeline.set_state(Gst.State.PLAYING)
for i in range(FRAMES):
    memory = GstDmabufCore.Allocator.alloc(allocator, heap, SIZE)
    ok, info = memory.map(Gst.MapFlags.WRITE)
    info.data[:] = bytes([i * 8 % 256, 64, 128, 0]) * (SIZE // 4)
    memory.unmap(info)
    buffer = Gst.Buffer.new()
    buffer.append_memory(memory)
    buffer.pts = i * Gst.SECOND // 30
    pipeline.get_by_name('src').emit('push-buffer', buffer)
pipeline.get_by_name('src').emit('end-of-stream')
message = pipeline.get_bus().timed_pop_filtered(
    Gst.CLOCK_TIME_NONE, Gst.MessageType.EOS | Gst.MessageType.ERROR)
pipeline.set_state(Gst.State.NULL)
print(FRAMES, 'frames' if message.type == Gst.MessageType.EOS
      else message.parse_error())
sys.exit(message.type != Gst.MessageType.EOS)
