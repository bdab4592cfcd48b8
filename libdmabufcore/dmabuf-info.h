/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libdmabufcore/dmabuf-types.h>

G_BEGIN_DECLS

/**
 * DmabufBufferInfo:
 * @inode: the buffer's identity in the kernel's statistics
 * @size: in bytes
 * @n_references: number of fds of it in the listed process; for the whole
 *   system the kernel's reference count of its file
 * @exporter: name of the kernel driver that exported it
 * @name: (nullable): its name (NAME-1): text that any holder of an fd can set,
 *   here without control characters
 *
 * One dma-buf as the kernel shows it.
 */
typedef struct
{
  guint64 inode;
  guint64 size;
  guint64 n_references;
  char *exporter;
  char *name;
} DmabufBufferInfo;

#define DMABUF_TYPE_BUFFER_INFO (dmabuf_buffer_info_get_type ())
DMABUF_CORE_API
GType dmabuf_buffer_info_get_type (void);

/**
 * dmabuf_buffer_info_copy:
 * @info: an info
 *
 * Returns: (transfer full): a copy
 */
DMABUF_CORE_API
DmabufBufferInfo *dmabuf_buffer_info_copy (const DmabufBufferInfo *info);

/**
 * dmabuf_buffer_info_free:
 * @info: (transfer full): an info
 */
DMABUF_CORE_API
void dmabuf_buffer_info_free (DmabufBufferInfo *info);

/**
 * dmabuf_buffer_info_parse_fdinfo:
 * @text: content of a file /proc/PID/fdinfo/FD
 * @length: its length in bytes
 *
 * Returns: (transfer full) (nullable): the dma-buf that it describes (STAT-1),
 *   %NULL for a file of another kind
 */
DMABUF_CORE_API
DmabufBufferInfo *
dmabuf_buffer_info_parse_fdinfo (const char *text, gsize length);

/**
 * dmabuf_buffer_info_parse_bufinfo:
 * @text: content of debugfs' dma_buf/bufinfo
 * @length: its length in bytes
 *
 * Returns: (transfer full) (element-type DmabufBufferInfo): the buffers of the
 *   system (STAT-3)
 */
DMABUF_CORE_API
GPtrArray *dmabuf_buffer_info_parse_bufinfo (const char *text, gsize length);

/**
 * dmabuf_buffer_info_list_process:
 * @pid: a process, 0 for this one
 * @error: return location for an error
 *
 * Lists the buffers to which a process has fds, each once (STAT-4). Buffers
 * that it only has mapped, or that only its devices hold, are left out.
 *
 * Returns: (transfer full) (element-type DmabufBufferInfo): the buffers; %NULL
 *   with EACCES without permission to trace the process, ENOENT if there is no
 *   such process
 */
DMABUF_CORE_API
GPtrArray *dmabuf_buffer_info_list_process (guint pid, GError **error);

/**
 * dmabuf_buffer_info_list_system:
 * @error: return location for an error
 *
 * Lists the buffers of the system, from debugfs: for root.
 *
 * Returns: (transfer full) (element-type DmabufBufferInfo): the buffers; %NULL
 *   with EACCES or ENOENT and a message that tells what to do
 */
DMABUF_CORE_API
GPtrArray *dmabuf_buffer_info_list_system (GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DmabufBufferInfo, dmabuf_buffer_info_free)

G_END_DECLS
