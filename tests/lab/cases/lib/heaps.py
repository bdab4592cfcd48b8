# SPDX-License-Identifier: LGPL-2.1-or-later
"""Memory of the dma-heaps, importers that take or refuse it, and the number of
pieces that a mapping for a device has."""

import ctypes
import errno
import fcntl
import os
import re

from devices import write

SYSTEM = '/dev/dma_heap/system'
# The heap of the memory that cma= reserves; the kernel also calls it
# default_cma_region
CONTIGUOUS = '/dev/dma_heap/reserved'

TRACING = '/sys/kernel/tracing'


def ioc(kind, number, structure):
    """_IOWR ()"""
    return 0xc0000000 | ctypes.sizeof(structure) << 16 | ord(kind) << 8 | number


class Allocation(ctypes.Structure):
    """struct dma_heap_allocation_data"""
    _fields_ = [('len', ctypes.c_uint64), ('fd', ctypes.c_uint32),
                ('fd_flags', ctypes.c_uint32), ('heap_flags', ctypes.c_uint64)]


class PrimeHandle(ctypes.Structure):
    """struct drm_prime_handle"""
    _fields_ = [('handle', ctypes.c_uint32), ('flags', ctypes.c_uint32),
                ('fd', ctypes.c_int32)]


class GemClose(ctypes.Structure):
    """struct drm_gem_close"""
    _fields_ = [('handle', ctypes.c_uint32), ('pad', ctypes.c_uint32)]


class Memory:
    """In a with statement: a dma-buf of @size bytes of @heap, its .fd"""

    def __init__(self, heap, size):
        self.heap, self.size = heap, -(-size // 4096) * 4096

    def __enter__(self):
        heap = os.open(self.heap, os.O_RDWR | os.O_CLOEXEC)
        try:
            data = Allocation(len=self.size, fd_flags=os.O_RDWR | os.O_CLOEXEC)
            fcntl.ioctl(heap, ioc('H', 0, Allocation), data)
        finally:
            os.close(heap)
        self.fd = data.fd
        return self

    def __exit__(self, *_):
        os.close(self.fd)


def prime_import(card, fd):
    """Imports @fd into @card and closes the handle: 0, or the errno of a
    refusal."""
    device = os.open(card, os.O_RDWR | os.O_CLOEXEC)
    try:
        handle = PrimeHandle(fd=fd)
        fcntl.ioctl(device, 0xc00c642e, handle)  # PRIME_FD_TO_HANDLE
        fcntl.ioctl(device, 0x40086409, GemClose(handle.handle))
    except OSError as error:
        return error.errno
    finally:
        os.close(device)
    return 0


# --- V4L2 --------------------------------------------------------------------

class PixFormat(ctypes.Structure):
    """struct v4l2_format with its struct v4l2_pix_format"""
    _fields_ = [('type', ctypes.c_uint32), ('pad', ctypes.c_uint32),
                ('width', ctypes.c_uint32), ('height', ctypes.c_uint32),
                ('pixelformat', ctypes.c_uint32), ('field', ctypes.c_uint32),
                ('bytesperline', ctypes.c_uint32),
                ('sizeimage', ctypes.c_uint32), ('rest', ctypes.c_uint8 * 176)]


class Request(ctypes.Structure):
    """struct v4l2_requestbuffers"""
    _fields_ = [('count', ctypes.c_uint32), ('type', ctypes.c_uint32),
                ('memory', ctypes.c_uint32), ('capabilities', ctypes.c_uint32),
                ('flags', ctypes.c_uint8), ('reserved', ctypes.c_uint8 * 3)]


class Buffer(ctypes.Structure):
    """struct v4l2_buffer"""
    _fields_ = [('index', ctypes.c_uint32), ('type', ctypes.c_uint32),
                ('bytesused', ctypes.c_uint32), ('flags', ctypes.c_uint32),
                ('field', ctypes.c_uint32), ('timestamp', ctypes.c_uint64 * 2),
                ('timecode', ctypes.c_uint32 * 4),
                ('sequence', ctypes.c_uint32), ('memory', ctypes.c_uint32),
                ('m', ctypes.c_uint64), ('length', ctypes.c_uint32),
                ('reserved', ctypes.c_uint32 * 2)]


CAPTURE, MMAP, DMABUF = 1, 1, 4
CACHE_HINTS = 1 << 6  # V4L2_BUF_CAP_SUPPORTS_MMAP_CACHE_HINTS


def buffer_capabilities(node):
    """V4L2_BUF_CAP_… of the capture @node"""
    with open(node, 'rb') as device:
        request = Request(count=0, type=CAPTURE, memory=MMAP)
        fcntl.ioctl(device, ioc('V', 8, Request), request)
    return request.capabilities


def v4l2_import(node, fourcc, width, height, heap):
    """Queues memory of @heap at the capture @node: 0 or the errno of QBUF"""
    device = os.open(node, os.O_RDWR | os.O_CLOEXEC)
    try:
        pix = PixFormat(CAPTURE, width=width, height=height, field=1,
                        pixelformat=int.from_bytes(fourcc.encode(), 'little'))
        fcntl.ioctl(device, ioc('V', 5, PixFormat), pix)  # S_FMT
        assert (pix.width, pix.height) == (width, height), 'another size'
        fcntl.ioctl(device, ioc('V', 8, Request),
                    Request(count=1, type=CAPTURE, memory=DMABUF))
        with Memory(heap, pix.sizeimage) as memory:
            buffer = Buffer(type=CAPTURE, memory=DMABUF, m=memory.fd,
                            length=memory.size)
            try:
                fcntl.ioctl(device, ioc('V', 15, Buffer), buffer)  # QBUF
            except OSError as error:
                return error.errno
        return 0
    finally:
        os.close(device)


# --- pieces ------------------------------------------------------------------

class Mappings:
    """In a with statement: .pieces () of each mapping of a dma-buf for a device
    since then, from a kprobe. The page table of a process would give no answer:
    dma-bufs are mapped there without struct page."""

    GROUP = f'{TRACING}/instances/lab-mappings'

    @staticmethod
    def probe(line):
        # open (…, 'a') would seek to the end, which fails for this file.
        events = os.open(f'{TRACING}/kprobe_events', os.O_WRONLY | os.O_APPEND)
        os.write(events, line.encode())
        os.close(events)

    def __enter__(self):
        # orig_nents of struct sg_table, the second argument
        self.probe('p:lab/mapping dma_map_sgtable pieces=+12(%si):u32')
        os.mkdir(self.GROUP)
        write(f'{self.GROUP}/events/lab/mapping/enable', 1)
        return self

    def __exit__(self, *_):
        write(f'{self.GROUP}/events/lab/mapping/enable', 0)
        os.rmdir(self.GROUP)
        self.probe('-:lab/mapping')

    def pieces(self):
        with open(f'{self.GROUP}/trace') as trace:
            return [int(number) for number in
                    re.findall(r'pieces=(\d+)', trace.read())]


def name_of(code):
    return errno.errorcode.get(code, 'ok')
