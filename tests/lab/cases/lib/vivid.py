# SPDX-License-Identifier: LGPL-2.1-or-later
"""vivid: its nodes, their control by v4l2-ctl, and its HDMI output, whose
picture comes back on its HDMI input."""

import contextlib
import glob
import os
import re
import subprocess
import tempfile

from devices import read, write
from gstcase import check, until


def v4l2_ctl(device, *options):
    done = subprocess.run(['v4l2-ctl', '-d', device, *options], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    check(done.returncode == 0, f'v4l2-ctl {options}: {done.stdout}')
    return done.stdout


def find(direction, other):
    """The node of vivid whose device capabilities have @direction only"""
    for index in range(64):
        path = f'/dev/video{index}'
        if os.path.exists(path):
            info = v4l2_ctl(path, '--info')
            caps = info.split('Device Caps', 1)[-1].split('Media', 1)[0]
            if 'vivid' in info and direction in caps and other not in caps:
                return path
    return check(False, f'vivid has no node for {direction}')


def output_node():
    return find('Video Output', 'Video Capture')


def input_node():
    return find('Video Capture', 'Video Output')


def timings_index(device, width, height, rate):
    """The driver's index of these timings; progressive ones only"""
    for listed in v4l2_ctl(device, '--list-dv-timings').split('Index: ')[1:]:
        index = int(listed.split()[0])
        found = [round(float(re.search(pattern, listed)[1])) for pattern in (
            r'Active width: (\d+)', r'Active height: (\d+)',
            r'\(([\d.]+) frames per second')]
        if found == [width, height, rate] and 'progressive' in listed:
            return index
    return check(False, f'{device} has no {width}x{height} at {rate} Hz')


def signal_number(device, width, height, rate):
    """The item of the control dv_timings for an incoming signal with these
    timings; its menu also has interlaced ones."""
    menu = v4l2_ctl(device, '--list-ctrls-menus').split(' dv_timings ', 1)[-1]
    for number, *found in re.findall(r'^\s*(\d+): (\d+)x(\d+)p(\d+)$', menu,
                                     re.M):
        # The menu truncates rates: 59.94 is 59.
        if list(map(int, found)) in [[width, height, rate],
                                     [width, height, rate - 1]]:
            return number
    return check(False, f'no signal of {width}x{height} at {rate} Hz: {menu}')


def capture(device, fourcc, width, height, n=1, skip=0):
    """Frames that v4l2-ctl captures by mmap"""
    with tempfile.NamedTemporaryFile() as file:
        v4l2_ctl(device, '--stream-mmap', f'--stream-count={n}',
                 f'--stream-skip={skip}', f'--stream-to={file.name}', '-v',
                 f'width={width},height={height},pixelformat={fourcc}')
        data = file.read()
    size, rest = divmod(len(data), n)
    check(size and not rest, f'{len(data)} bytes for {n} frames')
    return [data[i * size:(i + 1) * size] for i in range(n)]


# --- inputs ------------------------------------------------------------------

# Numbers of vivid's default inputs
WEBCAM, TV, S_VIDEO, HDMI = range(4)


@contextlib.contextmanager
def input_of(node, number, *options):
    """In a with statement: @node captures from the input @number, which is set
    up by further @options of v4l2-ctl."""
    v4l2_ctl(node, f'--set-input={number}', *options)
    try:
        yield
    finally:
        v4l2_ctl(node, f'--set-input={WEBCAM}')


# --- trouble -----------------------------------------------------------------

def inject(node, what):
    """Lets the next such call fail: 'vidioc_reqbufs_error',
    'vidioc_qbuf_error', 'vidioc_streamon_error', 'v4l2_buf_flag_error',
    'fatal_streaming_error'"""
    v4l2_ctl(node, f'--set-ctrl=inject_{what}=1')


DRIVER = '/sys/bus/platform/drivers/vivid'


@contextlib.contextmanager
def plugged_out():
    """In a with statement: vivid is unbound, so all its instances and nodes are
    gone. At the end it is bound again and has its nodes."""
    nodes = [os.path.basename(os.path.dirname(path)) for path in
             glob.glob('/sys/class/video4linux/*/name')
             if read(path).startswith('vivid-')]
    check(nodes, 'there is no vivid')
    write(f'{DRIVER}/unbind', 'vivid.0')
    try:
        yield
    finally:
        write(f'{DRIVER}/bind', 'vivid.0')
        until(lambda: all(os.path.exists(f'/dev/{node}') for node in nodes),
              'vivid with its nodes')


class Loop:
    """In a with statement: HDMI output and input are connected, at 640x480."""

    def __enter__(self):
        self.input, self.output = input_node(), output_node()
        v4l2_ctl(self.output, '--set-output=1')
        v4l2_ctl(self.output, '--set-dv-bt-timings=index=0')
        self.connect()
        return self

    def connect(self):
        """Sets the timings last: the input gets those of its signal when it is
        connected."""
        v4l2_ctl(self.input, '--set-ctrl=hdmi_000_0_is_connected_to=0')
        v4l2_ctl(self.input, f'--set-input={HDMI}')
        v4l2_ctl(self.input, '--set-ctrl=osd_text_mode=2,'
                 'hdmi_000_0_is_connected_to=2')
        v4l2_ctl(self.input, '--set-dv-bt-timings=index=0')

    def capture(self, fourcc, n, is_sent):
        """Frames from the input, which has 60 per second. On a busy machine it
        sometimes keeps its own picture until it is connected again: so if not
        @is_sent (frames), there are two more attempts."""
        for _ in range(3):
            frames = capture(self.input, fourcc, 640, 480, n)
            if is_sent(frames):
                break
            self.connect()
        return frames

    def __exit__(self, *_):
        v4l2_ctl(self.input, '--set-ctrl=osd_text_mode=0,'
                 'hdmi_000_0_is_connected_to=0')
        v4l2_ctl(self.input, f'--set-input={WEBCAM}')
