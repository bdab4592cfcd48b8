# SPDX-License-Identifier: LGPL-2.1-or-later
"""Functions for the cases of dmabufv4l2src."""

import os
import sys

sys.path.insert(0, os.path.dirname(__file__))

from gstcase import (  # noqa: E402, F401
    OpenFiles, Gst, n_dmabufs, n_fds, run, stat, stop, until, wait)

SIZE = 'width=1280,height=720,framerate=30/1'


def warm_up():
    """Makes GStreamer open the files that it opens once and keeps."""
    Gst.init(None)
    pipeline = Gst.parse_launch('dmabufv4l2src num-buffers=3 ! fakesink')
    run(pipeline)
    stop(pipeline)


def expect_error(pipeline, *words):
    """Plays until an error of the source, whose text must have all of
    @words."""
    pipeline.set_state(Gst.State.PLAYING)
    message = wait(pipeline, Gst.MessageType.EOS)
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
