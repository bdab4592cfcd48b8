#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# timeout: 400
"""100 times PLAYING and NULL, and 20 renegotiations, leave no fd and no dma-buf,
and the display's state is what it was before."""

import os
import re
import sys

import gi
gi.require_version('Gst', '1.0')
from gi.repository import Gst  # noqa: E402

CYCLES = 100
RENEGOTIATIONS = 20
BUFINFO = '/sys/kernel/debug/dma_buf/bufinfo'


def count_fds():
    return len(os.listdir('/proc/self/fd'))


def count_dmabufs():
    with open(BUFINFO) as info:
        match = re.search(r'Total (\d+) objects', info.read())
    return int(match[1])


def display_state():
    """Planes, CRTCs and connectors as debugfs shows them, without what a mere
    use of the display changes."""
    for name in sorted(os.listdir('/sys/kernel/debug/dri')):
        path = f'/sys/kernel/debug/dri/{name}'
        try:
            with open(f'{path}/name') as file:
                if 'vkms' not in file.read():
                    continue
            with open(f'{path}/state') as file:
                lines = file.read().splitlines()
        except OSError:
            continue
        return [line for line in lines if re.match(
            r'(plane|crtc|connector)\[|\s+(crtc|fb|enable|active|mode|'
            r'crtc-pos|src-pos)=', line) and 'self_refresh' not in line]
    return sys.exit('no state of vkms in debugfs')


def wait(pipeline, what):
    message = pipeline.get_bus().timed_pop_filtered(
        60 * Gst.SECOND, what | Gst.MessageType.ERROR)
    if message is None:
        sys.exit('no end within 60 s')
    if message.type == Gst.MessageType.ERROR:
        sys.exit(' / '.join(map(str, message.parse_error())))


def cycle():
    pipeline = Gst.parse_launch(
        'videotestsrc num-buffers=3 ! video/x-raw,format=BGRx,width=640,'
        'height=480,framerate=60/1 ! dmabufkmssink')
    pipeline.set_state(Gst.State.PLAYING)
    wait(pipeline, Gst.MessageType.EOS)
    pipeline.set_state(Gst.State.NULL)


def renegotiate():
    pipeline = Gst.parse_launch(
        'videotestsrc ! capsfilter name=filter ! dmabufkmssink name=sink '
        'sync=false')
    caps = pipeline.get_by_name('filter')
    sink = pipeline.get_by_name('sink')
    sizes = ('320,height=240', '640,height=480')
    for i in range(RENEGOTIATIONS):
        fmt = ('BGRx', 'NV12', 'I420')[i % 3]
        caps.set_property('caps', Gst.Caps.from_string(
            f'video/x-raw,format={fmt},width={sizes[i % 2]},framerate=60/1'))
        pipeline.set_state(Gst.State.PLAYING)
        pipeline.get_state(20 * Gst.SECOND)
        before = shown(sink)
        for _ in range(1000):
            if shown(sink) > before + 1:
                break
            message = pipeline.get_bus().timed_pop_filtered(
                20 * Gst.MSECOND, Gst.MessageType.ERROR)
            if message:
                sys.exit(' / '.join(map(str, message.parse_error())))
        else:
            sys.exit(f'renegotiation {i}: no frame shown')
    pipeline.set_state(Gst.State.NULL)


def shown(sink):
    return sink.get_property('stats').get_uint64('shown')[1]


def main():
    Gst.init(None)
    state = display_state()
    cycle()
    fds, dmabufs = count_fds(), count_dmabufs()
    for _ in range(CYCLES):
        cycle()
    renegotiate()

    failed = False
    for what, before, after in (('fds', fds, count_fds()),
                                ('dma-bufs', dmabufs, count_dmabufs()),
                                ('state', state, display_state())):
        print(f'{what}: {before} before, {after} after')
        failed |= after != before
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
