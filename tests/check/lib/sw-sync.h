/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The sw_sync device of the kernel in use: timelines that a test advances. The
 * interface is private to the kernel (drivers/dma-buf/sw_sync.c documents it).
 */

#include <errno.h>
#include <fcntl.h>
#include <libdmabufcore/dmabufcore.h>
#include <libdmabufcore/dmabuf-kernel-private.h>
#include <linux/types.h>
#include <sys/ioctl.h>

G_BEGIN_DECLS

#define SW_SYNC_PATH "/sys/kernel/debug/sync/sw_sync"

struct sw_sync_create_fence_data
{
  __u32 value;
  char name[32];
  __s32 fence;
};

struct sw_sync_get_deadline
{
  __u64 deadline_ns;
  __u32 pad;
  __s32 fence_fd;
};

#define SW_SYNC_IOC_CREATE_FENCE \
  _IOWR ('W', 0, struct sw_sync_create_fence_data)
#define SW_SYNC_IOC_INC _IOW ('W', 1, __u32)
#define SW_SYNC_GET_DEADLINE _IOWR ('W', 2, struct sw_sync_get_deadline)

/* A timeline (SWS-1), or -1 if the kernel has none */
static inline int
timeline_find (void)
{
  return dmabuf_kernel->open (SW_SYNC_PATH, O_RDWR | O_CLOEXEC);
}

static inline int
timeline_open (void)
{
  int timeline = timeline_find ();

  if (timeline < 0)
    g_error ("%s: %s", SW_SYNC_PATH, g_strerror (errno));
  return timeline;
}

/* A sync_file that signals at @value, or -1 */
static inline int
timeline_new_fd (int timeline, guint32 value)
{
  struct sw_sync_create_fence_data data = { .value = value, .name = "test" };

  if (dmabuf_kernel_ioctl (timeline, SW_SYNC_IOC_CREATE_FENCE, &data) < 0)
    return -1;
  return data.fence;
}

/* The same as a fence */
static inline DmabufFence *
timeline_new_fence (int timeline, guint32 value)
{
  GError *error = NULL;
  DmabufFence *fence = dmabuf_fence_new_sync_file (
      timeline_new_fd (timeline, value), DMABUF_FENCE_TRUST_FULL, &error);

  g_assert_no_error (error);
  return fence;
}

static inline void
timeline_inc (int timeline, guint32 n)
{
  g_assert_cmpint (dmabuf_kernel_ioctl (timeline, SW_SYNC_IOC_INC, &n), ==, 0);
}

G_END_DECLS
