#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# last
"""The device is unbound while it streams: an error names that, the state
changes to NULL without a hang, and nothing is left open, also if a consumer
holds buffers. When the device is bound again it works."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))
from v4l2case import (OpenFiles, Gst, SIZE, expect_error, run, stat, stop,
                      until, warm_up)  # noqa: E402
from vivid import plugged_out  # noqa: E402

def round_trip(sink, is_busy):
    open_files = OpenFiles()
    pipeline = Gst.parse_launch(
        f'dmabufv4l2src name=dmabufv4l2src ! video/x-raw,{SIZE} ! {sink}')
    source = pipeline.get_by_name('dmabufv4l2src')
    pipeline.set_state(Gst.State.PLAYING)
    until(lambda: is_busy(stat(source, 'frames'), stat(source, 'buffers')),
          'frames', pipeline=pipeline)
    with plugged_out():
        expect_error(pipeline, '/dev/video', '(vivid)', 'the device is gone')
        stop(pipeline)
        del pipeline, source
        open_files.check(f'unbound, {sink}')


def main():
    warm_up()
    round_trip('fakesink', lambda frames, buffers: frames >= 10)
    # A consumer that holds every buffer: none is queued in the driver.
    round_trip('queue max-size-buffers=100 max-size-time=0 max-size-bytes=0 '
               f'! fakesink sync=true ts-offset={3600 * Gst.SECOND}',
               lambda frames, buffers: frames == buffers > 0)

    pipeline = Gst.parse_launch('dmabufv4l2src num-buffers=10 ! fakesink')
    run(pipeline)
    stop(pipeline)


if __name__ == '__main__':
    main()
