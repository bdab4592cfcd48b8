# SPDX-License-Identifier: LGPL-2.1-or-later
"""The synchronisation half of the contract, for clauses.py."""

CHAPTERS = {
    'A8 poll, implicit fences': {'POLL': range(1, 9)},
    'A9 ioctls': {'NAME': [1], 'XSF': range(1, 6)},
    'A10 dma_fence': {'FEN': range(1, 20)},
    'A11 array': {'ARR': range(1, 8)},
    'A12 chain': {'CHN': range(1, 9)},
    'A13 unwrap, merge': {'UNW': range(1, 5)},
    'A14 sync_file': {'SF': range(1, 8)},
    'A15 annotations': {'ANN': range(1, 4)},
    'A16 cross-driver contract': {'XDC': range(1, 5), 'IND': [1, 2]},
    'A17 reservations': {'RSV': range(1, 9), 'WW': range(1, 4)},
    'D1 security: fences': {'SEC': range(13, 18)},
}

KERNEL_ONLY = {
    'XDC-2': 'what drivers may not do about others\' timeouts; the library'
             ' has no timeout of its own that shortens a fence',
}
