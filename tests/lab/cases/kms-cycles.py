#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many cycles of PLAYING and NULL (100 in the long run), and renegotiations,
leave no fd and no dma-buf, and the display's state is the same as before."""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))

from gstcase import (  # noqa: E402
    Gst, Pipeline, is_long, n_dmabufs, n_fds, run, stat, until)
from pixels import vkms  # noqa: E402

CYCLES, RENEGOTIATIONS = (100, 20) if is_long() else (15, 6)


def display_state():
    """Planes, CRTCs and connectors from debugfs, without the fields that any
    use of the display changes."""
    with open(f'{vkms()}/state') as file:
        lines = file.read().splitlines()
    return [line for line in lines if re.match(
        r'(plane|crtc|connector)\[|\s+(crtc|fb|enable|active|mode|'
        r'crtc-pos|src-pos)=', line) and 'self_refresh' not in line]


def cycle():
    with Pipeline(
            'videotestsrc num-buffers=3 ! video/x-raw,format=BGRx,width=640,'
            'height=480,framerate=60/1 ! dmabufkmssink') as pipeline:
        run(pipeline)


def renegotiate():
    sizes = ('320,height=240', '640,height=480')
    with Pipeline('videotestsrc ! capsfilter name=filter ! dmabufkmssink '
                  'name=sink sync=false') as pipeline:
        caps_filter, sink = map(pipeline.get_by_name, ('filter', 'sink'))
        for i in range(RENEGOTIATIONS):
            fmt = ('BGRx', 'NV12', 'I420')[i % 3]
            wanted = Gst.Caps.from_string(
                f'video/x-raw,format={fmt},width={sizes[i % 2]},framerate=60/1')
            caps_filter.set_property('caps', wanted)
            pipeline.set_state(Gst.State.PLAYING)

            def is_there():
                caps = sink.get_static_pad('sink').get_current_caps()
                return caps and caps[0]['width'] == wanted[0]['width']
            until(is_there, f'renegotiation {i}', pipeline=pipeline)
            before = stat(sink, 'shown')
            until(lambda: stat(sink, 'shown') > before + 1,
                  f'renegotiation {i}: frames', pipeline=pipeline)


def main():
    Gst.init(None)
    state = display_state()
    cycle()
    fds, dmabufs = n_fds(), n_dmabufs()
    for _ in range(CYCLES):
        cycle()
    renegotiate()

    failed = False
    for what, before, after in (('fds', fds, n_fds()),
                                ('dma-bufs', dmabufs, n_dmabufs()),
                                ('state', state, display_state())):
        print(f'{what}: {before} before, {after} after')
        failed |= after != before
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
