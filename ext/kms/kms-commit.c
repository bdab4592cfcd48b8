/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "kms-commit.h"

#include <errno.h>

void
kms_commit_init (KmsCommit *commit)
{
  /* The arrays stay uninitialised: they are large, and written before read. */
  commit->n_objects = 0;
  commit->n_values = 0;
  commit->overflow = FALSE;
}

void
kms_commit_set (KmsCommit *commit, guint32 object, const KmsProperty *property,
    guint64 value)
{
  if (!property->id)
    return;

  if (commit->n_objects == 0
      || commit->objects[commit->n_objects - 1] != object) {
    if (commit->n_objects == KMS_COMMIT_MAX_OBJECTS) {
      commit->overflow = TRUE;
      return;
    }
    commit->objects[commit->n_objects] = object;
    commit->counts[commit->n_objects] = 0;
    commit->n_objects++;
  }
  if (commit->n_values == KMS_COMMIT_MAX_VALUES) {
    commit->overflow = TRUE;
    return;
  }

  commit->properties[commit->n_values] = property->id;
  commit->values[commit->n_values] = value;
  commit->n_values++;
  commit->counts[commit->n_objects - 1]++;
}

gboolean
kms_commit_is_refused (int result)
{
  return result == -EACCES || result == -EPERM || result == -ENODEV;
}

int
kms_commit_submit (
    KmsCommit *commit, KmsCard *card, guint32 flags, guint64 user_data)
{
  struct drm_mode_atomic atomic = {
    .flags = flags,
    .count_objs = commit->n_objects,
    .objs_ptr = (guintptr) commit->objects,
    .count_props_ptr = (guintptr) commit->counts,
    .props_ptr = (guintptr) commit->properties,
    .prop_values_ptr = (guintptr) commit->values,
    .user_data = user_data,
  };
  int ret;

  if (commit->overflow)
    return -E2BIG;
  ret = kms_ioctl (card->fd, DRM_IOCTL_MODE_ATOMIC, &atomic);

  return MIN (ret, 0);
}
