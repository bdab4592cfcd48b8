/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kms-presenter.h"

/*
 * Reads back what a display shows, through a writeback connector of its CRTC:
 * the hardware writes what it blended into a picture of ours.
 *
 * Returns a sample with a copy of it: system memory, BGRx (XR24), the size of
 * the mode. Its info is a structure "dmabuf-kms-capture" with the field
 * "frame", the buffer (if any) that was on screen, which upstream cannot reuse
 * as long as the sample lives.
 *
 * Errors: ENODEV the card has no writeback connector for this display, ENOTSUP
 * it does not write XR24, ENOENT nothing has been shown yet, or what the commit
 * returned.
 */
GstSample *kms_writeback_capture (
    KmsPresenter *presenter, gint64 deadline, GError **error);
