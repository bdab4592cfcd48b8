#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# where: lab
# timeout: 600
"""Frames through the GPU stage, against upstream in one boot.

What a small frame costs (gpu-costs.c): submits, semaphores, calls of malloc
that are not the driver's, time, with imports that are kept and with imports
made for each frame. System calls of it, and throughput beside
videoconvertscale, and OpenGL where there is some. lavapipe is a CPU: the
ratios say what the stage adds, not how fast a GPU is.
"""

import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
import measure  # noqa: E402

IN = 'video/x-raw,format=NV12,width=320,height=180,framerate=30/1'
OUT = 'video/x-raw,format=BGRx,width=160,height=90'
SHORT, LONG = 35, 65


def costs():
    fields = 'ns', 'mallocs', 'submits', 'semaphores', 'imports'
    found = {name: dict(zip(fields, map(float, values)))
             for name, *values in measure.words_of('gpu-costs')}
    kept, anew = found['kept'], found['anew']
    for field, limit in (('submits', 1), ('semaphores', 0), ('imports', 0),
                         ('mallocs', 0)):
        measure.report('gpu', f'{field} per frame', kept[field], '',
                       ratio=kept[field], limit=limit)
    measure.report('gpu', 'a frame of 16x16, imports kept', kept['ns'] / 1000,
                   'us')
    measure.report('gpu', 'a frame of 16x16, imported anew', anew['ns'] / 1000,
                   'us', ratio=anew['ns'] / kept['ns'])
    measure.report('gpu', 'imports per frame, imported anew', anew['imports'],
                   '')


def pipeline(stage, frames, source='videotestsrc pattern=black'):
    return (f'{source} num-buffers={frames} ! {IN} ! {stage} ! {OUT} ! '
            'fakesink name=sink').split()


def calls(frames):
    """System calls; waiting of the driver's threads apart."""
    found = measure.system_calls(
        pipeline('dmabufvkconvert', frames, 'dmabufvksrc'))
    futex = found.pop('futex', 0)
    return {'futex': futex, 'others': sum(found.values())}


def main():
    # lavapipe: the compiler's threads and time are not what is measured
    measure.run(['gst-launch-1.0', '-q'] + pipeline('dmabufvkconvert', 2,
                                                    'dmabufvksrc'))
    costs()
    few, many = calls(SHORT), calls(LONG)
    for kind in few:
        measure.report('gpu', f'system calls per frame, two stages, {kind}',
                       (many[kind] - few[kind]) / (LONG - SHORT), '')

    cpu = measure.meter(pipeline('videoconvertscale', LONG))['rate']
    measure.report('gpu', 'upstream: videoconvertscale', cpu, 'frames/s')
    for mode in 'buffer', 'image':
        gpu = measure.meter(pipeline(
            f'dmabufvkconvert import-mode={mode}', LONG))['rate']
        measure.report('gpu', f'ours: dmabufvkconvert, {mode}', gpu,
                       'frames/s', ratio=cpu / gpu)

    os.environ.update(GST_GL_PLATFORM='egl', GST_GL_WINDOW='surfaceless')
    try:
        gl = measure.meter(
            (f'videotestsrc pattern=black num-buffers={LONG} ! {IN} ! '
             'glupload ! glcolorconvert ! glcolorscale ! '
             'video/x-raw(memory:GLMemory),width=160,height=90 ! gldownload ! '
             'fakesink name=sink').split())['rate']
    except subprocess.CalledProcessError:
        print('OpenGL: does not run here', file=sys.stderr)
    else:
        measure.report('gpu', 'upstream: glupload ! … ! gldownload', gl,
                       'frames/s')


if __name__ == '__main__':
    main()
