# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the benchmarks share: the build's programs, pipelines, running them,
results."""

import json
import os
import subprocess
import sys
import tempfile

CAPS = ('video/x-raw{feature},format={format},width=1280,height=720,'
        'framerate=30/1')
XR24 = CAPS.format(feature='', format='BGRx')
NV12 = CAPS.format(feature='', format='NV12')


def ours(frames, caps=XR24, sink='dmabufkmssink name=sink'):
    return f'dmabufv4l2src num-buffers={frames} ! {caps} ! {sink}'.split()


def upstream(frames, caps=XR24, sink='kmssink driver-name=vkms name=sink'):
    return (f'v4l2src io-mode=dmabuf num-buffers={frames} ! {caps} ! {sink}'
            .split())


def tool(name):
    """A program that the build has made for the benchmarks"""
    return os.path.join(os.environ.get('DMABUF_BUILD', 'build/native'),
                        'tests/benchmarks', name)


def words_of(name, *arguments):
    """The lines that such a program prints, in words"""
    out = subprocess.run([tool(name), *arguments], stdout=subprocess.PIPE,
                         text=True, check=True).stdout
    return map(str.split, out.splitlines())


def run(command):
    """Runs a command; what it prints is shown only if it fails."""
    with tempfile.TemporaryFile('w+') as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            log.seek(0)
            sys.exit(f'{" ".join(command)}: exit status '
                     f'{process.returncode}\n{log.read()}')
        return usage


def meter(pipeline):
    """Runs a pipeline whose sink is called "sink": its rate and CPU time."""
    result = subprocess.run([tool('pipeline-meter')] + pipeline,
                            stdout=subprocess.PIPE, check=True)
    return json.loads(result.stdout)


def system_calls(pipeline):
    """Runs a pipeline: its system calls by name."""
    with tempfile.NamedTemporaryFile('r') as table:
        run(['strace', '-f', '-c', '-o', table.name, 'gst-launch-1.0', '-q']
            + pipeline)
        calls = {}
        for line in table:
            fields = line.split()
            # % time, seconds, usecs/call, calls, [errors,] syscall
            if len(fields) in (5, 6) and fields[3].isdigit() \
                    and fields[-1] != 'total':
                calls[fields[-1]] = int(fields[3])
    if not calls:
        sys.exit('strace printed no table')
    return calls


def report(bench, metric, value, unit, limit=None, ratio=None):
    result = {'bench': bench, 'metric': metric, 'value': round(value, 4),
              'unit': unit}
    if ratio is not None:
        result['ratio'] = round(ratio, 4)
    if limit is not None:
        result['limit'] = limit
    print(json.dumps(result), flush=True)
