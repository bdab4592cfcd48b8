# SPDX-License-Identifier: LGPL-2.1-or-later
"""The pixels of a frame, and of the picture on a display."""

import glob
import os
import re
import zlib

import gi
gi.require_version('GstVideo', '1.0')
from gi.repository import GstVideo  # noqa: E402

from gstcase import Gst, Pipeline, check, run  # noqa: E402

# Bytes per pixel, and pixels per sample across and down, of each plane
PLANES = {
    'BGRx': [(4, 1, 1)],
    'YUY2': [(2, 1, 1)],
    'I420': [(1, 1, 1), (1, 2, 2), (1, 2, 2)],
    'NV12': [(1, 1, 1), (2, 2, 2)],
}


# --- frames ------------------------------------------------------------------

def plane_layout(buffer, fmt, width, height):
    meta = GstVideo.buffer_get_video_meta(buffer)
    if not meta:
        meta = GstVideo.VideoInfo()
        meta.set_format(GstVideo.VideoFormat.from_string(fmt), width, height)
    return list(zip(meta.offset, meta.stride))


def pixels(buffer, fmt, width, height):
    """The bytes of all planes without the padding of the lines."""
    layout = plane_layout(buffer, fmt, width, height)
    ok, info = buffer.map(Gst.MapFlags.READ)
    check(ok, 'the frame cannot be mapped')
    try:
        data = memoryview(info.data)
        return b''.join(
            data[start:start + width * size // across]
            for (offset, stride), (size, across, down)
            in zip(layout, PLANES[fmt])
            for start in range(offset, offset + stride * (height // down),
                               stride))
    finally:
        buffer.unmap(info)


def last_pixels(sink, fmt, width, height):
    sample = sink.get_property('last-sample')
    check(sample is not None, 'no frame has arrived')
    return pixels(sample.get_buffer(), fmt, width, height)


def frames_of(producer, fmt, width, height, keep=bytes):
    """The pixels of each frame that @producer writes into memory of its own, or
    the result of @keep for them."""
    frames = []

    def on_buffer(_pad, info):
        frames.append(keep(pixels(info.get_buffer(), fmt, width, height)))
        return Gst.PadProbeReturn.OK

    with Pipeline(f'{producer} ! fakesink name=sink') as pipeline:
        pipeline.get_by_name('sink').get_static_pad('sink').add_probe(
            Gst.PadProbeType.BUFFER, on_buffer)
        run(pipeline)
    check(frames, 'the producer made no frames')
    return frames


def rgb(bgrx):
    """The pixels with the unused fourth byte cleared"""
    out = bytearray(bgrx)
    out[3::4] = bytes(len(out) // 4)
    return bytes(out)


# --- vkms --------------------------------------------------------------------

def vkms():
    """The directory in debugfs of the default card of vkms"""
    for name in glob.glob('/sys/kernel/debug/dri/*/name'):
        with open(name) as file:
            if file.read().startswith('vkms dev=vkms '):
                return os.path.dirname(name)
    return check(False, 'no vkms in debugfs')


class ScreenCrc:
    """In a with statement: reads the kernel's checksum of each refresh of the
    display, whichever program shows the picture."""

    def __enter__(self):
        crc = f'{vkms()}/crtc-0/crc'
        with open(f'{crc}/control', 'w') as control:
            control.write('auto')
        self.data = open(f'{crc}/data', 'rb', buffering=0)
        return self

    def __exit__(self, *_):
        self.data.close()

    def read(self):
        """The checksum of the next refresh."""
        return int(self.data.read(64).split()[1], 16)

    def shows(self, frames, limit=60):
        """Waits some refreshes for the last of @frames; otherwise the case ends
        with the frames that were shown."""
        wanted, seen = screen_crc(frames[-1]), set()
        for _ in range(limit):
            seen.add(self.read())
            if wanted in seen:
                return
        known = {screen_crc(frame): n for n, frame in enumerate(frames)}
        check(False, f'the display does not show frame {len(frames) - 1}, but '
              f'{[known.get(crc, hex(crc)) for crc in seen]}')


def place_on_screen():
    """Size of the screen, and size and position of the only plane in use."""
    with open(f'{vkms()}/state') as file:
        state = file.read()
    planes = [plane for plane in state.split('plane[')[1:]
              if 'crtc=(null)' not in plane]
    check(len(planes) == 1, f'{len(planes)} planes in use')
    return [int(number) for number in (
        *re.search(r'mode: "(\d+)x(\d+)"', state).groups(),
        *re.search(r'crtc-pos=(\d+)x(\d+)\+(\d+)\+(\d+)',
                   planes[0]).groups())]


def screen_crc(bgrx):
    """The checksum that vkms computes for a black screen with these pixels in
    the plane: CRC-32 without inversions, 16 bits per channel, alpha first."""
    screen_width, screen_height, width, height, x, y = place_on_screen()
    check(len(bgrx) == width * height * 4, f'the plane is {width}x{height}')
    picture = bytearray(len(bgrx) * 2)
    picture[0::8] = picture[1::8] = b'\xff' * (len(bgrx) // 4)
    for channel in range(3):
        samples = bgrx[channel::4]
        picture[6 - 2 * channel::8] = picture[7 - 2 * channel::8] = samples

    black = b'\xff\xff' + bytes(6)
    left, right = black * x, black * (screen_width - x - width)
    crc = zlib.crc32(black * screen_width * y, 0xffffffff)
    for line in range(0, len(picture), width * 8):
        crc = zlib.crc32(left, crc)
        crc = zlib.crc32(picture[line:line + width * 8], crc)
        crc = zlib.crc32(right, crc)
    below = screen_height - y - height
    return ~zlib.crc32(black * screen_width * below, crc) & 0xffffffff
