#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A Python program allocates, fills and reads a buffer of the memfd exporter,
which needs no device, and gets an error with its errno."""

import ctypes
import errno
import mmap
import sys

try:
    import gi
    gi.require_version('DmabufCore', '1.0')
    from gi.repository import DmabufCore, GLib
except (ImportError, ValueError) as missing:
    print(f'python3-gi or the typelib is missing: {missing}')
    sys.exit(77)

NEVER = 2 ** 63 - 1
# 5000 bytes, rounded up to whole pages
SIZE = -(-5000 // mmap.PAGESIZE) * mmap.PAGESIZE

exporter = DmabufCore.memfd_exporter_new()
buffer = exporter.allocate(5000)
assert buffer.get_size() == SIZE, buffer.get_size()
assert not buffer.is_dmabuf()
assert exporter.get_name() == 'memfd'

address = buffer.vmap(DmabufCore.Access.READ_WRITE)
assert buffer.begin_cpu_access(DmabufCore.Access.WRITE, NEVER, None)
ctypes.memset(address, 0x5a, SIZE)
assert buffer.end_cpu_access(DmabufCore.Access.WRITE)

assert buffer.begin_cpu_access(DmabufCore.Access.READ, NEVER, None)
assert ctypes.string_at(address, SIZE) == b'\x5a' * SIZE
assert buffer.end_cpu_access(DmabufCore.Access.READ)
buffer.vunmap(address)


try:
    DmabufCore.Buffer.import_(-1)
    sys.exit('-1 was imported')
except GLib.Error as error:
    assert error.code == errno.EBADF, error
    assert error.domain == 'dmabuf-error-quark', error.domain

print('1 buffer allocated, filled and read')
