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
  /* Contents of the CRTC's blobs, or NULL: the kernel frees a blob with its
   * last user, so its id is not enough */
  GBytes *blobs[KMS_N_CRTC_PROPERTIES];
  GArray *planes;
};

#define IS_BLOB(property) ((property) != KMS_CRTC_ACTIVE)

static void
save_blobs (KmsSnapshot *snapshot)
{
  guint i;

  for (i = 0; i < KMS_N_CRTC_PROPERTIES; i++) {
    drmModePropertyBlobRes *blob;

    if (!IS_BLOB (i) || !snapshot->crtc[i].value)
      continue;
    blob = kms_api->get_blob (snapshot->card->fd, snapshot->crtc[i].value);
    if (!blob)
      continue;
    snapshot->blobs[i] = g_bytes_new (blob->data, blob->length);
    drmModeFreePropertyBlob (blob);
  }
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
  save_blobs (snapshot);

  snapshot->planes = g_array_new (FALSE, FALSE, sizeof (SavedPlane));
  for (i = 0; i < planes->len; i++) {
    const KmsPlane *plane = g_ptr_array_index (planes, i);
    SavedPlane saved = { .id = plane->id };
    guint64 user = plane->properties[KMS_PLANE_CRTC_ID].value;

    /* Skip the planes that another CRTC uses. */
    if (!(plane->possible_crtcs & (1u << crtc_index))
        || (user && user != crtc_id))
      continue;
    memcpy (saved.properties, plane->properties, sizeof (saved.properties));
    g_array_append_val (snapshot->planes, saved);
  }

  return snapshot;
}

/* Restores the saved state with @blobs for the CRTC, or turns everything off if
 * @blobs is %NULL. */
static int
commit_state (
    KmsSnapshot *snapshot, const KmsCommit *base, const guint32 *blobs)
{
  KmsCommit commit = *base;
  const KmsProperty *crtc = snapshot->crtc;
  guint i, j;

  kms_commit_set (&commit, snapshot->connector_id,
      &snapshot->connector[KMS_CONNECTOR_CRTC_ID],
      blobs ? snapshot->connector[KMS_CONNECTOR_CRTC_ID].value : 0);
  for (i = 0; i < KMS_N_CRTC_PROPERTIES; i++) {
    guint64 value = IS_BLOB (i) && blobs ? blobs[i] : crtc[i].value;

    kms_commit_set (&commit, snapshot->crtc_id, &crtc[i], blobs ? value : 0);
  }

  for (i = 0; i < snapshot->planes->len; i++) {
    SavedPlane *plane = &g_array_index (snapshot->planes, SavedPlane, i);
    const KmsProperty *p = plane->properties;

    if (!blobs || !p[KMS_PLANE_CRTC_ID].value || !p[KMS_PLANE_FB_ID].value) {
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
  guint32 blobs[KMS_N_CRTC_PROPERTIES] = { 0 };
  int ret = 0;
  guint i;

  for (i = 0; i < KMS_N_CRTC_PROPERTIES && ret >= 0; i++) {
    gsize size;
    const void *data;

    if (!snapshot->blobs[i])
      continue;
    data = g_bytes_get_data (snapshot->blobs[i], &size);
    blobs[i] = kms_card_create_blob (snapshot->card, data, size, &ret);
  }
  if (ret >= 0)
    ret = commit_state (snapshot, base, blobs);
  for (i = 0; i < KMS_N_CRTC_PROPERTIES; i++)
    kms_card_destroy_blob (snapshot->card, blobs[i]);
  if (ret >= 0)
    return 0;

  /* The saved framebuffer may be gone with its owner: turn everything off. */
  commit_state (snapshot, base, NULL);

  return ret;
}

void
kms_snapshot_free (KmsSnapshot *snapshot)
{
  guint i;

  for (i = 0; i < KMS_N_CRTC_PROPERTIES; i++)
    g_clear_pointer (&snapshot->blobs[i], g_bytes_unref);
  g_array_unref (snapshot->planes);
  kms_card_unref (snapshot->card);
  g_free (snapshot);
}
