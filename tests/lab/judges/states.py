#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# where: native guest
# timeout: 600
# kernel: backports, stable
# needs: build/judges/states
"""GStreamer's own tests/check/generic/states.c, built against the installed
gst-check, over all elements of our plugins: each is taken through all states,
up and down, in three orders.

The program takes the elements from the registry, so it would pass with a
registry that lacks them: its debug log shows which elements it took."""

import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '../cases/lib'))
from gstcase import BUFINFO, Gst, n_dmabufs, until  # noqa: E402
from tap import Tap  # noqa: E402

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../..')
PROGRAM = os.path.join(TOP, 'build/judges/states')
SOURCE = 'gst-dmabuf'

SEQUENCES = ['test_state_changes_up_and_down_seq', 'test_state_changes_up_seq',
             'test_state_changes_down_seq']


def our_elements():
    registry = Gst.Registry.get()
    return {feature.get_name()
            for plugin in registry.get_plugin_list()
            if plugin.get_source() == SOURCE
            for feature in registry.get_feature_list_by_plugin(
                plugin.get_name())
            if isinstance(feature, Gst.ElementFactory)}


def run_judge():
    """The finished program, and the elements that each sequence took, in
    order."""
    # libcheck writes a file to the working directory.
    with tempfile.TemporaryDirectory() as directory:
        log = os.path.join(directory, 'log')
        done = subprocess.run(
            [PROGRAM], cwd=directory, text=True, errors='replace',
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={
                **os.environ, 'GST_DEBUG': 'check:5', 'GST_DEBUG_NO_COLOR': '1',
                'GST_DEBUG_FILE': log, 'CK_DEFAULT_TIMEOUT': '180',
                # gst-check fails a test for criticals of GStreamer's log
                # domains only: make those of ours fatal as well.
                'G_DEBUG': 'fatal-criticals'})
        taken = {sequence: [] for sequence in SEQUENCES}
        with open(log, errors='replace') as lines:
            for sequence, element in re.findall(
                    r':(test_state_changes_\w+?)(?:__func)?:.* testing element '
                    r'(\w+)$', lines.read(), re.M):
                taken[sequence].append(element)
    return done, taken


Gst.init(None)
tap = Tap()
has_bufinfo = os.path.exists(BUFINFO) and os.access(BUFINFO, os.R_OK)
dmabufs = n_dmabufs() if has_bufinfo else 0
expected = our_elements()
tap.check(expected, 'the registry has our elements')
done, taken = run_judge()
print(''.join(f'| {line}\n' for line in done.stdout.splitlines()))
failed = set(re.findall(r':[FE]:\w+:(test_state_changes_\w+?):', done.stdout))
for sequence in SEQUENCES:
    for element in sorted(expected):
        # After a failure the program continues with the next sequence, so the
        # last element that it took has failed.
        is_culprit = sequence in failed and taken[sequence][-1:] == [element]
        tap.check(element in taken[sequence] and not is_culprit,
                  f'{element}: {sequence}')
tap.check(done.returncode == 0 and not failed, 'the program passes')
if has_bufinfo:
    until(lambda: n_dmabufs() <= dmabufs, 'the dma-bufs are gone')
tap.finish()
