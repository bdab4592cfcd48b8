# SPDX-License-Identifier: LGPL-2.1-or-later
"""vimc: a camera that is a graph of entities, which media-ctl has to set up, as
on many boards. By default the formats at its links differ (EPIPE)."""

import glob
import os
import subprocess

from devices import read, video_node
from gstcase import check, until

# The only media bus codes that both debayer and scaler accept
BAYER, RGB = 'SBGGR8_1X8', 'RGB888_1X24'


def command(*argv):
    done = subprocess.run(argv, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    check(done.returncode == 0, f'{" ".join(argv)}: {done.stdout}')
    return done.stdout


class Vimc:
    """In a with statement: the module is loaded. .capture is the node behind
    the scaler, .raw the one at the sensor, .media the media device."""

    def __init__(self, allocator=0):
        self.allocator = allocator

    def __enter__(self):
        command('modprobe', 'vimc', f'allocator={self.allocator}')
        self.capture = video_node('RGB/YUV Capture')
        self.raw = video_node('Raw Capture 0')
        model = next(path for path in
                     glob.glob('/sys/bus/media/devices/media*/model')
                     if 'vimc' in read(path).lower())
        self.media = f'/dev/{os.path.basename(os.path.dirname(model))}'
        return self

    def __exit__(self, *_):
        # udev may still have a node open.
        until(lambda: subprocess.run(['rmmod', 'vimc'],
                                     stderr=subprocess.DEVNULL).returncode == 0,
              'vimc can be removed')

    def set_pad(self, entity, pad, what):
        command('media-ctl', '-d', self.media, '-V',
                f'"{entity}":{pad}[{what}]')

    def set_up(self, width, height, sensor=(640, 480)):
        """Sets frames of @width x @height at .capture, scaled from the size
        @sensor. The raw node needs that size too, because its link to the
        sensor is immutable."""
        inner = '{}x{}'.format(*sensor)
        self.set_pad('Sensor A', 0, f'fmt:{BAYER}/{inner}')
        self.set_pad('Debayer A', 0, f'fmt:{BAYER}/{inner}')
        self.set_pad('Scaler', 0, f'fmt:{RGB}/{inner}')
        self.set_pad('Scaler', 0, f'crop:(0,0)/{inner}')
        self.set_pad('Scaler', 1, f'fmt:{RGB}/{width}x{height}')
        command('v4l2-ctl', '-d', self.raw, '-v',
                'width={},height={},pixelformat=BA81'.format(*sensor))
        command('v4l2-ctl', '-d', self.capture, '-v',
                f'width={width},height={height},pixelformat=RGB3')
