#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""After the warm-up a frame costs no mmap, import, framebuffer or export, as
seen from outside of the process: the demo runs under strace, and its calls
between the 30th and the last dequeued frame are checked."""

import os
import re
import subprocess
import sys
import tempfile

FRAMES, WARM_UP = 60, 30

DEMO = os.path.join(os.environ.get('DMABUF_BUILD', 'build/native'),
                    'tests/examples/camera-to-display')

FORBIDDEN = re.compile(
    r'\b(mmap|mmap2|mremap)\(|DRM_IOCTL_PRIME_FD_TO_HANDLE|'
    r'DRM_IOCTL_MODE_ADDFB2?\b|VIDIOC_EXPBUF|DMA_HEAP_IOCTL_ALLOC|'
    r'UDMABUF_CREATE')
DEQUEUED = re.compile(r'VIDIOC_DQBUF.*= 0$')


def main():
    with tempfile.NamedTemporaryFile('r', errors='replace') as log:
        demo = subprocess.run(
            # On one CPU: waking strace on another takes 10 ms in the guest.
            ['taskset', '1', 'strace', '-f', '--seccomp-bpf',
             '-e', 'trace=mmap,mremap,ioctl', '-o', log.name, DEMO, '--frames', str(FRAMES), '--output', '/tmp/zero.png'])
        calls = log.read().splitlines()

    if demo.returncode != 0:
        sys.exit(f'the demo failed with exit status {demo.returncode}')

    frames = [i for i, call in enumerate(calls) if DEQUEUED.search(call)]
    if len(frames) != FRAMES:
        sys.exit(f'{len(frames)} frames were dequeued, not {FRAMES}')

    steady = calls[frames[WARM_UP - 1]:frames[-1]]
    found = [call for call in steady if FORBIDDEN.search(call)]
    if found:
        sys.exit(f'{len(found)} calls that a frame must not make:\n'
                 + '\n'.join(found[:20]))

    # The search works: it finds each of them during the warm-up.
    early = '\n'.join(calls[:frames[WARM_UP - 1]])
    for call in ('mmap(', 'PRIME_FD_TO_HANDLE', 'ADDFB2', 'VIDIOC_EXPBUF'):
        if call not in early:
            sys.exit(f'{call} was not found during the warm-up: does strace '
                     'print other names?')
    print(f'{len(steady)} calls of mmap, mremap and ioctl, none forbidden')


if __name__ == '__main__':
    main()
