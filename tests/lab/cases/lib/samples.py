# SPDX-License-Identifier: LGPL-2.1-or-later
"""For cases that pull samples from an appsink and look at their memory: GstApp
gives the appsink its methods."""

import gi
for module in 'GstApp', 'GstVideo', 'GstAllocators':
    gi.require_version(module, '1.0')
from gi.repository import GstAllocators, GstApp, GstVideo  # noqa: E402,F401
