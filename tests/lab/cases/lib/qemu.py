# SPDX-License-Identifier: LGPL-2.1-or-later
"""QEMU's monitor, used from inside the guest, in a boot with one (see
monitor_in_guest () of boots.sh). It reads the picture on a virtio-gpu display
independently of the guest's kernel."""

import glob
import json
import os
import uuid

from devices import read
from gstcase import check


class Monitor:
    """In a with statement: QMP commands by name."""

    def __enter__(self):
        ports = [path for path in glob.glob('/sys/class/virtio-ports/*/name')
                 if read(path) == 'lab.monitor']
        check(ports, 'this boot has no monitor')
        port = os.path.basename(os.path.dirname(ports[0]))
        self.file = open(f'/dev/{port}', 'r+b', buffering=0)
        self.unread = b''
        # QEMU sends its greeting once for each guest, at the first opening;
        # after that it answers qmp_capabilities with an error, which is
        # harmless.
        self.ask('qmp_capabilities')
        return self

    def __exit__(self, *_):
        self.file.close()

    def line(self):
        while b'\n' not in self.unread:
            self.unread += self.file.read(4096)
        line, self.unread = self.unread.split(b'\n', 1)
        return json.loads(line)

    def ask(self, command, **arguments):
        """The reply, which may be an error; skips the greeting and events."""
        request = {'execute': command, 'arguments': arguments,
                   'id': uuid.uuid4().hex}
        self.file.write(json.dumps(request).encode() + b'\n')
        while True:
            reply = self.line()
            if reply.get('id') == request['id']:
                return reply

    def command(self, command, **arguments):
        reply = self.ask(command, **arguments)
        check('return' in reply, f'{command}: {reply.get("error")}')
        return reply['return']


def parse_ppm(data):
    """Width, height, and the pixels, 3 bytes each: R, G, B"""
    magic, width, height, depth = data.split(maxsplit=4)[:4]
    check(magic == b'P6' and depth == b'255', f'no PPM: {data[:20]}')
    width, height = int(width), int(height)
    return width, height, data[-width * height * 3:]


def screendump(device='virtio-gpu'):
    """What the card of that id in boots.sh shows: width, height, RGB."""
    name = f'screendump-{uuid.uuid4().hex}.ppm'
    with open('/run/lab/top') as top:
        on_host = f'{top.read().strip()}/build/vm-out/{name}'
    try:
        with Monitor() as monitor:
            monitor.command('screendump', filename=on_host, device=device)
        with open(f'/out/{name}', 'rb') as file:
            return parse_ppm(file.read())
    finally:
        if os.path.exists(f'/out/{name}'):
            os.unlink(f'/out/{name}')
