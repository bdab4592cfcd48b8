# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the cases of dmabufv4l2src share."""

import os
import sys

sys.path.insert(0, os.path.dirname(__file__))

from gstcase import (  # noqa: E402, F401
    Books, Gst, n_dmabufs, n_fds, run, stat, stop, until, wait)

SIZE = 'width=1280,height=720,framerate=30/1'


def warm_up():
    """Everything that GStreamer opens once and keeps."""
    Gst.init(None)
    pipeline = Gst.parse_launch('dmabufv4l2src num-buffers=3 ! fakesink')
    run(pipeline)
    stop(pipeline)


def expect_error(pipeline, *words):
    """Plays, until an error of the source whose text has all of @words."""
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
