/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstdmabufcore-prelude.h"
#include <gst/video/video.h>
#include <libdmabufcore/dmabufcore.h>

G_BEGIN_DECLS

/**
 * GST_DMABUF_CORE_CONSTRAINTS_API_TYPE:
 *
 * The API under which #GstDmabufCoreConstraints travel in an ALLOCATION query.
 * No buffer ever has a meta of it.
 */
#define GST_DMABUF_CORE_CONSTRAINTS_API_TYPE \
  (gst_dmabuf_core_constraints_api_get_type ())
GST_DMABUF_CORE_API
GType gst_dmabuf_core_constraints_api_get_type (void);

/**
 * GST_DMABUF_CORE_CONSTRAINTS_NAME: (skip)
 *
 * Number of bytes of the texts in #GstDmabufCoreConstraints.
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
 * @devices: who asks, for messages
 * @conflict: why no storage suits all branches of a tee, for messages; the
 * other fields are what one of them needs. Empty if one does
 *
 * What a consumer needs of the storage of the frames that it gets, as it
 * travels through queries: a plain value. gst_dmabuf_core_constraints_init()
 * makes one that asks for nothing. The arithmetic is that of
 * #DmabufConstraints.
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
 * @device: (nullable): who asks, for example "KMS card /dev/dri/card0"
 *
 * Nothing is asked for.
 */
GST_DMABUF_CORE_API
void gst_dmabuf_core_constraints_init (
    GstDmabufCoreConstraints *constraints, const char *device);

/**
 * gst_dmabuf_core_constraints_to_core: (skip)
 * @constraints: constraints
 *
 * The same as the core has it: that one knows how constraints are merged and
 * compared. What has no counterpart there, one-buffer and implicit-sync, is
 * left out.
 *
 * Returns: (transfer full): for dmabuf_constraints_free()
 */
GST_DMABUF_CORE_API
DmabufConstraints *gst_dmabuf_core_constraints_to_core (
    const GstDmabufCoreConstraints *constraints);

/**
 * gst_dmabuf_core_constraints_set_core: (skip)
 * @constraints: constraints, whose counterparts in @core are replaced
 * @core: what a device demands
 * @error: return location for an error
 *
 * Returns: %FALSE with EBUSY if an alignment does not fit a frame;
 *   @constraints is as it was
 */
GST_DMABUF_CORE_API
gboolean
gst_dmabuf_core_constraints_set_core (GstDmabufCoreConstraints *constraints,
    const DmabufConstraints *core, GError **error);

/**
 * gst_dmabuf_core_constraints_merge: (skip)
 * @constraints: constraints, and what suits both
 * @other: those of somebody else
 * @error: return location for an error
 *
 * What suits both, see dmabuf_constraints_merge().
 *
 * Returns: %FALSE with EBUSY if nothing suits both, and a message that names
 *   the field, both sides and what they ask for; @constraints is as it was
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
 * Reads what another element wrote. What is not there is not asked for; values
 * that make no sense are taken for none.
 */
GST_DMABUF_CORE_API
void gst_dmabuf_core_constraints_from_structure (
    GstDmabufCoreConstraints *constraints, const GstStructure *structure);

/**
 * gst_query_add_dmabuf_core_constraints: (skip)
 * @query: an ALLOCATION query that is being answered
 * @constraints: what this consumer needs
 *
 * Adds @constraints to the answer, and what upstream's elements understand of
 * them as alignment parameters of #GstVideoMeta, which is added as well.
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
 * gst_query_add_dmabuf_core_constraints() with what @device demands, in its
 * name.
 */
GST_DMABUF_CORE_API
void gst_query_add_dmabuf_core_device (
    GstQuery *query, DmabufDevice *device, gboolean implicit_sync);

/**
 * gst_query_get_dmabuf_core_constraints: (skip)
 * @query: an ALLOCATION query that was answered
 * @constraints: (out caller-allocates): what the consumers need together
 * @alignment: (out caller-allocates): the padding that they ask for
 *
 * Reads the answer, of our elements and of upstream's: tee has merged those of
 * its branches.
 *
 * Returns: whether the consumers take #GstVideoMeta: without it they look for
 *   the planes where #GstVideoInfo says
 */
GST_DMABUF_CORE_API
gboolean gst_query_get_dmabuf_core_constraints (GstQuery *query,
    GstDmabufCoreConstraints *constraints, GstVideoAlignment *alignment);

G_END_DECLS
