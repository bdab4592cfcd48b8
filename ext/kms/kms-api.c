/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "kms-api.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int
real_open (const char *path, int flags)
{
  return open (path, flags);
}

static int
real_ppoll (struct pollfd *fds, nfds_t n_fds, const struct timespec *timeout)
{
  return ppoll (fds, n_fds, timeout, NULL);
}

const KmsApi kms_api_drm = {
  .open = real_open,
  .close = close,
  .ioctl = drmIoctl,
  .read = read,
  .ppoll = real_ppoll,
  .get_version = drmGetVersion,
  .is_master = drmIsMaster,
  .get_resources = drmModeGetResources,
  .get_plane_resources = drmModeGetPlaneResources,
  .get_plane = drmModeGetPlane,
  .get_connector = drmModeGetConnector,
  .get_encoder = drmModeGetEncoder,
  .get_properties = drmModeObjectGetProperties,
  .get_property = drmModeGetProperty,
  .get_blob = drmModeGetPropertyBlob,
};

const KmsApi *kms_api = &kms_api_drm;

int
kms_ioctl (int fd, unsigned long request, void *arg)
{
  int ret = kms_api->ioctl (fd, request, arg);

  return ret < 0 ? -errno : ret;
}

int
kms_poll (struct pollfd *fds, guint n_fds, gint64 deadline)
{
  for (;;) {
    struct timespec left = { 0, 0 };
    int ret;

    if (deadline != G_MAXINT64) {
      gint64 us = deadline - g_get_monotonic_time ();

      us = MAX (us, 0);
      left.tv_sec = us / G_USEC_PER_SEC;
      left.tv_nsec = (us % G_USEC_PER_SEC) * 1000;
    }

    ret = kms_api->ppoll (fds, n_fds, deadline == G_MAXINT64 ? NULL : &left);
    if (ret >= 0)
      return ret;
    if (errno != EINTR)
      return -errno;
  }
}
