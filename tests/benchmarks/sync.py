#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# where: native
"""What fences and reservations cost, against GLib's locks and allocator."""

import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
import measure  # noqa: E402

os.execv(measure.tool('sync-bench'), ['sync-bench', *sys.argv[1:]])
