#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Frames of dmabufalloc are shown by another process. Each frame arrives as a
new fd, but the display imports each buffer once, and shows the frame that was
sent. When the receiver is killed the sender goes on, when the sender is killed
the receiver ends, and no dma-buf is left."""

import multiprocessing
import os
import signal
import sys
import tempfile
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))

from gstcase import (  # noqa: E402
    PATIENCE, Gst, Pipeline, check, check_stats, is_long, n_dmabufs, stat,
    text_of, until, wait)
from pixels import pixels, rgb  # noqa: E402

FRAME = ('BGRx', 640, 480)
CAPS = 'video/x-raw,format=BGRx,width=640,height=480,framerate=30/1'
BUFFERS = 4
WARM_UP, FRAMES = 8, 120 if is_long() else 24


def send(path, pipe):
    """Sends until it is killed; reports the checksum of each frame."""
    def on_buffer(_pad, info):
        pipe.send(zlib.crc32(rgb(pixels(info.get_buffer(), *FRAME))))
        return Gst.PadProbeReturn.OK

    Gst.init(None)
    with Pipeline(
            f'videotestsrc pattern=ball is-live=true ! {CAPS} ! dmabufalloc '
            f'name=alloc copy-policy=forbid max-buffers={BUFFERS} ! '
            f'unixfdsink socket-path={path} sync=true') as pipeline:
        pipeline.get_by_name('alloc').get_static_pad('src').add_probe(
            Gst.PadProbeType.BUFFER, on_buffer)
        pipeline.set_state(Gst.State.PLAYING)
        sys.exit(text_of(pipeline.get_bus().timed_pop_filtered(
            Gst.CLOCK_TIME_NONE, Gst.MessageType.ERROR)))


def receive(path, pipe):
    """Receives until the sender has gone; reports the checksum of the picture
    on the display after the first frames."""
    Gst.init(None)
    with Pipeline(f'unixfdsrc socket-path={path} ! dmabufkmssink name=sink '
                  'copy-policy=forbid sync=false') as pipeline:
        sink = pipeline.get_by_name('sink')
        pipeline.set_state(Gst.State.PLAYING)
        until(lambda: sink.get_state(0)[1] == Gst.State.PLAYING
              and stat(sink, 'frames') >= WARM_UP, 'frames', pipeline=pipeline)
        imports = stat(sink, 'imports')
        check(imports <= BUFFERS, f'{imports} imports of {BUFFERS} buffers')
        until(lambda: stat(sink, 'frames') >= FRAMES, 'frames',
              pipeline=pipeline)
        check_stats(pipeline, 'sink', copies=0, imports=imports)
        # A frame is counted before its import is.
        until(lambda: stat(sink, 'imports-reused') >= FRAMES - imports,
              'imports found again', pipeline=pipeline)

        shown = sink.emit('capture-frame')
        check(shown is not None, 'no frame could be captured')
        sent = rgb(pixels(shown.get_info().get_value('frame'), *FRAME))
        check(rgb(pixels(shown.get_buffer(), *FRAME)) == sent,
              'the display does not show the frame that arrived')
        pipe.send(zlib.crc32(sent))
        del shown
        end = wait(pipeline, Gst.MessageType.EOS)
        print('receiver:', end.type.first_value_nick)


class Process:
    """A child process, forked before GStreamer is initialised."""

    fork = multiprocessing.get_context('fork')

    def __init__(self, function, path):
        self.pipe, end = self.fork.Pipe()
        self.process = self.fork.Process(target=function, args=(path, end))
        self.process.start()
        end.close()

    def next(self):
        check(self.pipe.poll(PATIENCE), 'no report of the other process')
        try:
            return self.pipe.recv()
        except EOFError:
            self.process.join()
            return sys.exit(f'exit status {self.process.exitcode}')

    def drain(self):
        """The reports since the last call."""
        said = []
        while self.pipe.poll():
            said.append(self.pipe.recv())
        return said

    def kill(self):
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()


def main():
    before = n_dmabufs()
    path = tempfile.mktemp()
    sender = Process(send, path)
    sent = [sender.next()]
    until(lambda: os.path.exists(path), 'the socket')

    receiver = Process(receive, path)
    shown = receiver.next()
    sent += sender.drain()
    check(shown in sent, 'the display shows none of the frames that were sent')
    check(len(set(sent)) > BUFFERS, 'all frames are the same')

    # The receiver dies: the sender, whose buffers were all in use, gets them
    # back.
    receiver.kill()
    sender.drain()
    for _ in range(3 * BUFFERS):
        sender.next()

    # The sender dies: the receiver ends by itself.
    receiver = Process(receive, path)
    receiver.next()
    sender.kill()
    receiver.process.join(PATIENCE)
    check(receiver.process.exitcode == 0, 'the receiver did not end by itself: '
          f'{receiver.process.exitcode}')
    until(lambda: n_dmabufs() <= before, 'all dma-bufs gone')


if __name__ == '__main__':
    main()
