#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each failure of a display is an element error of dmabufkmssink that names the
device and the cause, and leaves no fd and no dma-buf behind."""

import glob
import multiprocessing
import os
import pwd
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))

from gstcase import PATIENCE, OpenFiles, Gst  # noqa: E402

CARD = next(f'/dev/dri/{name}' for name in sorted(os.listdir('/dev/dri'))
            if name.startswith('card') and
            'vkms' in os.path.realpath(f'/sys/class/drm/{name}/device'))

# The modes of each card with connectors, as sysfs names them
MODES = {}
for path in glob.glob('/sys/class/drm/card*-*/modes'):
    with open(path) as modes:
        MODES.setdefault(path.split('/')[4].split('-')[0], []).extend(
            modes.read().split())
OTHERS = [f'/dev/dri/{name}' for name in sorted(os.listdir('/dev/dri'))
          if name.startswith('card') and name not in MODES]
MODE = MODES[os.path.basename(CARD)][0]
TEST = 'videotestsrc num-buffers=5 ! {} ! dmabufkmssink name=sink {}'

# Caps, properties, domain, words of the message
CASES = [
    ('video/x-raw', 'device=/dev/dri/card77', 'gst-resource-error-quark',
     ('/dev/dri/card77', 'no such device')),
    ('video/x-raw', 'device=/dev/null', 'gst-resource-error-quark',
     ('/dev/null', 'not a KMS device')),
    ('video/x-raw', 'driver-name=nothing', 'gst-resource-error-quark',
     ('nothing', CARD)),
    ('video/x-raw', 'mode=123x45', 'gst-resource-error-quark',
     (CARD, 'no mode 123x45; it has', MODE)),
    ('video/x-raw', f'mode={MODE}@17', 'gst-resource-error-quark',
     (CARD, f'no mode {MODE}@17; it has', f'{MODE}@60')),
    ('video/x-raw', 'fd=99', 'gst-resource-error-quark',
     ('fd 99', 'lease')),
    ('video/x-raw', 'mode=large', 'gst-resource-error-quark', ('large',)),
    ('video/x-raw', 'connector-id=7777', 'gst-resource-error-quark',
     (CARD, '7777')),
    ('video/x-raw', 'plane-id=7777', 'gst-resource-error-quark',
     (CARD, '7777')),
    ('video/x-raw,format=YUY2', '', 'gst-stream-error-quark',
     (CARD, 'format', 'videoconvert')),
    ('video/x-raw,format=BGRx,width=1,height=1', '',
     'gst-stream-error-quark', (CARD, 'size', 'videoscale')),
    ('video/x-raw,format=BGRx,width=6000,height=5000', '',
     'gst-stream-error-quark', (CARD, 'size', 'videoscale')),
] + [('video/x-raw', f'device={card}', 'gst-resource-error-quark',
      (card, 'not a KMS device')) for card in OTHERS]


def errors_of(description):
    """The messages of the sink's errors."""
    pipeline = Gst.parse_launch(description)
    bus = pipeline.get_bus()
    found = []
    pipeline.set_state(Gst.State.PLAYING)
    # Errors of other elements may come first; EOS never comes.
    while not found:
        message = bus.timed_pop_filtered(
            PATIENCE * Gst.SECOND, Gst.MessageType.ERROR)
        if message is None:
            break
        if message.src.get_name() == 'sink':
            error, _ = message.parse_error()
            found.append((error.domain, error.message))
    pipeline.set_state(Gst.State.NULL)
    return found


def check(what, description, domain, words):
    found = errors_of(description)
    good = bool(found) and found[0][0] == domain and all(
        word in found[0][1] for word in words)
    print('ok' if good else 'not ok', what, found, flush=True)
    return good


def open_as_nobody(pipe):
    nobody = pwd.getpwnam('nobody')
    Gst.init(None)  # With root's registry
    os.setgroups([])
    os.setgid(nobody.pw_gid)
    os.setuid(nobody.pw_uid)
    sink = Gst.ElementFactory.make('dmabufkmssink')
    sink.set_property('device', CARD)
    bus = Gst.Bus()
    sink.set_bus(bus)
    sink.set_state(Gst.State.PAUSED)
    pipe.send(bus.pop_filtered(Gst.MessageType.ERROR).parse_error()[0].message)
    sink.set_state(Gst.State.NULL)


def check_no_permission():
    """As the Unix user nobody, which may not open a card. Runs before this
    process initialises GStreamer, so that the child can."""
    fork = multiprocessing.get_context('fork')
    pipe, end = fork.Pipe()
    process = fork.Process(target=open_as_nobody, args=(end,))
    process.start()
    said = pipe.recv() if pipe.poll(PATIENCE) else 'nothing'
    process.join()
    good = CARD in said and 'permission denied' in said
    print('ok' if good else 'not ok', 'no permission', said, flush=True)
    return good


def check_other_master():
    # The first opener of a card becomes DRM master.
    fd = os.open(CARD, os.O_RDWR | os.O_CLOEXEC)
    try:
        return check('another master', TEST.format('video/x-raw', ''),
                     'gst-resource-error-quark', (CARD, 'another program'))
    finally:
        os.close(fd)


def main():
    good = check_no_permission()
    Gst.init(None)
    errors_of(TEST.format('video/x-raw', 'device=/dev/dri/card77'))
    open_files = OpenFiles()
    for caps, properties, domain, words in CASES:
        good &= check(f'{caps} {properties}', TEST.format(caps, properties),
                      domain, words)
    good &= check_other_master()
    open_files.check('after all errors')
    sys.exit(0 if good else 'failed')


if __name__ == '__main__':
    main()
