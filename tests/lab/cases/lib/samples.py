# SPDX-License-Identifier: LGPL-2.1-or-later
"""Imports for cases that pull samples from an appsink and inspect their memory:
the methods of the appsink are in GstApp."""

import gi
for module in 'GstApp', 'GstVideo', 'GstAllocators':
    gi.require_version(module, '1.0')
from gi.repository import GstAllocators, GstApp, GstVideo  # noqa: E402,F401
