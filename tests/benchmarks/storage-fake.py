#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# where: native
# timeout: 300
"""The same as storage.py at native speed, on the fake kernel."""

import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
import measure  # noqa: E402

os.execv(measure.tool('storage-bench'), ['storage-bench', '--fake'])
