#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each fault of a device is an element error that names device, cause and
remedy. Then the state changes to NULL without a hang, and nothing is left
open."""

import os
import pwd
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))
from v4l2case import (OpenFiles, Gst, SIZE, expect_error, n_dmabufs, run,
                      stop, warm_up)  # noqa: E402
from vivid import input_node, output_node  # noqa: E402

CAMERA = input_node()


def fails(description, *words):
    open_files = OpenFiles()
    pipeline = Gst.parse_launch(description)
    expect_error(pipeline, *words)
    stop(pipeline)
    del pipeline
    open_files.check(description)


def node(kind):
    """The first device node whose name begins with @kind"""
    for name in sorted(os.listdir('/dev')):
        if name.startswith(kind):
            return '/dev/' + name
    sys.exit(f'the guest has no /dev/{kind}*')


def busy():
    """Another program streams from the camera."""
    other = subprocess.Popen(
        ['v4l2-ctl', '-d', CAMERA, '--stream-mmap',
         '--stream-count=0'], stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    # It prints a "<" for each frame.
    said = b''
    while b'<' not in said:
        more = other.stdout.read1()
        if not more:
            sys.exit(f'v4l2-ctl does not stream: {said}')
        said += more
    try:
        pipeline = Gst.parse_launch(f'dmabufv4l2src device={CAMERA} ! fakesink')
        expect_error(pipeline, f'{CAMERA} (vivid)',
                     'in use by another program')
        stop(pipeline)
    finally:
        other.kill()
        other.wait()


def no_permission():
    """As a user without permission, in a child process, which cannot become
    root again."""
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setuid(pwd.getpwnam('nobody').pw_uid)
        pipeline = Gst.parse_launch(f'dmabufv4l2src device={CAMERA} ! fakesink')
        expect_error(pipeline, CAMERA, 'permission denied', 'group')
        stop(pipeline)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status != 0:
        sys.exit('without permission: no clear error')


def main():
    warm_up()
    os.chmod(CAMERA, 0o600)

    fails('dmabufv4l2src device=/dev/video60 ! fakesink',
          '/dev/video60', 'no such device')
    fails('dmabufv4l2src device=/dev/null ! fakesink',
          '/dev/null', 'not a V4L2 device')
    fails(f'dmabufv4l2src device={output_node()} ! fakesink',
          output_node(), 'not a capture device')
    fails(f'dmabufv4l2src device={node("vbi")} ! fakesink',
          node('vbi'), 'not a capture device')
    fails(f'dmabufv4l2src device={CAMERA} ! '
          'video/x-raw,format=NV12,width=1281,height=721 ! fakesink',
          f'{CAMERA} (vivid)', '1281', 'v4l2-ctl')
    fails(f'dmabufv4l2src device={CAMERA} ! video/x-raw(memory:DMABuf),'
          'format=DMA_DRM,drm-format=XR24:0x0100000000000001 ! fakesink',
          f'{CAMERA} (vivid)', 'XR24:0x0100000000000001')
    busy()
    no_permission()

    # After all these errors the camera works.
    pipeline = Gst.parse_launch(
        f'dmabufv4l2src num-buffers=5 ! video/x-raw,{SIZE} ! fakesink')
    run(pipeline)
    stop(pipeline)
    del pipeline
    if n_dmabufs():
        sys.exit(f'{n_dmabufs()} dma-bufs are left')


if __name__ == '__main__':
    main()
