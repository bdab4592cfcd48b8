/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <poll.h>
#include <sys/types.h>
#include <time.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

/*
 * Every call to a DRM device goes through this table, so that tests can put a
 * display in its place that no machine has, and make the n-th call fail.
 *
 * The functions behave as libdrm's and the system's: -1 or %NULL and errno.
 * ioctl restarts on EINTR and EAGAIN. What the queries return is freed by
 * libdrm's drmModeFree… functions, so a test makes it with calloc ().
 */
typedef struct
{
  int (*open) (const char *path, int flags);
  /* of the card, and of the sync_files that went into a commit */
  int (*close) (int fd);
  int (*ioctl) (int fd, unsigned long request, void *arg);
  ssize_t (*read) (int fd, void *data, size_t size);
  int (*ppoll) (
      struct pollfd *fds, nfds_t n_fds, const struct timespec *timeout);

  drmVersionPtr (*get_version) (int fd);
  int (*is_master) (int fd);
  drmModeResPtr (*get_resources) (int fd);
  drmModePlaneResPtr (*get_plane_resources) (int fd);
  drmModePlanePtr (*get_plane) (int fd, uint32_t id);
  drmModeConnectorPtr (*get_connector) (int fd, uint32_t id);
  drmModeEncoderPtr (*get_encoder) (int fd, uint32_t id);
  drmModeObjectPropertiesPtr (*get_properties) (
      int fd, uint32_t id, uint32_t type);
  drmModePropertyPtr (*get_property) (int fd, uint32_t id);
  drmModePropertyBlobPtr (*get_blob) (int fd, uint32_t id);
} KmsApi;

/* The real one. */
extern const KmsApi kms_api_drm;

/* The one in force. */
extern const KmsApi *kms_api;

/* An ioctl: 0 or more, or -errno. */
int kms_ioctl (int fd, unsigned long request, void *arg);

/* Polls until the absolute @deadline (microseconds of CLOCK_MONOTONIC,
 * G_MAXINT64 for never): as ppoll (), with -errno; restarted on EINTR with
 * what is left. */
int kms_poll (struct pollfd *fds, guint n_fds, gint64 deadline);
