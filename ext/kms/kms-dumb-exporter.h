/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kms-card.h"

G_BEGIN_DECLS

/*
 * The card's dumb buffers as an exporter: memory that its display controller
 * can show and the CPU can write, in rows of a pitch that the driver chooses.
 */
#define KMS_TYPE_DUMB_EXPORTER (kms_dumb_exporter_get_type ())
G_DECLARE_FINAL_TYPE (
    KmsDumbExporter, kms_dumb_exporter, KMS, DUMB_EXPORTER, DmabufExporter)

/* Makes an exporter of buffers with rows of at least @row_bytes. Allocates a
 * dumb buffer to learn the pitch: EOPNOTSUPP if the driver refuses such
 * buffers. */
DmabufExporter *
kms_dumb_exporter_new (KmsCard *card, guint32 row_bytes, GError **error);

/* In bytes. A buffer has size / pitch rows, rounded up. */
guint32 kms_dumb_exporter_get_pitch (KmsDumbExporter *exporter);

G_END_DECLS
