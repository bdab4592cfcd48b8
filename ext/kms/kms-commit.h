/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kms-property.h"

#define KMS_COMMIT_MAX_OBJECTS 48
#define KMS_COMMIT_MAX_VALUES 192

/*
 * An atomic commit under construction: a plain value on the caller's stack, so
 * that a frame costs no allocation.
 */
typedef struct
{
  guint n_objects;
  guint n_values;
  gboolean overflow;
  guint32 objects[KMS_COMMIT_MAX_OBJECTS];
  guint32 counts[KMS_COMMIT_MAX_OBJECTS];
  guint32 properties[KMS_COMMIT_MAX_VALUES];
  guint64 values[KMS_COMMIT_MAX_VALUES];
} KmsCommit;

void kms_commit_init (KmsCommit *commit);

/* Sets a property of @object. Does nothing if the object does not have it. All
 * properties of one object have to be set one after the other. */
void kms_commit_set (KmsCommit *commit, guint32 object,
    const KmsProperty *property, guint64 value);

/* Whether the @result of a commit means that this file is not master, or that
 * the card is gone: another configuration would fail as well. */
gboolean kms_commit_is_refused (int result);

/* Submits the commit with @flags of DRM_MODE_ATOMIC_…: 0 or -errno. @user_data
 * comes back with the page-flip event. */
int kms_commit_submit (
    KmsCommit *commit, KmsCard *card, guint32 flags, guint64 user_data);
