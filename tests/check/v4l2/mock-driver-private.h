/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by the two files of the mock driver: mock-answers.c has its answers,
 * mock-driver.c its buffers and frames. */

#include "mock-driver.h"
#include "gst/v4l2/v4l2-format.h"

G_BEGIN_DECLS

/* The current input of a receiver. */
#define MOCK_INPUT 3

/* Sets errno and returns -1. */
int mock_refuse (int code);

gboolean mock_is_multi_planar (void);
guint32 mock_buffer_type (void);

/* Corrects @format as a driver does: lines, sizes, field and colours. */
void mock_adjust_format (struct v4l2_format *format);

/* For the current format. */
guint mock_plane_size (guint plane);
guint mock_n_planes (void);

/* Handles the ioctls without a buffer. Driver's lock held. */
int mock_answer (unsigned long request, void *arg);

/* Sets the camera of mock_driver_start(). */
void mock_answer_reset (void);

G_END_DECLS
