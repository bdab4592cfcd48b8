#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""dmabufv4l2src at an HDMI input: it uses the timings of the signal, sets their
rate in the caps, follows a new signal while it streams, and waits with a
warning while there is none."""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))
from v4l2case import Gst, stat, stop, until, wait, warm_up  # noqa: E402
from vivid import (  # noqa: E402
    HDMI, WEBCAM, input_node, signal_number, timings_index, v4l2_ctl)


def caps_of(source):
    """Width, height, and the rate in whole frames."""
    caps = source.get_static_pad('src').get_current_caps()
    found = re.search(r'width=\(int\)(\d+), height=\(int\)(\d+)',
                      caps.to_string()) if caps else None
    rate = re.search(r'framerate=\(fraction\)(\d+)/(\d+)',
                     caps.to_string()) if caps else None
    if not found or not rate:
        return None
    return int(found[1]), int(found[2]), round(int(rate[1]) / int(rate[2]))


def until_frames_of(source, expected):
    until(lambda: caps_of(source) == expected, f'caps of {expected}',
          pipeline=pipeline)
    before = stat(source, 'frames')
    until(lambda: stat(source, 'frames') >= before + 3,
          f'frames of {expected}', pipeline=pipeline)
    print(f'ok: {expected}')


warm_up()
device = input_node()
v4l2_ctl(device, f'--set-input={HDMI}')
DEFAULT = timings_index(device, 1280, 720, 60)
SMALL = signal_number(device, 640, 480, 60)
LARGE = signal_number(device, 1280, 720, 50)
pipeline = Gst.parse_launch(
    f'dmabufv4l2src name=src device={device} ! fakesink')
source = pipeline.get_by_name('src')
try:
    # The receiver is set to other timings than those of the signal.
    v4l2_ctl(device, f'--set-dv-bt-timings=index={DEFAULT}')
    v4l2_ctl(device, f'--set-ctrl=dv_timings_signal_mode=4,dv_timings={SMALL}')
    pipeline.set_state(Gst.State.PLAYING)
    until_frames_of(source, (640, 480, 60))

    v4l2_ctl(device, f'--set-ctrl=dv_timings={LARGE}')
    until_frames_of(source, (1280, 720, 50))

    v4l2_ctl(device, '--set-ctrl=dv_timings_signal_mode=1')
    message = wait(pipeline, Gst.MessageType.WARNING)
    error, _ = message.parse_warning()
    if 'no signal at the input HDMI' not in error.message:
        sys.exit(error.message)
    print(f'ok: {error.message}')
    v4l2_ctl(device, f'--set-ctrl=dv_timings_signal_mode=4,dv_timings={SMALL}')
    until_frames_of(source, (640, 480, 60))
finally:
    stop(pipeline)
    v4l2_ctl(device, '--set-ctrl=dv_timings_signal_mode=0')
    v4l2_ctl(device, f'--set-dv-bt-timings=index={DEFAULT}')
    v4l2_ctl(device, f'--set-input={WEBCAM}')
