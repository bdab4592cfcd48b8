#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# where: lab
# timeout: 900
"""Frames through the GPU stage, against videoconvertscale in one boot.

NV12 1280x720 to BGRx 640x360, from a source that costs little. lavapipe is a
CPU: the ratio says what the stage adds, not how fast a GPU is. Per frame:
submits, semaphores, imports, CPU waits and system calls.
"""

import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(__file__))
import measure  # noqa: E402

FRAMES = 90
OUT = 'video/x-raw,format=BGRx,width=640,height=360'


def pipeline(source, stage, frames=FRAMES):
    return (f'{source} num-buffers={frames} ! {measure.NV12} ! {stage} ! '
            f'{OUT} ! fakesink name=sink').split()


def stats(frames, stage='dmabufvkconvert'):
    """The stage's counters, as gst-launch shows them at the end."""
    command = ('import sys, gi; gi.require_version("Gst", "1.0");'
               'from gi.repository import Gst; Gst.init(None);'
               'p = Gst.parse_launch(sys.argv[1]); p.set_state(4);'
               'p.get_bus().timed_pop_filtered(600 * 10**9,'
               ' Gst.MessageType.EOS | Gst.MessageType.ERROR);'
               's = p.get_by_name("gpu").get_property("stats");'
               'print({s.nth_field_name(i): s.get_value(s.nth_field_name(i))'
               ' for i in range(s.n_fields())}); p.set_state(1)')
    line = ' '.join(pipeline('dmabufvksrc', f'{stage} name=gpu', frames))
    result = subprocess.run([sys.executable, '-c', command, line],
                            stdout=subprocess.PIPE, text=True, check=True)
    return eval(result.stdout, {'__builtins__': {}})


def calls(frames):
    with tempfile.NamedTemporaryFile('r') as log:
        subprocess.run(['strace', '-f', '-c', '-o', log.name,
                        'gst-launch-1.0', '-q']
                       + pipeline('dmabufvksrc', 'dmabufvkconvert', frames),
                       check=True)
        total = re.search(r'(\d+)\s+(?:\d+\s+)?total', log.read())
    return int(total.group(1))


def main():
    few, many = stats(30), stats(FRAMES)
    frames = FRAMES - 30
    for field in ('submits', 'semaphores', 'imports', 'cpu-waits', 'copies'):
        measure.report('gpu', f'{field} per frame',
                       (many[field] - few[field]) / frames, '',
                       ratio=(many[field] - few[field]) / frames,
                       limit=1 if field == 'submits' else 0)
    measure.report('gpu', 'system calls per frame, source and stage',
                   (calls(FRAMES) - calls(30)) / frames, '')

    cpu = measure.meter(pipeline('videotestsrc pattern=black',
                                 'videoconvertscale'))['rate']
    measure.report('gpu', 'upstream: videoconvertscale', cpu, 'frames/s')
    for mode in 'buffer', 'image':
        gpu = measure.meter(pipeline(
            'videotestsrc pattern=black',
            f'dmabufvkconvert import-mode={mode}'))['rate']
        measure.report('gpu', f'ours: dmabufvkconvert, {mode}', gpu,
                       'frames/s', ratio=cpu / gpu)


if __name__ == '__main__':
    main()
