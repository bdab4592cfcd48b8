#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# where: native
# timeout: 300
"""The same as storage.py at native speed, on the fake kernel."""

import os
import subprocess
import sys

BUILD = os.environ.get('DMABUF_BUILD', 'build/native')

if __name__ == '__main__':
    sys.exit(subprocess.run(
        [os.path.join(BUILD, 'tests/benchmarks/storage-bench'),
         '--fake']).returncode)
