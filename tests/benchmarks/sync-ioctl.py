#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# where: lab
"""What the kernel's sync_file ioctls cost, and the bridge on top of them."""

import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
import measure  # noqa: E402

os.execv(measure.tool('sync-bench'), ['sync-bench', 'ioctl'])
