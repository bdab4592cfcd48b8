#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# boot: gpu
"""Pipelines with the GPU stage between our elements: see lib/gpu.py for the
checks of each."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))

from gpu import FRAMES, SMALL, GpuPipeline, run_gpu_cases  # noqa: E402
from gstcase import run  # noqa: E402

# The camera's smallest size; drawing needs even less.
SIZE = 'width=320,height=180,framerate=30/1'
TINY = 'width=32,height=18,framerate=30/1'
CAMERA = 16  # The camera has more buffers than a pool


def camera():
    """Frames of the camera are converted and shown."""
    with GpuPipeline(
            f'dmabufv4l2src num-buffers={CAMERA} ! '
            f'video/x-raw,format=NV12,{SIZE} ! dmabufvkconvert name=gpu ! '
            'video/x-raw,format=BGRx,width=80,height=45 ! '
            'dmabufkmssink sync=false name=sink', warm_up=CAMERA - 4) as gpu:
        run(gpu, warnings=False)


def written():
    """Frames that the CPU writes are converted and shown."""
    with GpuPipeline(
            f'videotestsrc num-buffers={FRAMES} ! '
            f'video/x-raw,format=NV12,{SMALL} ! dmabufalloc ! '
            'dmabufvkconvert name=gpu ! video/x-raw,format=BGRx ! '
            'dmabufkmssink sync=false name=sink') as gpu:
        run(gpu, warnings=False)


def drawn():
    """Frames that the GPU draws are shown."""
    with GpuPipeline(
            f'dmabufvksrc name=gpu num-buffers={FRAMES} ! '
            f'video/x-raw,format=BGRx,{SMALL} ! '
            'dmabufkmssink sync=false name=sink') as gpu:
        run(gpu, warnings=False)


def images():
    """Frames are drawn into the GPU's memory, and imported as images."""
    with GpuPipeline(
            f'dmabufvksrc memory=gpu import-mode=image num-buffers={FRAMES} ! '
            f'video/x-raw,format=NV12,{TINY} ! '
            'dmabufvkconvert name=gpu import-mode=image ! '
            'video/x-raw,format=BGRx ! fakesink name=sink') as gpu:
        run(gpu, warnings=False)


if __name__ == '__main__':
    run_gpu_cases(camera, written, drawn, images)
