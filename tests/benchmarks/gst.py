#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# where: lab
# timeout: 300
"""A buffer through dmabuffencesync with nothing to do against identity, the
pool of dma-bufs against GstVideoBufferPool, and heap allocations per frame.

The pool is measured with memory that no kernel shares (its own cost) and with
dma-bufs of the kernel, which are asked whether they are done."""

import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
import measure  # noqa: E402


def costs(exporter):
    return {name: (float(ns), float(mallocs)) for name, ns, mallocs
            in measure.words_of('gst-costs', exporter)}


def main():
    for exporter in sys.argv[1:] or ['memfd', 'udmabuf']:
        found = costs(exporter)
        for ours, theirs, limit in (
                ('dmabuffencesync', 'identity', 1.5),
                ('GstDmabufCorePool', 'GstVideoBufferPool', 1.2)):
            measure.report('gst', f'{theirs} ({exporter})', found[theirs][0],
                           'ns')
            measure.report('gst', f'{ours} ({exporter})', found[ours][0], 'ns',
                           ratio=found[ours][0] / found[theirs][0],
                           limit=limit)
            # A ratio of 1 is none more than theirs, which has none either.
            measure.report('gst', f'{ours} ({exporter}) mallocs',
                           found[ours][1], 'per frame',
                           ratio=1 + found[ours][1] - found[theirs][1],
                           limit=1)


if __name__ == '__main__':
    main()
