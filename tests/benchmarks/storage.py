#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# where: lab
# timeout: 300
"""What the library costs above the kernel's own calls, on the real kernel."""

import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
import measure  # noqa: E402

os.execv(measure.tool('storage-bench'), ['storage-bench', *sys.argv[1:]])
