/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libdmabufcore/dmabuf-types.h>

G_BEGIN_DECLS

/**
 * DmabufConstraints:
 *
 * The demands of a device, or of several together, on a buffer: a value that is
 * copied and compared. Merging takes the least common multiple of alignments,
 * the least of maxima, the intersection of memory and of formats; it is
 * commutative, associative and idempotent. Formats with their modifiers are
 * independent of where the memory lies.
 */
#define DMABUF_TYPE_CONSTRAINTS (dmabuf_constraints_get_type ())
DMABUF_CORE_API
GType dmabuf_constraints_get_type (void);

/**
 * dmabuf_constraints_new:
 * @owner: the name of the device that demands it, for messages
 *
 * Returns: (transfer full): constraints that demand nothing
 */
DMABUF_CORE_API
DmabufConstraints *dmabuf_constraints_new (const char *owner);

/**
 * dmabuf_constraints_copy:
 * @constraints: constraints
 *
 * Returns: (transfer full): a copy
 */
DMABUF_CORE_API
DmabufConstraints *
dmabuf_constraints_copy (const DmabufConstraints *constraints);

/**
 * dmabuf_constraints_free:
 * @constraints: (transfer full): constraints
 */
DMABUF_CORE_API
void dmabuf_constraints_free (DmabufConstraints *constraints);

/**
 * dmabuf_constraints_set_alignment:
 * @constraints: constraints
 * @size: of the buffer's size, in bytes; 0 and 1 demand nothing
 * @offset: of a plane's offset, in bytes
 * @pitch: of a plane's pitch, in bytes
 */
DMABUF_CORE_API
void dmabuf_constraints_set_alignment (DmabufConstraints *constraints,
    guint64 size, guint64 offset, guint64 pitch);

/**
 * dmabuf_constraints_get_alignment:
 * @constraints: constraints
 * @size: (out) (optional): of the buffer's size
 * @offset: (out) (optional): of a plane's offset
 * @pitch: (out) (optional): of a plane's pitch
 *
 * The alignments, each at least 1.
 */
DMABUF_CORE_API
void dmabuf_constraints_get_alignment (const DmabufConstraints *constraints,
    guint64 *size, guint64 *offset, guint64 *pitch);

/**
 * dmabuf_constraints_set_max_pitch:
 * @constraints: constraints
 * @max_pitch: in bytes; 0 for no limit
 */
DMABUF_CORE_API
void dmabuf_constraints_set_max_pitch (
    DmabufConstraints *constraints, guint64 max_pitch);

/**
 * dmabuf_constraints_get_max_pitch:
 * @constraints: constraints
 *
 * Returns: the greatest pitch in bytes, 0 for no limit
 */
DMABUF_CORE_API
guint64 dmabuf_constraints_get_max_pitch (const DmabufConstraints *constraints);

/**
 * dmabuf_constraints_set_contiguous:
 * @constraints: constraints
 * @contiguous: whether the memory must be in one piece
 */
DMABUF_CORE_API
void dmabuf_constraints_set_contiguous (
    DmabufConstraints *constraints, gboolean contiguous);

/**
 * dmabuf_constraints_get_contiguous:
 * @constraints: constraints
 *
 * Returns: whether the memory must be in one piece
 */
DMABUF_CORE_API
gboolean
dmabuf_constraints_get_contiguous (const DmabufConstraints *constraints);

/**
 * dmabuf_constraints_set_address_bits:
 * @constraints: constraints
 * @bits: how wide the device's addresses are; 0 or 64 for no limit
 */
DMABUF_CORE_API
void dmabuf_constraints_set_address_bits (
    DmabufConstraints *constraints, guint bits);

/**
 * dmabuf_constraints_set_cpu_access:
 * @constraints: constraints
 * @cpu_access: whether the CPU has to reach the memory too
 */
DMABUF_CORE_API
void dmabuf_constraints_set_cpu_access (
    DmabufConstraints *constraints, gboolean cpu_access);

/**
 * dmabuf_constraints_add_memory:
 * @constraints: constraints
 * @exporter: the name of an exporter whose memory the device reaches, as
 *   dmabuf_exporter_get_name() returns it
 *
 * Before the first call the device reaches all memory, afterwards only that of
 * the exporters which were added.
 */
DMABUF_CORE_API
void dmabuf_constraints_add_memory (
    DmabufConstraints *constraints, const char *exporter);

/**
 * dmabuf_constraints_get_memory:
 * @constraints: constraints
 *
 * Returns: (transfer full) (nullable) (array zero-terminated=1): the names of
 *   the exporters whose memory the device reaches, sorted; %NULL for all
 */
DMABUF_CORE_API
char **dmabuf_constraints_get_memory (const DmabufConstraints *constraints);

/**
 * dmabuf_constraints_check_exporter:
 * @constraints: constraints
 * @exporter: an exporter
 * @error: return location for an error
 *
 * Compares the known properties of @exporter's memory with the demands. An
 * exporter whose memory is unknown (#DmabufMemory) passes.
 *
 * Returns: %FALSE with EBUSY and a message that names the field, the device
 *   that demands it, and the exporter's property
 */
DMABUF_CORE_API
gboolean
dmabuf_constraints_check_exporter (const DmabufConstraints *constraints,
    DmabufExporter *exporter, GError **error);

/**
 * dmabuf_constraints_add_format:
 * @constraints: constraints
 * @format: DRM fourcc
 * @modifier: DRM format modifier
 *
 * Before the first call the device takes all pairs, afterwards only those which
 * were added. LINEAR and INVALID (implicit) are two different modifiers
 * (SEC-12).
 */
DMABUF_CORE_API
void dmabuf_constraints_add_format (
    DmabufConstraints *constraints, guint32 format, guint64 modifier);

/**
 * dmabuf_constraints_has_format:
 * @constraints: constraints
 * @format: DRM fourcc
 * @modifier: DRM format modifier
 *
 * Returns: whether the device takes the pair
 */
DMABUF_CORE_API
gboolean dmabuf_constraints_has_format (
    const DmabufConstraints *constraints, guint32 format, guint64 modifier);

/**
 * dmabuf_constraints_merge:
 * @a: constraints
 * @b: constraints
 * @error: return location for an error
 *
 * Merges both: a buffer satisfies the result if it satisfies @a and @b.
 *
 * Returns: (transfer full): the merged constraints; %NULL with EBUSY and a
 *   message that names the field, both sides and their values
 */
DMABUF_CORE_API
DmabufConstraints *dmabuf_constraints_merge (
    const DmabufConstraints *a, const DmabufConstraints *b, GError **error);

/**
 * dmabuf_constraints_check_layout:
 * @constraints: constraints
 * @layout: of a frame
 * @error: return location for an error
 *
 * Compares the pitch and the offset of each plane of a linear frame with the
 * demands. Frames with another modifier pass: only the driver knows the meaning
 * of their pitches.
 *
 * Returns: %FALSE with EINVAL and a message that names plane, field, value, the
 *   demand and its device
 */
DMABUF_CORE_API
gboolean dmabuf_constraints_check_layout (const DmabufConstraints *constraints,
    const DmabufLayout *layout, GError **error);

/**
 * dmabuf_constraints_equal:
 * @a: constraints
 * @b: constraints
 *
 * Returns: whether both demand the same; owners are not compared
 */
DMABUF_CORE_API
gboolean dmabuf_constraints_equal (
    const DmabufConstraints *a, const DmabufConstraints *b);

/**
 * dmabuf_constraints_includes:
 * @strict: constraints
 * @lax: constraints
 *
 * Returns: whether every buffer that satisfies @strict satisfies @lax too
 */
DMABUF_CORE_API
gboolean dmabuf_constraints_includes (
    const DmabufConstraints *strict, const DmabufConstraints *lax);

/**
 * dmabuf_constraints_describe:
 * @constraints: constraints
 *
 * Returns: (transfer full): the demands in one line, for messages
 */
DMABUF_CORE_API
char *dmabuf_constraints_describe (const DmabufConstraints *constraints);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DmabufConstraints, dmabuf_constraints_free)

G_END_DECLS
