#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# where: native
"""What fences and reservations cost, against GLib's locks and allocator."""

import os
import sys

os.execv('build/native/tests/benchmarks/sync-bench', ['sync-bench']
         + sys.argv[1:])
