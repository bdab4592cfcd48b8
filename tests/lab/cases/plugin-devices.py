#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The guest's registry has the elements that upstream's plugins create for
devices, although programs in the guest do not scan for plugins."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))

from gstcase import Gst, Pipeline, check, run, run_each  # noqa: E402

# For vim2m and vicodec
ELEMENTS = ('v4l2convert', 'v4l2fwhtenc', 'v4l2fwhtdec')


def registered():
    check(os.environ.get('GST_REGISTRY_UPDATE') == 'no',
          'programs in this guest scan for plugins')
    for name in ELEMENTS:
        check(Gst.ElementFactory.find(name), f'there is no {name}')
    for name in 'dmabufv4l2src', 'v4l2src', 'videotestsrc':
        check(Gst.ElementFactory.find(name), f'there is no {name}')


def converted():
    """One of them works."""
    with Pipeline('videotestsrc num-buffers=3 ! video/x-raw,format=RGB16,'
                  'width=320,height=240 ! v4l2convert ! video/x-raw,'
                  'format=YUY2 ! fakesink name=sink') as pipeline:
        run(pipeline)


if __name__ == '__main__':
    run_each(registered, converted)
