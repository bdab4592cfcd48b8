/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Includes all public headers of libgstdmabufcore. */

#include "gstdmabufcoreallocator.h"
#include "gstdmabufcorecaps.h"
#include "gstdmabufcoreconstraints.h"
#include "gstdmabufcorecopy.h"
#include "gstdmabufcorelayout.h"
#include "gstdmabufcorepool.h"
#include "gstdmabufcorestats.h"
#include "gstdmabufcoresyncmeta.h"
