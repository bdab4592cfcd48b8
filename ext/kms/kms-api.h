/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <poll.h>
#include <sys/types.h>
#include <time.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

/*
 * Every call to a DRM device goes through this table, so that tests can replace
 * the device by a fake display, and make the n-th call fail.
 *
 * The functions return as libdrm's and the system's do: -1 or %NULL and errno.
 * ioctl restarts on EINTR and EAGAIN. The results of queries are freed by
 * libdrm's drmModeFree… functions, so tests allocate them with calloc ().
 */
typedef struct
{
  int (*open) (const char *path, int flags);
  /* For the card, and for sync_files that were used in a commit */
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

/* The table of libdrm's functions. */
extern const KmsApi kms_api_drm;

/* The table in use. */
extern const KmsApi *kms_api;

/* Calls an ioctl: 0 or more, or -errno. */
int kms_ioctl (int fd, unsigned long request, void *arg);

/* Calls ppoll () with the absolute @deadline, in microseconds of
 * CLOCK_MONOTONIC, G_MAXINT64 for never. Returns its result, or -errno; on
 * EINTR it restarts with the remaining time. */
int kms_poll (struct pollfd *fds, guint n_fds, gint64 deadline);
