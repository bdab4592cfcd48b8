/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "kms-snapshot.h"

#include <string.h>

typedef struct
{
  guint32 id;
  KmsProperty properties[KMS_N_PLANE_PROPERTIES];
} SavedPlane;

struct _KmsSnapshot
{
  KmsCard *card;
  guint32 connector_id;
  guint32 crtc_id;
  KmsProperty connector[KMS_N_CONNECTOR_PROPERTIES];
  KmsProperty crtc[KMS_N_CRTC_PROPERTIES];
  /* The mode itself: the blob with the id we read dies with its last user. */
  drmModeModeInfo mode;
  gboolean has_mode;
  GArray *planes;
};

static void
save_mode (KmsSnapshot *snapshot)
{
  guint64 id = snapshot->crtc[KMS_CRTC_MODE_ID].value;
  drmModePropertyBlobRes *blob;

  if (!id)
    return;
  blob = kms_api->get_blob (snapshot->card->fd, id);
  if (!blob)
    return;
  if (blob->length == sizeof (snapshot->mode)) {
    memcpy (&snapshot->mode, blob->data, sizeof (snapshot->mode));
    snapshot->has_mode = TRUE;
  }
  drmModeFreePropertyBlob (blob);
}

KmsSnapshot *
kms_snapshot_new (KmsCard *card, guint32 connector_id,
    const KmsProperty *connector, guint32 crtc_id, guint crtc_index,
    const KmsProperty *crtc, GPtrArray *planes)
{
  KmsSnapshot *snapshot = g_new0 (KmsSnapshot, 1);
  guint i;

  snapshot->card = kms_card_ref (card);
  snapshot->connector_id = connector_id;
  snapshot->crtc_id = crtc_id;
  memcpy (snapshot->connector, connector, sizeof (snapshot->connector));
  memcpy (snapshot->crtc, crtc, sizeof (snapshot->crtc));
  save_mode (snapshot);

  snapshot->planes = g_array_new (FALSE, FALSE, sizeof (SavedPlane));
  for (i = 0; i < planes->len; i++) {
    const KmsPlane *plane = g_ptr_array_index (planes, i);
    SavedPlane saved = { .id = plane->id };
    guint64 user = plane->properties[KMS_PLANE_CRTC_ID].value;

    /* not those that show something elsewhere */
    if (!(plane->possible_crtcs & (1u << crtc_index))
        || (user && user != crtc_id))
      continue;
    memcpy (saved.properties, plane->properties, sizeof (saved.properties));
    g_array_append_val (snapshot->planes, saved);
  }

  return snapshot;
}

/* @off: everything dark instead of what was */
static int
commit_state (
    KmsSnapshot *snapshot, const KmsCommit *base, guint32 mode, gboolean off)
{
  KmsCommit commit = *base;
  const KmsProperty *crtc = snapshot->crtc;
  gboolean active = !off && crtc[KMS_CRTC_ACTIVE].value;
  guint i, j;

  kms_commit_set (&commit, snapshot->connector_id,
      &snapshot->connector[KMS_CONNECTOR_CRTC_ID],
      off ? 0 : snapshot->connector[KMS_CONNECTOR_CRTC_ID].value);
  kms_commit_set (
      &commit, snapshot->crtc_id, &crtc[KMS_CRTC_MODE_ID], off ? 0 : mode);
  kms_commit_set (
      &commit, snapshot->crtc_id, &crtc[KMS_CRTC_ACTIVE], active ? 1 : 0);

  for (i = 0; i < snapshot->planes->len; i++) {
    SavedPlane *plane = &g_array_index (snapshot->planes, SavedPlane, i);
    const KmsProperty *p = plane->properties;

    if (off || !p[KMS_PLANE_CRTC_ID].value || !p[KMS_PLANE_FB_ID].value) {
      kms_commit_set (&commit, plane->id, &p[KMS_PLANE_FB_ID], 0);
      kms_commit_set (&commit, plane->id, &p[KMS_PLANE_CRTC_ID], 0);
      continue;
    }
    for (j = KMS_PLANE_FB_ID; j <= KMS_PLANE_COLOR_RANGE; j++)
      kms_commit_set (&commit, plane->id, &p[j], p[j].value);
  }

  return kms_commit_submit (
      &commit, snapshot->card, DRM_MODE_ATOMIC_ALLOW_MODESET, 0);
}

int
kms_snapshot_restore (KmsSnapshot *snapshot, const KmsCommit *base)
{
  guint32 mode = 0;
  int ret = 0;

  if (snapshot->has_mode)
    mode = kms_card_create_blob (
        snapshot->card, &snapshot->mode, sizeof (snapshot->mode), &ret);
  if (ret >= 0)
    ret = commit_state (snapshot, base, mode, FALSE);
  kms_card_destroy_blob (snapshot->card, mode);
  if (ret >= 0)
    return 0;

  /* the framebuffer of then may be gone with its owner */
  commit_state (snapshot, base, 0, TRUE);

  return ret;
}

void
kms_snapshot_free (KmsSnapshot *snapshot)
{
  g_array_unref (snapshot->planes);
  kms_card_unref (snapshot->card);
  g_free (snapshot);
}
