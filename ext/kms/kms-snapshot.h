/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kms-plane.h"

/*
 * The state of connector, CRTC and the CRTC's planes before our first commit,
 * to be restored at the end.
 */
typedef struct _KmsSnapshot KmsSnapshot;

KmsSnapshot *kms_snapshot_new (KmsCard *card, guint32 connector_id,
    const KmsProperty *connector, guint32 crtc_id, guint crtc_index,
    const KmsProperty *crtc, GPtrArray *planes);

/* Restores the state with a blocking commit, in addition to the properties in
 * @commit. On failure turns the CRTC off and returns -errno, else 0. */
int kms_snapshot_restore (KmsSnapshot *snapshot, const KmsCommit *commit);

void kms_snapshot_free (KmsSnapshot *snapshot);
