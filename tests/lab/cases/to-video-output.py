#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Upstream's v4l2sink imports the dma-bufs of dmabufalloc into a V4L2 output:
vivid's HDMI output, whose picture comes back on its HDMI input. The picture is
the producer's."""

import hashlib
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))

from gstcase import (  # noqa: E402
    Gst, Pipeline, UpstreamCopies, check, check_stats, run_each, stat, until)
from pixels import frames_of, rgb  # noqa: E402
from vivid import Loop  # noqa: E402

FRAME = ('BGRx', 640, 480)
SIZE = 640 * 480 * 4
PRODUCER = ('videotestsrc pattern=ball is-live={} num-buffers={} ! '
            'video/x-raw,format=BGRx,width=640,height=480,framerate=10/1')


def digest(frame):
    """A digest, because a slow machine sends too many frames to keep them."""
    return hashlib.sha256(rgb(frame)).digest()


def video_output():
    with Loop() as loop, UpstreamCopies(), Pipeline(
            f'{PRODUCER.format("true", -1)} ! dmabufalloc name=alloc '
            'copy-policy=forbid ! dmabuffencesync name=sync mode=wait ! '
            f'v4l2sink name=sink device={loop.output} io-mode=dmabuf-import '
            'max-lateness=-1') as pipeline:
        pipeline.set_state(Gst.State.PLAYING)
        alloc, sink = map(pipeline.get_by_name, ('alloc', 'sink'))
        until(lambda: stat(sink, 'rendered') >= 3, 'frames', pipeline=pipeline)
        # The input has six times the producer's frame rate: some of 18 frames
        # must differ.
        captured = loop.capture('XR24', 18, lambda frames: len(
            set(map(rgb, frames))) > 1)
        n_sent = stat(alloc, 'frames')
        check_stats(pipeline, 'alloc', copies=0)
        check_stats(pipeline, 'sync', copies=0, dropped=0)

    check(len(captured[0]) == SIZE, f'{len(captured[0])} bytes in a frame')
    sent = frames_of(PRODUCER.format('false', n_sent), *FRAME, digest)
    seen = [sent.index(digest(frame)) if digest(frame) in sent
            else frame[640 * 480 * 2:][:12] for frame in captured]
    check(all(isinstance(one, int) for one in seen),
          f'of {n_sent} frames came back: {seen}')
    check(len(set(seen)) > 1, f'always the same frame: {seen}')


if __name__ == '__main__':
    run_each(video_output)
