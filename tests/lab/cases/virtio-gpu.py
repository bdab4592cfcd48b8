#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# boot: strangers
"""virtio-gpu, the display driver of virtual machines: one format, no 1280x720,
dumb buffers of 32 bits per pixel, and, without blob resources, no import of
dma-bufs. dmabufkmssink shows its frames there; QEMU's screendump proves it."""

import ctypes
import fcntl
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))

from devices import cards, render_node, skip  # noqa: E402
from gstcase import (  # noqa: E402
    Gst, Pipeline, check, check_stats, run, run_each, text_of, until, wait)
from pixels import frames_of, last_pixels  # noqa: E402
from qemu import Monitor, screendump  # noqa: E402

FRAMES = 5
FRAME = ('BGRx', 640, 480)
CAPS = 'video/x-raw,format=BGRx,width=640,height=480,framerate=30/1'
PRODUCER = f'videotestsrc pattern=ball num-buffers={FRAMES} ! {CAPS}'

# IDs of the cards in boots.sh, in the order of their PCI addresses
PLAIN, BLOB = 'virtio-gpu', 'virtio-gpu-blob'
CARDS = dict(zip((PLAIN, BLOB), cards('virtio_gpu')))


def rgb_of(bgrx):
    """The pixels in the order of a screendump"""
    out = bytearray(len(bgrx) // 4 * 3)
    for channel in range(3):
        out[channel::3] = bgrx[2 - channel::4]
    return bytes(out)


def shows(device, bgrx):
    """Waits for the frame: QEMU handles its flush a moment after the flip."""
    wanted = (*FRAME[1:], rgb_of(bgrx))
    until(lambda: screendump(device) == wanted,
          f'the frame on the screen of {device}')


def picture(device):
    """Frames that are drawn into the card's own memory are shown without a
    copy."""
    frames = frames_of(PRODUCER, *FRAME)
    check(frames[-1] != frames[-2], 'all frames are the same')
    with Pipeline(f'{PRODUCER} ! dmabufkmssink name=sink sync=false '
                  f'device={CARDS[device]} copy-policy=forbid') as pipeline:
        run(pipeline)
        check_stats(pipeline, 'sink', frames=FRAMES, copies=0)
        shows(device, frames[-1])


def camera(device, is_imported):
    """Frames of other memory are imported, or copied with one warning."""
    with Pipeline(f'dmabufv4l2src num-buffers={FRAMES} ! {CAPS} ! '
                  'dmabufkmssink name=sink sync=false '
                  f'device={CARDS[device]}') as pipeline:
        pipeline.set_state(Gst.State.PLAYING)
        if not is_imported:
            text = text_of(wait(pipeline, Gst.MessageType.WARNING))
            check('takes no dma-bufs of other devices' in text, text)
        run(pipeline, warnings=False)  # No second warning
        check_stats(pipeline, 'sink', frames=FRAMES,
                    copies=0 if is_imported else FRAMES)
        shows(device, last_pixels(pipeline.get_by_name('sink'), *FRAME))


def plain_picture():
    picture(PLAIN)


def plain_camera():
    camera(PLAIN, False)


def negotiated():
    """The caps are negotiated, and the card is found by its driver."""
    for source in 'videotestsrc', 'dmabufv4l2src':
        with Pipeline(f'{source} num-buffers=2 ! '
                      'dmabufkmssink driver-name=virtio_gpu') as pipeline:
            run(pipeline)


def blob_picture():
    picture(BLOB)


def blob_camera():
    camera(BLOB, True)


# --- syncobjs ----------------------------------------------------------------

class TimelineArray(ctypes.Structure):
    """struct drm_syncobj_timeline_array"""
    _fields_ = [('handles', ctypes.c_uint64), ('points', ctypes.c_uint64),
                ('count', ctypes.c_uint32), ('flags', ctypes.c_uint32)]


def timeline(path):
    """A timeline syncobj of @path: signal a point, read it back."""
    device = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        created = (ctypes.c_uint32 * 2)()
        fcntl.ioctl(device, 0xc00864bf, created)  # SYNCOBJ_CREATE
        handle, point = ctypes.c_uint32(created[0]), ctypes.c_uint64(5)
        array = TimelineArray(ctypes.addressof(handle),
                              ctypes.addressof(point), 1)
        fcntl.ioctl(device, 0xc01864cd, array)  # SYNCOBJ_TIMELINE_SIGNAL
        point.value = 0
        fcntl.ioctl(device, 0xc01864cb, array)  # SYNCOBJ_QUERY
        fcntl.ioctl(device, 0xc00864c0, (ctypes.c_uint32 * 2)(created[0]))
    finally:
        os.close(device)
    check(point.value == 5, f'{path}: the timeline is at {point.value}')


def syncobj_timelines():
    """Both nodes have timeline syncobjs, which vkms and vgem lack."""
    timeline(CARDS[PLAIN])
    timeline(render_node(CARDS[PLAIN]))


def monitor():
    """The monitor answers after each opening, and reports errors as such."""
    with Monitor() as qemu:
        check(qemu.command('query-status')['running'], 'the guest runs')
    with Monitor() as qemu:
        check('error' in qemu.ask('no-such-command'), 'no error')
        check(qemu.command('query-status')['running'], 'the guest runs')


if __name__ == '__main__':
    if not CARDS:
        skip('this guest has no virtio-gpu: not in boot strangers')
    cases = [syncobj_timelines, monitor, plain_picture, plain_camera,
             negotiated]
    if BLOB in CARDS:
        cases += [blob_picture, blob_camera]
    else:
        print('ok 0 blob resources # SKIP this host has no /dev/udmabuf')
    run_each(*cases)
