#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Software producers write into the dma-bufs of dmabufalloc, and the displays
of dmabufkmssink and upstream's kmssink show them: no copy, and the pixels are
those that the producer makes without dmabufalloc."""

import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))

from gstcase import (  # noqa: E402
    BUFINFO, Pipeline, UpstreamCopies, check, check_stats, run, run_each, stat)
from pixels import (  # noqa: E402
    ScreenCrc, frames_of, last_pixels, pixels, rgb)

FRAMES = 10
FRAME = ('BGRx', 640, 480)


def producer(fmt='BGRx', width=640, height=480):
    return (f'videotestsrc pattern=ball num-buffers={FRAMES} ! video/x-raw,'
            f'format={fmt},width={width},height={height},framerate=30/1')


def own_display():
    with Pipeline(f'{producer()} ! dmabufalloc name=alloc copy-policy=forbid ! '
                  'dmabufkmssink name=sink sync=false') as pipeline:
        run(pipeline)
        check_stats(pipeline, 'alloc', frames=FRAMES, copies=0)
        check_stats(pipeline, 'sink', frames=FRAMES, copies=0,
                    imports=stat(pipeline.get_by_name('sink'), 'buffers'))
        sink = pipeline.get_by_name('sink')
        shown = sink.emit('capture-frame')
        check(shown is not None, 'no frame could be captured')
        shown = pixels(shown.get_buffer(), *FRAME)
        sent = last_pixels(sink, *FRAME)
        frames = frames_of(producer(), *FRAME)
        with ScreenCrc() as screen:
            screen.shows(frames)
    check(rgb(shown) == rgb(sent), 'the display does not show what was sent')
    check(sent == frames[-1], 'not the last frame of videotestsrc')
    check(sent != frames[-2], 'all frames are the same')


def upstreams_display():
    with UpstreamCopies(), Pipeline(
            f'{producer()} ! dmabufalloc name=alloc copy-policy=forbid ! '
            'kmssink driver-name=vkms sync=false') as pipeline:
        run(pipeline)
        check_stats(pipeline, 'alloc', frames=FRAMES, copies=0)
        with ScreenCrc() as screen:
            screen.shows(frames_of(producer(), *FRAME))


def film():
    """The producer is a software decoder."""
    film_frame = ('I420', 320, 240)
    with tempfile.NamedTemporaryFile(suffix='.avi') as file:
        with Pipeline(f'{producer(*film_frame)} ! jpegenc ! avimux ! '
                      f'filesink location={file.name}') as pipeline:
            run(pipeline)
        decoder = f'filesrc location={file.name} ! decodebin'
        with Pipeline(f'{decoder} ! dmabufalloc name=alloc copy-policy=forbid '
                      '! dmabufkmssink name=sink sync=false') as pipeline:
            run(pipeline)
            check_stats(pipeline, 'alloc', frames=FRAMES, copies=0)
            check_stats(pipeline, 'sink', copies=0)
            sent = last_pixels(pipeline.get_by_name('sink'), *film_frame)
        frames = frames_of(decoder, *film_frame)
    check(len(frames) == FRAMES, f'{len(frames)} frames decoded')
    check(sent == frames[-1], 'not what the decoder makes elsewhere')
    check(sent != frames[0], 'all frames are the same')


def names():
    """The kernel's list of dma-bufs shows the names that name-prefix gives."""
    with Pipeline(f'{producer()} ! dmabufalloc name-prefix=labtest ! '
                  'fakesink enable-last-sample=true') as pipeline:
        run(pipeline)
        with open(BUFINFO) as info:
            check('labtest-0' in info.read(), 'the name is not in bufinfo')


if __name__ == '__main__':
    run_each(own_display, upstreams_display, film, names)
