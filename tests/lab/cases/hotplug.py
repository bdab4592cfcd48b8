#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# boot: strangers
# last
"""Programs get udev's events about devices that are added and removed, as on a
desktop: GstDeviceMonitor for a camera, libudev for a display."""

import os
import sys

import gi
gi.require_version('GUdev', '1.0')
from gi.repository import GLib, GUdev  # noqa: E402

sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))

from devices import read, video_node  # noqa: E402
from gstcase import Gst, check, run_each, until  # noqa: E402
from vivid import plugged_out  # noqa: E402
from vkms import Card  # noqa: E402


def heard(monitor, kind, path):
    """Whether the next message of @kind is about the node @path."""
    message = monitor.get_bus().timed_pop_filtered(60 * Gst.SECOND, kind)
    check(message, f'nothing about {path}')
    parse = (message.parse_device_added
             if kind == Gst.MessageType.DEVICE_ADDED
             else message.parse_device_removed)
    found = parse().get_properties().get_string('device.path')
    return found == path


def camera():
    path = video_node('vivid-001-vid-cap')
    monitor = Gst.DeviceMonitor()
    monitor.add_filter('Video/Source', None)
    check(monitor.start(), 'the monitor does not start')
    try:
        while not heard(monitor, Gst.MessageType.DEVICE_ADDED, path):
            continue
        with plugged_out():
            while not heard(monitor, Gst.MessageType.DEVICE_REMOVED, path):
                continue
            check(not os.path.exists(path), f'{path} is there')
        while not heard(monitor, Gst.MessageType.DEVICE_ADDED, path):
            continue
    finally:
        monitor.stop()
    check(video_node('vivid-001-vid-cap') == path, 'it has another number')


def last_event():
    """The number of the kernel's newest uevent"""
    return int(read('/sys/kernel/uevent_seqnum'))


def display():
    """Switching a connector sends an event with HOTPLUG=1 and the card's
    name."""
    events = []

    def on_event(_client, action, device):
        events.append((device.get_seqnum(), action, device.get_device_file(),
                       device.get_property('HOTPLUG')))

    def has_come(event, numbers=None):
        while GLib.MainContext.default().iteration(False):
            pass
        return any(what == event and (numbers is None or number in numbers)
                   for number, *what in events)

    client = GUdev.Client(subsystems=['drm'])
    client.connect('uevent', on_event)
    with Card(connected=False, writeback=False, name='hotplug') as card:
        until(lambda: has_come(['add', card.path, None]), 'a new card')
        for connected in True, False:
            status = 'connected' if connected else 'disconnected'
            # The kernel may send the event of the previous switch again.
            before = last_event()
            card.connect(0, connected)
            numbers = range(before + 1, last_event() + 1)
            until(lambda: has_come(['change', card.path, '1'], numbers),
                  f'an event of {status}')
            found = list(card.connectors().values())
            check(found == [status], found)
    until(lambda: has_come(['remove', card.path, None]), 'no card')


def known():
    """udev also has an entry for a device from before the program's start."""
    path = video_node('vivid-000-vid-cap')
    device = GUdev.Client().query_by_device_file(path)
    check(device.get_is_initialized(), f'udev knows nothing of {path}')
    check(':capture:' in device.get_property('ID_V4L_CAPABILITIES'),
          device.get_property('ID_V4L_CAPABILITIES'))


if __name__ == '__main__':
    run_each(known, camera, display)
