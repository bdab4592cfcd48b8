#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# where: guest
# timeout: 1800
# kernel: backports, stable
"""ffmpeg's kmsgrab reads the picture of dmabufkmssink from the kernel alone:
the plane's framebuffer (DRM_IOCTL_MODE_GETFB2), its size, format, pitch and
offsets, and its dma-bufs. The picture is, byte by byte, the frame that was
sent.

The frames follow each other while it grabs: the next one is sent when it has
read the one before. Each frame has a dma-buf of its own, which is written only
once, so a mixture of two frames would be our fault."""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '../cases/lib'))
from gstcase import Gst, Pipeline, check, stop, until  # noqa: E402
from pixels import GstVideo, PLANES, pixels, vkms  # noqa: E402
from tap import Tap  # noqa: E402

HEIGHT = 480
N_FRAMES = 5
MOST_GRABS = 600

# GStreamer's name, ffmpeg's and DRM's
FORMATS = {'BGRx': ('bgr0', 'XR24'), 'RGBx': ('rgb0', 'XB24'),
           'BGRA': ('bgra', 'AR24'), 'RGB16': ('rgb565le', 'RG16'),
           'NV12': ('nv12', 'NV12')}
PLANES.update(RGBx=PLANES['BGRx'], BGRA=PLANES['BGRx'], RGB16=[(2, 1, 1)])

# At the second width the lines have padding.
PICTURES = [(fmt, 640) for fmt in FORMATS] + [('BGRx', 642), ('NV12', 642)]

# kmsgrab assumes planes of equal height for NV12, and maps the dma-buf to that
# size: it needs one that is longer than the picture.
ROWS = {'NV12': 2 * HEIGHT}


def card():
    for entry in os.listdir('/sys/class/drm'):
        if re.fullmatch(r'card\d+', entry) and os.path.basename(vkms()) in (
                os.path.basename(os.readlink(f'/sys/class/drm/{entry}/device')),
                entry[4:]):
            return f'/dev/dri/{entry}'
    return check(False, 'vkms has no card')


def plane_formats():
    """The formats of the display's planes, from modetest"""
    planes = subprocess.run(['modetest', '-M', 'vkms', '-p'], text=True,
                            stdout=subprocess.PIPE).stdout
    formats = set(' '.join(re.findall(r'formats: (.*)', planes)).split())
    check('XR24' in formats, f'modetest shows no formats:\n{planes}')
    return formats


def video_info(fmt, width, height):
    info = GstVideo.VideoInfo()
    info.set_format(GstVideo.VideoFormat.from_string(fmt), width, height)
    info.fps_n, info.fps_d = 30, 1
    return info


def make_frames(fmt, width):
    """Buffers, each with a dma-buf of its own, and the bytes of their pixels:
    noise, so that a shifted picture never equals the frame."""
    info = video_info(fmt, width, ROWS.get(fmt, HEIGHT))
    buffers = []
    with Pipeline('appsrc name=src format=time ! dmabufalloc copy-policy=allow '
                  '! appsink name=sink sync=false') as pipeline:
        source, sink = map(pipeline.get_by_name, ('src', 'sink'))
        source.set_property('caps', info.to_caps())
        pipeline.set_state(Gst.State.PLAYING)
        for _ in range(N_FRAMES):
            source.emit('push-buffer',
                        Gst.Buffer.new_wrapped(os.urandom(info.size)))
            buffers.append(sink.emit('pull-sample').get_buffer())
    buffers = [upper_part(buffer, width) for buffer in buffers]
    return buffers, [known(pixels(buffer, fmt, width, HEIGHT), fmt)
                     for buffer in buffers]


def upper_part(buffer, width):
    """A buffer with the same memory and planes, but only HEIGHT lines"""
    meta = GstVideo.buffer_get_video_meta(buffer)
    part = Gst.Buffer.new()
    for n in range(buffer.n_memory()):
        part.append_memory(buffer.get_memory(n))
    GstVideo.buffer_add_video_meta_full(
        part, GstVideo.VideoFrameFlags.NONE, meta.format, width, HEIGHT,
        meta.n_planes, meta.offset, meta.stride)
    return part


class Grabber:
    """In a with statement: ffmpeg, grabbing."""

    def __init__(self, fmt, width):
        self.size = sum(width * size // across * (HEIGHT // down)
                        for size, across, down in PLANES[fmt])
        name = FORMATS[fmt][0]
        self.argv = ['ffmpeg', '-hide_banner', '-loglevel', 'error', '-nostdin',
                     '-framerate', '10', '-device', card(), '-f', 'kmsgrab',
                     '-i', '-', '-vf', f'hwdownload,format={name}',
                     '-pix_fmt', name, '-fps_mode', 'passthrough',
                     '-f', 'rawvideo', 'pipe:1']

    def __enter__(self):
        self.process = subprocess.Popen(self.argv, stdout=subprocess.PIPE)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.stdout.close()
        self.process.wait()

    def read(self):
        picture = self.process.stdout.read(self.size)
        check(len(picture) == self.size, 'ffmpeg grabs no picture')
        return picture


def on_screen():
    """Sizes of the framebuffers in use"""
    with open(f'{vkms()}/state') as file:
        return [re.search(r'size=(\S+)', plane)[1]
                for plane in file.read().split('plane[')[1:]
                if 'crtc=(null)' not in plane]


def known(picture, fmt):
    """The picture with the unused bytes of its pixels cleared"""
    if not fmt.endswith('x'):
        return bytes(picture)
    out = bytearray(picture)
    out[3::4] = bytes(len(out) // 4)
    return bytes(out)


def grab(fmt, width):
    name = f'{fmt}, {width}x{HEIGHT}'
    buffers, frames = make_frames(fmt, width)
    pipeline = Gst.parse_launch('appsrc name=src format=time ! '
                                'dmabufkmssink copy-policy=forbid sync=false')
    source = pipeline.get_by_name('src')
    try:
        source.set_property('caps', video_info(fmt, width, HEIGHT).to_caps())
        pipeline.set_state(Gst.State.PLAYING)
        source.emit('push-buffer', buffers[0])
        until(lambda: on_screen() == [f'{width}x{HEIGHT}'], 'the first frame '
              'on screen', pipeline=pipeline)
        sent = strange = back = 0
        with Grabber(fmt, width) as grabber:
            for _ in range(MOST_GRABS):
                picture = known(grabber.read(), fmt)
                if picture not in frames:
                    strange += 1
                    continue
                shown = frames.index(picture)
                # The frame before stays until the next is on screen.
                back += shown < sent - 1
                if shown != sent:
                    continue
                sent += 1
                if sent == N_FRAMES:
                    break
                source.emit('push-buffer', buffers[sent])
        for n in range(N_FRAMES):
            tap.check(n < sent, f'{name}: frame {n} is grabbed')
        tap.check(not strange, f'{name}: each picture is a frame that was '
                  'sent', f'{strange} are none')
        tap.check(not back, f'{name}: no frame comes back', f'{back} do')
    finally:
        stop(pipeline)


Gst.init(None)
tap = Tap()
shown = plane_formats()
for fmt, width in PICTURES:
    name = f'{fmt}, {width}x{HEIGHT}'
    if FORMATS[fmt][1] not in shown:
        tap.skip(name, 'the display has no such format')
        continue
    try:
        grab(fmt, width)
    except SystemExit as failure:
        tap.check(False, f'{name}: {failure}')
tap.finish()
