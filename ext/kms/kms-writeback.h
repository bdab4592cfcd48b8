/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kms-presenter.h"

/*
 * Reads back the screen through a writeback connector of its CRTC: the hardware
 * writes the blended picture into a dumb buffer.
 *
 * Returns a sample with a copy: system memory, BGRx (XR24), the size of the
 * mode. Its info is a structure "dmabuf-kms-capture" with the field "frame",
 * the buffer that was on screen, if any; upstream cannot reuse it while the
 * sample lives.
 *
 * Errors: ENODEV the card has no writeback connector for this display, ENOTSUP
 * it does not write XR24, ENOENT nothing has been shown yet, or the errno of
 * the commit.
 */
GstSample *kms_writeback_capture (
    KmsPresenter *presenter, gint64 deadline, GError **error);
