#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# where: lab
# timeout: 300
"""What the library costs above the kernel's own calls, on the real kernel."""

import os
import subprocess
import sys

BUILD = os.environ.get('DMABUF_BUILD', 'build/native')

if __name__ == '__main__':
    sys.exit(subprocess.run(
        [os.path.join(BUILD, 'tests/benchmarks/storage-bench')]
        + sys.argv[1:]).returncode)
