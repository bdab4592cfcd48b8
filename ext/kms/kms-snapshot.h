/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kms-plane.h"

/*
 * What a display showed before us: the state of connector, CRTC and the CRTC's
 * planes, as it was when it was taken, and put back as far as it still exists.
 */
typedef struct _KmsSnapshot KmsSnapshot;

KmsSnapshot *kms_snapshot_new (KmsCard *card, guint32 connector_id,
    const KmsProperty *connector, guint32 crtc_id, guint crtc_index,
    const KmsProperty *crtc, GPtrArray *planes);

/* Puts it back with a blocking commit, on top of what @commit says already: 0,
 * or -errno; then the CRTC is off. */
int kms_snapshot_restore (KmsSnapshot *snapshot, const KmsCommit *commit);

void kms_snapshot_free (KmsSnapshot *snapshot);
