#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Our source with upstream's sinks, upstream's source with our sink, with
DMA_DRM and plain caps, in each format that both sides support: all frames
arrive, and our elements copy none. The CPU maps frames only where an element
reads them, and each of those through GstMemory."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))

import gi  # noqa: E402
gi.require_version('GstDmabufCore', '1.0')
from gi.repository import GstDmabufCore  # noqa: E402
from gstcase import PATIENCE, Gst, is_long  # noqa: E402

FRAMES = 30 if is_long() else 6

DMA_DRM = ('video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format={},'
           'width=640,height=480')
PLAIN = 'video/x-raw,format={},width=640,height=480'
NAMES = {'XR24': 'BGRx', 'NV12': 'NV12', 'YUYV': 'YUY2'}

# Source, caps, format, the rest; our elements are named src and sink.
CASES = [
    (f'{source} ! {caps.format(fmt if caps is DMA_DRM else NAMES[fmt])} '
     f'! {rest}')
    for source, rest, formats in (
        ('v4l2src io-mode=dmabuf num-buffers={n}', 'dmabufkmssink name=sink',
         ('XR24', 'NV12')),
        ('dmabufv4l2src name=src num-buffers={n}', 'dmabufkmssink name=sink',
         ('XR24', 'NV12')),
        ('dmabufv4l2src name=src num-buffers={n}', 'kmssink driver-name=vkms',
         ('XR24', 'NV12')),
        ('dmabufv4l2src name=src num-buffers={n}', 'fakesink',
         ('XR24', 'NV12', 'YUYV')),
    )
    for fmt in formats
    for caps in (DMA_DRM, PLAIN)
] + [
    f'dmabufv4l2src name=src num-buffers={{n}} ! {PLAIN.format(NAMES[fmt])} '
    f'! videoconvert ! video/x-raw,format=GRAY8 ! fakesink' for fmt in NAMES
]


def stats(pipeline, name):
    element = pipeline.get_by_name(name)
    return element.get_property('stats') if element else None


def run(description):
    """Returns a list of complaints."""
    pipeline = Gst.parse_launch(description.format(n=FRAMES))
    complaints = []
    count = [0]

    def on_buffer(_pad, _info):
        count[0] += 1
        return Gst.PadProbeReturn.OK

    _, last = pipeline.iterate_sinks().next()
    last.get_static_pad('sink').add_probe(Gst.PadProbeType.BUFFER, on_buffer)

    maps = GstDmabufCore.memory_get_cpu_maps()
    pipeline.set_state(Gst.State.PLAYING)
    message = pipeline.get_bus().timed_pop_filtered(
        PATIENCE * Gst.SECOND, Gst.MessageType.ERROR | Gst.MessageType.EOS)
    if message is None:
        complaints.append(f'no end within {PATIENCE} s')
    elif message.type == Gst.MessageType.ERROR:
        complaints.append(' / '.join(map(str, message.parse_error())))
    else:
        if count[0] != FRAMES:
            complaints.append(f'{count[0]} frames, not {FRAMES}')
        for name in 'src', 'sink':
            found = stats(pipeline, name)
            if found and found.get_uint64('copies')[1] != 0:
                complaints.append(f'{name} copied')
        maps = GstDmabufCore.memory_get_cpu_maps() - maps
        if maps < FRAMES if 'videoconvert' in description else maps > 0:
            complaints.append(f'{maps} maps for the CPU')
    pipeline.set_state(Gst.State.NULL)
    return complaints


def main():
    Gst.init(None)
    failed = 0
    for description in CASES:
        complaints = run(description)
        print('not ok' if complaints else 'ok', description,
              *complaints, sep='\n    ', flush=True)
        failed += bool(complaints)
    sys.exit(f'{failed} of {len(CASES)} failed' if failed else 0)


if __name__ == '__main__':
    main()
