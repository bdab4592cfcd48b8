#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# boot: strangers
"""Cards of vkms made through configfs: a card with two displays, a display that
is plugged in later, and nothing left when the cards are gone."""

import glob
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))

from devices import card, cards, read  # noqa: E402
from gstcase import (  # noqa: E402
    Gst, Pipeline, check, check_stats, run, run_each, text_of, wait)
from vkms import Card  # noqa: E402

FRAMES = 3
PRODUCER = (f'videotestsrc num-buffers={FRAMES} ! video/x-raw,format=BGRx,'
            'width=640,height=480,framerate=30/1')


def state_of(path):
    """The card's planes, CRTCs and connectors from debugfs"""
    number = path.removeprefix('/dev/dri/card')
    return read(f'/sys/kernel/debug/dri/{number}/state')


def objects():
    """A card has the objects that were asked for, and the default card stays as
    it was."""
    default = state_of(card('vkms', '/vkms'))
    with Card(crtcs=2, overlays=2, name='big') as big:
        state = state_of(big.path)
        # Primary, two overlays, cursor for each CRTC
        check(len(re.findall(r'^plane\[', state, re.M)) == 8, state)
        check(len(re.findall(r'^crtc\[', state, re.M)) == 2, state)
        connectors = list(big.connectors())
        check(len(connectors) == 4 and sum(
            'Writeback' in name for name in connectors) == 2, connectors)
        check(state_of(card('vkms', '/vkms')) == default, 'the default card')
    with Card(overlays=0, cursor=False, writeback=False, name='small') as small:
        state = state_of(small.path)
        check(len(re.findall(r'^plane\[', state, re.M)) == 1, state)
        check(len(small.connectors()) == 1, small.connectors())
    check(len(cards('vkms')) == 1, f'left: {cards("vkms")}')
    check(not glob.glob('/sys/kernel/config/vkms/*'), 'configfs is not empty')


def shown():
    with Card(name='screen') as screen, Pipeline(
            f'{PRODUCER} ! dmabufkmssink name=sink device={screen.path} '
            'copy-policy=forbid') as pipeline:
        run(pipeline)
        check_stats(pipeline, 'sink', frames=FRAMES, copies=0)


def plugged_in():
    """Without a connected display there is an error; once one is connected, its
    card shows frames."""
    with Card(connected=False, name='late') as late:
        sink = f'{PRODUCER} ! dmabufkmssink device={late.path}'
        display = next(name for name in late.connectors()
                       if 'Writeback' not in name)
        check(late.connectors()[display] == 'disconnected', late.connectors())
        with Pipeline(sink) as pipeline:
            pipeline.set_state(Gst.State.PLAYING)
            message = wait(pipeline, Gst.MessageType.EOS)
            check(message.type == Gst.MessageType.ERROR
                  and late.path in text_of(message), 'no error')
        late.connect(0)
        with Pipeline(sink) as pipeline:
            run(pipeline)
        check(late.connectors()[display] == 'connected', late.connectors())


if __name__ == '__main__':
    run_each(objects, shown, plugged_in)
