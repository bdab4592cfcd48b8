# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the cases of dmabufv4l2src share: pipelines, and the books of the kernel
about fds and dma-bufs."""

import os
import re
import sys
import time

import gi
gi.require_version('Gst', '1.0')
from gi.repository import GLib, Gst  # noqa: E402

SIZE = 'width=1280,height=720,framerate=30/1'
BUFINFO = '/sys/kernel/debug/dma_buf/bufinfo'


def n_dmabufs():
    with open(BUFINFO) as bufinfo:
        return int(re.search(r'Total (\d+) objects', bufinfo.read())[1])


def n_fds():
    return len(os.listdir('/proc/self/fd'))


class Books:
    """What was open before is all that is open after."""

    def __init__(self):
        self.fds = n_fds()
        self.dmabufs = n_dmabufs()

    def check(self, what):
        """Both counts come down a moment after close () where a thread of the
        kernel does the rest, hence some patience."""
        end = time.monotonic() + 10
        while time.monotonic() < end:
            if n_fds() <= self.fds and n_dmabufs() <= self.dmabufs:
                return
            time.sleep(0.1)
        links = [os.readlink(f'/proc/self/fd/{fd}')
                 for fd in os.listdir('/proc/self/fd')
                 if os.path.lexists(f'/proc/self/fd/{fd}')]
        sys.exit(f'{what}: {n_fds()} fds, there were {self.fds}; {n_dmabufs()} '
                 f'dma-bufs, there were {self.dmabufs}\n' + '\n'.join(links))


def warm_up():
    """Everything that GStreamer opens once and keeps."""
    Gst.init(None)
    pipeline = Gst.parse_launch('dmabufv4l2src num-buffers=3 ! fakesink')
    run(pipeline)
    stop(pipeline)


def wait(pipeline, types, seconds=60):
    message = pipeline.get_bus().timed_pop_filtered(
        seconds * Gst.SECOND, types | Gst.MessageType.ERROR)
    if message is None:
        sys.exit(f'no message within {seconds} s')
    return message


def run(pipeline):
    pipeline.set_state(Gst.State.PLAYING)
    message = wait(pipeline, Gst.MessageType.EOS)
    if message.type == Gst.MessageType.ERROR:
        sys.exit(' / '.join(map(str, message.parse_error())))


def stop(pipeline, limit=5):
    """To NULL, which must not hang."""
    begin = time.monotonic()
    pipeline.set_state(Gst.State.NULL)
    needed = time.monotonic() - begin
    if needed > limit:
        sys.exit(f'going to NULL took {needed:.1f} s')


def expect_error(pipeline, *words, seconds=60):
    """Plays, until an error of the source whose text has all of @words."""
    pipeline.set_state(Gst.State.PLAYING)
    message = wait(pipeline, Gst.MessageType.EOS, seconds)
    if message.type != Gst.MessageType.ERROR:
        sys.exit(f'no error with {words}')
    error, _ = message.parse_error()
    if not message.src.get_name().startswith('dmabufv4l2src'):
        sys.exit(f'the error is of {message.src.get_name()}: {error.message}')
    for word in words:
        if word not in error.message:
            sys.exit(f'not "{word}": {error.message}')
    print(f'ok: {error.message}')
    return error


def stat(element, name):
    found, value = element.get_property('stats').get_uint64(name)
    if not found:
        sys.exit(f'no {name} in the stats')
    return value


def until(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit(f'{what} not within {seconds} s')
        GLib.usleep(10000)
