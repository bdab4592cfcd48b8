# SPDX-License-Identifier: LGPL-2.1-or-later
"""Cards of vkms with chosen CRTCs, planes and connectors, through configfs."""

import os

from devices import card, read, write
from gstcase import check

CONFIGFS = '/sys/kernel/config'

# enum drm_plane_type
OVERLAY, PRIMARY, CURSOR = 0, 1, 2

# enum drm_connector_status
CONNECTED, DISCONNECTED = 1, 2


class Card:
    """In a with statement: a card with @crtcs CRTCs. Each of them has a primary
    plane, @overlays overlays, a cursor plane if @cursor, a writeback connector
    if @writeback, and a connector, which is connected at first if @connected.
    The module @driver makes it. At the end the card must be closed."""

    def __init__(self, crtcs=1, overlays=1, cursor=True, writeback=True,
                 connected=True, name='lab', driver='vkms'):
        self.n_crtcs, self.overlays, self.cursor = crtcs, overlays, cursor
        self.writeback, self.connected = writeback, connected
        self.name, self.driver = name, driver
        self.top = f'{CONFIGFS}/{driver}/{name}'
        self.made = []

    def mkdir(self, path):
        path = f'{self.top}/{path}'.rstrip('/')
        os.mkdir(path)
        self.made.append(path)
        return path

    def link(self, source, group, target):
        """Lets @source be used with @target."""
        path = f'{source}/{group}/{os.path.basename(target)}'
        os.symlink(target, path)
        self.made.append(path)

    def add_plane(self, crtc, name, kind):
        plane = self.mkdir(f'planes/{name}')
        write(f'{plane}/type', kind)
        self.link(plane, 'possible_crtcs', crtc)

    def add_pipe(self, i):
        """Adds a CRTC with its planes, encoder and connector."""
        crtc = self.mkdir(f'crtcs/crtc{i}')
        write(f'{crtc}/writeback', int(self.writeback))
        self.add_plane(crtc, f'primary{i}', PRIMARY)
        for j in range(self.overlays):
            self.add_plane(crtc, f'overlay{i}-{j}', OVERLAY)
        if self.cursor:
            self.add_plane(crtc, f'cursor{i}', CURSOR)
        encoder = self.mkdir(f'encoders/encoder{i}')
        self.link(encoder, 'possible_crtcs', crtc)
        connector = self.mkdir(f'connectors/connector{i}')
        self.link(connector, 'possible_encoders', encoder)
        self.connect(i, self.connected)

    def __enter__(self):
        try:
            self.mkdir('')
            for i in range(self.n_crtcs):
                self.add_pipe(i)
            write(f'{self.top}/enabled', 1)
        except BaseException:
            self.__exit__()
            raise
        self.path = card(self.driver, f'/{self.name}')
        return self

    def __exit__(self, *_):
        if os.path.exists(f'{self.top}/enabled'):
            write(f'{self.top}/enabled', 0)
        for path in reversed(self.made):
            (os.unlink if os.path.islink(path) else os.rmdir)(path)
        self.made.clear()
        check(not os.path.exists(self.top), f'{self.top} is left')

    def connect(self, i, connected=True):
        """Plugs or unplugs the display of connector @i; the kernel sends an
        event."""
        write(f'{self.top}/connectors/connector{i}/status',
              CONNECTED if connected else DISCONNECTED)

    def connectors(self):
        """The status of each connector by its name, writebacks included.
        Writing 'detect' makes the kernel probe it: it is unknown before
        that."""
        top = f'/sys/class/drm/{os.path.basename(self.path)}'
        names = [name for name in sorted(os.listdir(top))
                 if name.startswith('card')]
        for name in names:
            write(f'{top}/{name}/status', 'detect')
        return {name: read(f'{top}/{name}/status') for name in names}
