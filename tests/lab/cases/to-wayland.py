#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The dma-bufs of dmabufalloc on a Wayland compositor: waylandsink attaches
them without a copy, and a screenshot has the pixels of the producer."""

import glob
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))

from gstcase import (  # noqa: E402
    Pipeline, UpstreamCopies, check, check_stats, run, run_each, until)
from pixels import frames_of, last_pixels, rgb  # noqa: E402

FRAMES = 4
FRAME = ('BGRx', 640, 480)


def producer(n):
    return (f'videotestsrc pattern=ball num-buffers={n} ! video/x-raw,'
            'format=BGRx,width=640,height=480,framerate=4/1')


class Weston:
    """In a with statement: runs headless; its screen has the size of the
    frames, and a single surface covers it."""

    def __enter__(self):
        self.dir = tempfile.TemporaryDirectory()
        self.log = open(f'{self.dir.name}/log', 'w+')
        os.environ.update(XDG_RUNTIME_DIR=self.dir.name, WAYLAND_DISPLAY='lab')
        self.process = subprocess.Popen(
            ['weston', '--backend=headless', '--renderer=gl', '--debug',
             '--shell=kiosk', '--width=640', '--height=480', '--socket=lab',
             '--no-config', '--idle-time=0'],
            stdout=self.log, stderr=self.log)
        until(self.is_there, lambda: f'{self.said()}\nweston with a socket')
        return self

    def is_there(self):
        check(self.process.poll() is None,
              f'weston did not start: {self.said()}')
        return os.path.exists(f'{self.dir.name}/lab')

    def said(self):
        self.log.seek(0)
        return self.log.read()[-1000:]

    def screenshot(self):
        subprocess.run(['weston-screenshooter'], cwd=self.dir.name,
                       check=True, stdout=self.log, stderr=self.log)
        pictures = glob.glob(f'{self.dir.name}/*.png')
        check(len(pictures) == 1, f'no screenshot: {self.said()}')
        with Pipeline(f'filesrc location={pictures[0]} ! pngdec ! videoconvert '
                      '! video/x-raw,format=BGRx ! fakesink name=sink') as read:
            run(read)
            os.remove(pictures[0])
            return last_pixels(read.get_by_name('sink'), *FRAME)

    def warm_up(self):
        """Compiles the shaders: waylandsink gives the compositor one second to
        take a dma-buf, then it copies."""
        with Pipeline(f'{producer(1)} ! dmabufalloc ! waylandsink') as pipeline:
            run(pipeline)
            self.screenshot()

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.log.close()
        self.dir.cleanup()


def wayland():
    with Weston() as weston, UpstreamCopies(), Pipeline(
            f'{producer(FRAMES)} ! dmabufalloc name=alloc copy-policy=forbid ! '
            'waylandsink name=sink max-lateness=-1') as pipeline:
        weston.warm_up()
        run(pipeline)
        check_stats(pipeline, 'alloc', frames=FRAMES, copies=0)
        caps = pipeline.get_by_name('sink').get_static_pad(
            'sink').get_current_caps()
        check(caps.get_features(0).contains('memory:DMABuf'),
              f'no dma-bufs were attached: {caps.to_string()}')
        shown = weston.screenshot()
    frames = [rgb(frame) for frame in frames_of(producer(FRAMES), *FRAME)]
    check(rgb(shown) == frames[-1], 'the screenshot does not have the last '
          'frame, but ' + (f'frame {frames.index(rgb(shown))}'
                           if rgb(shown) in frames else 'something else'))


if __name__ == '__main__':
    run_each(wayland)
