# SPDX-License-Identifier: LGPL-2.1-or-later
"""Finds devices by driver or name: their numbers depend on the order in which
drivers were loaded."""

import ctypes
import fcntl
import glob
import os
import sys

SKIP = 77


def skip(reason):
    """Ends the case as skipped."""
    print(reason)
    sys.exit(SKIP)


def read(path):
    with open(path) as file:
        return file.read().strip()


def write(path, text):
    with open(path, 'w') as file:
        file.write(str(text))


# --- cards -------------------------------------------------------------------

class DrmVersion(ctypes.Structure):
    """struct drm_version"""
    _fields_ = [('major', ctypes.c_int), ('minor', ctypes.c_int),
                ('patchlevel', ctypes.c_int),
                ('name_len', ctypes.c_size_t), ('name', ctypes.c_void_p),
                ('date_len', ctypes.c_size_t), ('date', ctypes.c_void_p),
                ('desc_len', ctypes.c_size_t), ('desc', ctypes.c_void_p)]


DRM_IOCTL_VERSION = 0xc0006400 | ctypes.sizeof(DrmVersion) << 16


def driver_of(card):
    """The driver's name from drmGetVersion ()"""
    name = ctypes.create_string_buffer(64)
    version = DrmVersion(name_len=63, name=ctypes.addressof(name))
    fd = os.open(card, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.ioctl(fd, DRM_IOCTL_VERSION, version)
    finally:
        os.close(fd)
    return name.value.decode()


def cards(driver, device=''):
    """/dev/dri/card* of @driver whose path in sysfs contains @device"""
    found = sorted(glob.glob('/dev/dri/card[0-9]*'),
                   key=lambda path: int(path.removeprefix('/dev/dri/card')))
    return [path for path in found if driver_of(path) == driver and device in
            os.path.realpath(f'/sys/class/drm/{os.path.basename(path)}/device')]


def card(driver, device=''):
    found = cards(driver, device)
    if not found:
        sys.exit(f'no card of {driver} {device}')
    return found[0]


def render_node(path):
    """The render node of the card @path, or None"""
    name = os.path.basename(path)
    nodes = glob.glob(f'/sys/class/drm/{name}/device/drm/renderD*')
    return f'/dev/dri/{os.path.basename(nodes[0])}' if nodes else None


# --- media -------------------------------------------------------------------

def video_nodes(name):
    """/dev/video* whose name in sysfs is @name"""
    return sorted(f'/dev/{os.path.basename(os.path.dirname(path))}' for path in
                  glob.glob('/sys/class/video4linux/video*/name')
                  if read(path) == name)


def video_node(name):
    found = video_nodes(name)
    if not found:
        sys.exit(f'no video node is called {name}')
    return found[0]
