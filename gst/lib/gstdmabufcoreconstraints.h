/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstdmabufcore-prelude.h"
#include <gst/video/video.h>
#include <libdmabufcore/dmabufcore.h>

G_BEGIN_DECLS

/**
 * GST_DMABUF_CORE_CONSTRAINTS_API_TYPE:
 *
 * The meta API that carries #GstDmabufCoreConstraints in the answer to an
 * ALLOCATION query. It exists in queries only: no buffer has such a meta.
 */
#define GST_DMABUF_CORE_CONSTRAINTS_API_TYPE \
  (gst_dmabuf_core_constraints_api_get_type ())
GST_DMABUF_CORE_API
GType gst_dmabuf_core_constraints_api_get_type (void);

/**
 * GST_DMABUF_CORE_CONSTRAINTS_NAME: (skip)
 *
 * Size of the strings in #GstDmabufCoreConstraints, in bytes.
 */
#define GST_DMABUF_CORE_CONSTRAINTS_NAME 192

/**
 * GstDmabufCoreConstraints: (skip)
 * @pitch_align: each pitch is a multiple of it, 1 for any
 * @offset_align: each plane begins at a multiple of it, 1 for any
 * @size_align: the size of a dma-buf is a multiple of it, 1 for any
 * @max_pitch: greatest pitch in bytes, 0 for any
 * @contiguous: the memory has to be physically contiguous
 * @one_buffer: all planes have to lie in one dma-buf
 * @implicit_sync: the consumer waits for the fences that the kernel keeps with
 *   the dma-buf
 * @exporters: exporters whose memory the consumer reaches, separated by commas
 *   (heap:system, udmabuf ...); empty for all
 * @devices: the consumers' devices, separated by commas, for messages
 * @conflict: why no storage suits all branches of a tee, for messages; the
 *   other fields are then those of one branch. Empty without a conflict
 *
 * The demands of a consumer on the storage of its frames, as a plain value that
 * is passed in queries. gst_dmabuf_core_constraints_init() makes one that asks
 * for nothing. Merging and checking are left to #DmabufConstraints.
 */
typedef struct
{
  guint pitch_align;
  guint offset_align;
  guint size_align;
  guint max_pitch;
  gboolean contiguous;
  gboolean one_buffer;
  gboolean implicit_sync;
  char exporters[GST_DMABUF_CORE_CONSTRAINTS_NAME];
  char devices[GST_DMABUF_CORE_CONSTRAINTS_NAME];
  char conflict[2 * GST_DMABUF_CORE_CONSTRAINTS_NAME];
} GstDmabufCoreConstraints;

/**
 * gst_dmabuf_core_constraints_init: (skip)
 * @constraints: (out caller-allocates): constraints
 * @device: (nullable): the consumer's device, for example "KMS card
 *   /dev/dri/card0"
 *
 * Initialises constraints that ask for nothing.
 */
GST_DMABUF_CORE_API
void gst_dmabuf_core_constraints_init (
    GstDmabufCoreConstraints *constraints, const char *device);

/**
 * gst_dmabuf_core_constraints_to_core: (skip)
 * @constraints: constraints
 *
 * Converts to the constraints of libdmabufcore, which merges and checks them.
 * one-buffer and implicit-sync have no counterpart there and are left out.
 *
 * Returns: (transfer full): for dmabuf_constraints_free()
 */
GST_DMABUF_CORE_API
DmabufConstraints *gst_dmabuf_core_constraints_to_core (
    const GstDmabufCoreConstraints *constraints);

/**
 * gst_dmabuf_core_constraints_set_core: (skip)
 * @constraints: constraints, whose counterparts in @core are replaced
 * @core: the constraints of a device
 * @error: return location for an error
 *
 * Returns: %FALSE with EBUSY if an alignment is greater than any frame;
 *   @constraints is unchanged then
 */
GST_DMABUF_CORE_API
gboolean
gst_dmabuf_core_constraints_set_core (GstDmabufCoreConstraints *constraints,
    const DmabufConstraints *core, GError **error);

/**
 * gst_dmabuf_core_constraints_merge: (skip)
 * @constraints: (inout): constraints; become those that suit both
 * @other: constraints of another consumer
 * @error: return location for an error
 *
 * Merges two consumers' constraints, see dmabuf_constraints_merge().
 *
 * Returns: %FALSE with EBUSY if nothing suits both; the message names the
 *   field, both devices and their demands, and @constraints is unchanged
 */
GST_DMABUF_CORE_API
gboolean
gst_dmabuf_core_constraints_merge (GstDmabufCoreConstraints *constraints,
    const GstDmabufCoreConstraints *other, GError **error);

/**
 * gst_dmabuf_core_constraints_to_structure: (skip)
 * @constraints: constraints
 *
 * Returns: (transfer full): a structure "dmabuf-constraints" with those fields
 *   that ask for something
 */
GST_DMABUF_CORE_API
GstStructure *gst_dmabuf_core_constraints_to_structure (
    const GstDmabufCoreConstraints *constraints);

/**
 * gst_dmabuf_core_constraints_from_structure: (skip)
 * @constraints: (out caller-allocates): constraints
 * @structure: (nullable): from an ALLOCATION query
 *
 * Reads the constraints of another element. A field that is missing or out of
 * range asks for nothing.
 */
GST_DMABUF_CORE_API
void gst_dmabuf_core_constraints_from_structure (
    GstDmabufCoreConstraints *constraints, const GstStructure *structure);

/**
 * gst_query_add_dmabuf_core_constraints: (skip)
 * @query: an ALLOCATION query that is being answered
 * @constraints: the demands of this consumer
 *
 * Adds @constraints to the answer, and #GstVideoMeta, whose parameters have the
 * alignment for elements that do not know #GstDmabufCoreConstraints.
 */
GST_DMABUF_CORE_API
void gst_query_add_dmabuf_core_constraints (
    GstQuery *query, const GstDmabufCoreConstraints *constraints);

/**
 * gst_query_add_dmabuf_core_device: (skip)
 * @query: an ALLOCATION query that is being answered
 * @device: the device that is going to use the frames
 * @implicit_sync: whether it waits for the fences that the kernel keeps
 *
 * Calls gst_query_add_dmabuf_core_constraints() with the constraints and the
 * name of @device.
 */
GST_DMABUF_CORE_API
void gst_query_add_dmabuf_core_device (
    GstQuery *query, DmabufDevice *device, gboolean implicit_sync);

/**
 * gst_query_get_dmabuf_core_constraints: (skip)
 * @query: an ALLOCATION query that was answered
 * @constraints: (out caller-allocates): the merged demands of the consumers
 * @alignment: (out caller-allocates): the padding and stride alignment that
 *   they ask for
 *
 * Reads the answer of any element: a tee has merged those of its branches.
 *
 * Returns: whether the consumers take #GstVideoMeta: without it they expect the
 *   default layout of #GstVideoInfo
 */
GST_DMABUF_CORE_API
gboolean gst_query_get_dmabuf_core_constraints (GstQuery *query,
    GstDmabufCoreConstraints *constraints, GstVideoAlignment *alignment);

G_END_DECLS
