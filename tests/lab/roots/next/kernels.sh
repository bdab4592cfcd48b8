#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# No guest boots this root: it has no kernels.
