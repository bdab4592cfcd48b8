#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# where: guest
# timeout: 900
# kernel: backports, stable
"""v4l2-compliance on the camera before, while and after dmabufv4l2src uses it.

Each of its verdicts is a check. After our use the verdict is the same as
before, and while we stream it is the same as while v4l2-ctl streams the same
format: both have the driver's own faults. Our stream survives v4l2-compliance,
which uses a second file handle for requests that the driver must refuse while
it streams."""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '../cases/lib'))
from gstcase import Gst, check, stat, stop, text_of, until  # noqa: E402
from tap import Tap  # noqa: E402
from vivid import input_node, v4l2_ctl  # noqa: E402

WIDTH, HEIGHT = 640, 480
CAPS = {'NV12': 'NV12', 'YUYV': 'YUY2', 'XR24': 'BGRx'}


def ask(*options):
    """The verdicts by section and test, and the messages about each."""
    done = subprocess.run(
        ['v4l2-compliance', '-C', 'never', '-d', device, *options], text=True,
        errors='replace', stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    verdicts, said, section, lines = {}, {}, '', []
    # A section may contain a test more than once.
    for line in done.stdout.splitlines():
        test = re.match(r'\s+test (.*): (\S.*)$', line)
        if test:
            name = ' / '.join(filter(None, (section, test[1])))
            verdicts.setdefault(name, []).append(test[2])
            said.setdefault(name, []).extend(lines)
            lines = []
        elif re.match(r'\s+(fail|warn|info): ', line):
            lines.append(line.strip())
        elif re.match(r'\s*\S.*:$', line):
            section = line.strip()[:-1]
    check(len(verdicts) > 30, f'v4l2-compliance judged nothing:\n{done.stdout}')
    return verdicts, said


def compare(when, reference, ours):
    for name in sorted({**reference[0], **ours[0]}):
        then, now = reference[0].get(name), ours[0].get(name)
        tap.check(then == now, f'{when}: {name}',
                  f'without us: {then}', *reference[1].get(name, []),
                  f'with us: {now}', *ours[1].get(name, []))


def caps_of(fourcc):
    return f'video/x-raw,format={CAPS[fourcc]},width={WIDTH},height={HEIGHT}'


def during_v4l2_ctl(fourcc):
    v4l2_ctl(device, '-v',
             f'width={WIDTH},height={HEIGHT},pixelformat={fourcc}')
    with subprocess.Popen(['v4l2-ctl', '-d', device, '--stream-mmap'],
                          stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE) as streamer:
        try:
            check(streamer.stderr.read(1), 'v4l2-ctl does not stream')
            return ask()
        finally:
            streamer.kill()


def during_ours(fourcc):
    pipeline = Gst.parse_launch(f'dmabufv4l2src name=src device={device} ! '
                                f'{caps_of(fourcc)} ! fakesink sync=false')
    source = pipeline.get_by_name('src')

    def more_frames(what):
        frames = stat(source, 'frames')
        until(lambda: stat(source, 'frames') >= frames + 10, what,
              pipeline=pipeline)

    try:
        pipeline.set_state(Gst.State.PLAYING)
        more_frames('frames')
        answer = ask()
        more_frames('frames after the judge')
        message = pipeline.get_bus().pop_filtered(
            Gst.MessageType.ERROR | Gst.MessageType.WARNING)
        tap.check(message is None, f'{fourcc}: the stream outlasts the judge',
                  message and text_of(message))
        return answer
    finally:
        stop(pipeline)


Gst.init(None)
tap = Tap()
device = input_node()
before = ask('--streaming=5')
for fourcc in CAPS:
    reference, ours = during_v4l2_ctl(fourcc), during_ours(fourcc)
    tap.check(any('REQBUFS' in name and verdict != ['OK']
                  for name, verdict in ours[0].items()),
              f'during, {fourcc}: the judge met a device in use')
    compare(f'during, {fourcc}', reference, ours)
compare('after', before, ask('--streaming=5'))
tap.finish()
