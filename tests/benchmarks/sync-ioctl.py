#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# where: lab
"""What the kernel's sync_file ioctls cost, and the bridge on top of them."""

import os

os.execv('build/native/tests/benchmarks/sync-bench', ['sync-bench', 'ioctl'])
