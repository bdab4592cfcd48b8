#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# boot: strangers
"""Devices that need contiguous memory: a display and two cameras take memory of
the CMA heap, which is contiguous, and refuse that of the system heap, which is
scattered. At 1280x720: a small buffer may be contiguous by chance."""

import errno
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))

from devices import card, video_node  # noqa: E402
from gstcase import (  # noqa: E402
    Gst, Pipeline, check, check_stats, run, run_each, stat, text_of, wait)
from heaps import (  # noqa: E402
    CONTIGUOUS, SYSTEM, Mappings, Memory, name_of, prime_import, v4l2_import)
from vimc import Vimc  # noqa: E402

SIZE = 1280 * 720 * 4
FRAMES = 20
CAPS = 'video/x-raw,format=BGRx,width=1280,height=720'
SINK = 'dmabufkmssink name=sink driver-name=vkms_contig sync=false'

# As vivid.allocators of the boot says
SCATTERED_CAMERA, CONTIGUOUS_CAMERA = 'vivid-000-vid-cap', 'vivid-001-vid-cap'


def expect(what, found, wanted):
    check(found == wanted,
          f'{what}: {name_of(found)}, not {name_of(wanted)}')


def display():
    target = card('vkms_contig')
    with Memory(SYSTEM, SIZE) as memory:
        expect('scattered, vkms', prime_import(card('vkms'), memory.fd), 0)
        with Mappings() as mappings:
            expect('scattered', prime_import(target, memory.fd), errno.EINVAL)
            pieces = mappings.pieces()
    check(len(pieces) == 1 and pieces[0] > 1, f'scattered: pieces {pieces}')

    with Memory(CONTIGUOUS, SIZE) as memory, Mappings() as mappings:
        expect('contiguous', prime_import(target, memory.fd), 0)
        check(mappings.pieces() == [1],
              f'contiguous: pieces {mappings.pieces()}')


def vivid():
    for node, scattered in ((SCATTERED_CAMERA, 0),
                            (CONTIGUOUS_CAMERA, errno.EFAULT)):
        path = video_node(node)
        expect(f'{node}, scattered',
               v4l2_import(path, 'XR24', 1280, 720, SYSTEM), scattered)
        expect(f'{node}, contiguous',
               v4l2_import(path, 'XR24', 1280, 720, CONTIGUOUS), 0)


def vimc():
    for allocator, scattered in ((0, 0), (1, errno.EFAULT)):
        with Vimc(allocator=allocator) as camera:
            expect(f'vimc {allocator}, scattered', v4l2_import(
                camera.capture, 'RGB3', 1280, 720, SYSTEM), scattered)
            expect(f'vimc {allocator}, contiguous', v4l2_import(
                camera.capture, 'RGB3', 1280, 720, CONTIGUOUS), 0)


def scattered_camera():
    """Its frames are copied, with one warning that names the cause. The display
    is asked to import each buffer once, instead of once for each frame."""
    with Mappings() as mappings, Pipeline(
            f'dmabufv4l2src name=source device={video_node(SCATTERED_CAMERA)} '
            f'num-buffers={FRAMES} ! {CAPS} ! {SINK}') as pipeline:
        pipeline.set_state(Gst.State.PLAYING)
        text = text_of(wait(pipeline, Gst.MessageType.WARNING))
        check('contiguous' in text, text)
        run(pipeline)
        asked = [pieces for pieces in mappings.pieces() if pieces > 1]
        buffers = stat(pipeline.get_by_name('source'), 'buffers')
        check_stats(pipeline, 'sink', frames=FRAMES, copies=FRAMES)
    check(len(asked) <= buffers < FRAMES,
          f'{len(asked)} refused imports of {buffers} buffers')


def contiguous_camera():
    with Pipeline(f'dmabufv4l2src device={video_node(CONTIGUOUS_CAMERA)} '
                  f'num-buffers={FRAMES} ! {CAPS} ! {SINK} '
                  'copy-policy=forbid') as pipeline:
        run(pipeline, warnings=False)
        check_stats(pipeline, 'sink', frames=FRAMES, copies=0)


def main():
    subprocess.run(['modprobe', 'vkms_contig'], check=True)
    run_each(display, vivid, vimc, scattered_camera, contiguous_camera)


if __name__ == '__main__':
    main()
