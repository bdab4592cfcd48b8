/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "kms-output.h"

#include <drm_fourcc.h>
#include <errno.h>
#include <string.h>

#define ROTATE_0 1
#define OPAQUE 0xffff
#define LINK_STATUS_GOOD 0

/* --- finding connector and CRTC ---------------------------------------- */

static gboolean
is_display (const drmModeConnector *connector)
{
  return connector->connection == DRM_MODE_CONNECTED
      && connector->count_modes > 0
      && connector->connector_type != DRM_MODE_CONNECTOR_WRITEBACK;
}

static char *
connector_get_name (const drmModeConnector *connector)
{
  const char *type = drmModeGetConnectorTypeName (connector->connector_type);

  return g_strdup_printf (
      "%s-%u", type ? type : "Unknown", connector->connector_type_id);
}

static drmModeConnector *
find_connector (KmsCard *card, guint32 id, GError **error)
{
  gboolean known = FALSE;
  int i;

  for (i = 0; i < card->resources->count_connectors; i++) {
    guint32 candidate = card->resources->connectors[i];
    drmModeConnector *connector;

    if (id && candidate != id)
      continue;
    known = TRUE;
    connector = kms_api->get_connector (card->fd, candidate);
    if (connector && is_display (connector))
      return connector;
    g_clear_pointer (&connector, drmModeFreeConnector);
  }

  if (!id)
    kms_set_error (error, ENODEV, "%s: no display is connected", card->name);
  else if (known)
    kms_set_error (error, ENODEV, "%s: no display is connected to connector %u",
        card->name, id);
  else
    kms_set_error (error, EINVAL,
        "%s: has no connector %u; modetest -c lists the connectors", card->name,
        id);

  return NULL;
}

static int
find_crtc_index (KmsCard *card, guint32 crtc_id)
{
  int i;

  for (i = 0; i < card->resources->count_crtcs; i++) {
    if (card->resources->crtcs[i] == crtc_id)
      return i;
  }

  return -1;
}

/* The CRTCs that other connectors use, as a mask of indices. */
static guint32
used_crtcs (KmsCard *card, guint32 own_connector)
{
  guint32 used = 0;
  int i, index;

  for (i = 0; i < card->resources->count_connectors; i++) {
    guint32 id = card->resources->connectors[i];
    KmsProperty properties[KMS_N_CONNECTOR_PROPERTIES];

    if (id == own_connector)
      continue;
    kms_properties_load (card, id, DRM_MODE_OBJECT_CONNECTOR,
        kms_connector_property_names, KMS_N_CONNECTOR_PROPERTIES, properties);
    index = find_crtc_index (card, properties[KMS_CONNECTOR_CRTC_ID].value);
    if (index >= 0)
      used |= 1u << index;
  }

  return used;
}

guint32
kms_connector_get_crtcs (KmsCard *card, drmModeConnector *connector)
{
  guint32 possible = 0;
  int i;

  for (i = 0; i < connector->count_encoders; i++) {
    drmModeEncoder *encoder =
        kms_api->get_encoder (card->fd, connector->encoders[i]);

    if (encoder)
      possible |= encoder->possible_crtcs;
    g_clear_pointer (&encoder, drmModeFreeEncoder);
  }

  return possible;
}

static gboolean
find_crtc (KmsOutput *output, GError **error)
{
  KmsCard *card = output->card;
  drmModeConnector *connector = output->connector;
  guint32 current = output->connector_properties[KMS_CONNECTOR_CRTC_ID].value;
  guint32 possible = kms_connector_get_crtcs (card, connector), used;
  int i, index = find_crtc_index (card, current);

  used = used_crtcs (card, connector->connector_id);
  for (i = 0; i < card->resources->count_crtcs && index < 0; i++) {
    if (possible & ~used & (1u << i))
      index = i;
  }
  if (index < 0) {
    kms_set_error (error, EBUSY,
        "%s: all CRTCs that reach %s serve other displays", card->name,
        output->connector_name);
    return FALSE;
  }

  output->crtc_index = index;
  output->crtc_id = card->resources->crtcs[index];
  kms_properties_load (card, output->crtc_id, DRM_MODE_OBJECT_CRTC,
      kms_crtc_property_names, KMS_N_CRTC_PROPERTIES, output->crtc_properties);

  return TRUE;
}

/* --- planes ------------------------------------------------------------ */

/* Primary planes first: some hardware cannot show an overlay alone. */
static gint
compare_planes (gconstpointer a, gconstpointer b)
{
  const KmsPlane *first = *(KmsPlane *const *) a;
  const KmsPlane *second = *(KmsPlane *const *) b;

  return (second->type == DRM_PLANE_TYPE_PRIMARY)
      - (first->type == DRM_PLANE_TYPE_PRIMARY);
}

static gboolean
find_planes (KmsOutput *output, guint32 plane_id, GError **error)
{
  guint i;

  output->planes = kms_planes_new (output->card);
  output->candidates = g_ptr_array_new ();
  output->formats = kms_formats_new ();

  for (i = 0; i < output->planes->len; i++) {
    KmsPlane *plane = g_ptr_array_index (output->planes, i);
    guint32 user = plane->properties[KMS_PLANE_CRTC_ID].value;

    if (!(plane->possible_crtcs & (1u << output->crtc_index)))
      continue;
    if (plane_id ? plane->id != plane_id
                 : plane->type == DRM_PLANE_TYPE_CURSOR
                || (user && user != output->crtc_id))
      continue;
    g_ptr_array_add (output->candidates, plane);
  }
  g_ptr_array_sort (output->candidates, compare_planes);

  for (i = 0; i < output->candidates->len; i++) {
    KmsPlane *plane = g_ptr_array_index (output->candidates, i);

    kms_formats_merge (output->formats, plane->formats);
  }
  if (output->candidates->len > 0)
    return TRUE;

  if (plane_id)
    kms_set_error (error, EINVAL,
        "%s: there is no plane %u that reaches %s; modetest -p lists the "
        "planes",
        output->card->name, plane_id, output->connector_name);
  else
    kms_set_error (error, ENODEV, "%s: no plane reaches %s", output->card->name,
        output->connector_name);

  return FALSE;
}

/* --- commits ----------------------------------------------------------- */

/* Resets properties with a visible effect, which another program may have set.
 */
static void
reset_plane (const KmsPlane *plane, KmsCommit *commit)
{
  const KmsProperty *p = plane->properties;

  kms_commit_set (commit, plane->id, &p[KMS_PLANE_ROTATION], ROTATE_0);
  kms_commit_set (commit, plane->id, &p[KMS_PLANE_ALPHA], OPAQUE);
}

/* Shows all of @picture unscaled, from the top left corner. */
static void
show_all (const KmsPlane *plane, KmsCommit *commit, guint32 crtc_id,
    const KmsPicture *picture)
{
  KmsRect all = { 0, 0, picture->layout.width, picture->layout.height };

  kms_plane_show (
      plane, commit, crtc_id, picture->framebuffer->fb_id, &all, &all);
  reset_plane (plane, commit);
}

static void
set_modeset (KmsOutput *output, KmsCommit *commit)
{
  const KmsProperty *connector = output->connector_properties;
  const KmsProperty *crtc = output->crtc_properties;
  const KmsBackground *background = &output->background;
  guint i;

  kms_commit_set (commit, output->connector->connector_id,
      &connector[KMS_CONNECTOR_CRTC_ID], output->crtc_id);
  /* Setting the property to GOOD makes the driver train a failed link again. */
  kms_commit_set (commit, output->connector->connector_id,
      &connector[KMS_CONNECTOR_LINK_STATUS], LINK_STATUS_GOOD);
  kms_commit_set (
      commit, output->crtc_id, &crtc[KMS_CRTC_MODE_ID], output->mode_blob);
  kms_commit_set (commit, output->crtc_id, &crtc[KMS_CRTC_ACTIVE], 1);
  for (i = KMS_CRTC_DEGAMMA_LUT; i <= KMS_CRTC_GAMMA_LUT; i++)
    kms_commit_set (commit, output->crtc_id, &crtc[i], 0);

  if (background->plane)
    show_all (background->plane, commit, output->crtc_id, background->picture);

  /* Hide planes that another program, or an earlier choice, left on screen. */
  for (i = 0; i < output->planes->len; i++) {
    KmsPlane *plane = g_ptr_array_index (output->planes, i);
    guint32 user = plane->properties[KMS_PLANE_CRTC_ID].value;

    if (plane == output->plane || plane == background->plane)
      continue;
    if (user == output->crtc_id
        || (user == 0 && (plane->possible_crtcs & (1u << output->crtc_index))))
      kms_plane_hide (plane, commit);
  }
}

void
kms_output_show (
    KmsOutput *output, KmsCommit *commit, guint32 fb_id, const KmsRect *source)
{
  const KmsPlane *plane = output->plane;
  const KmsProperty *p = plane->properties;

  if (!output->needs_modeset && !output->needs_placing
      && memcmp (&output->placed, source, sizeof (*source)) == 0) {
    kms_commit_set (commit, plane->id, &p[KMS_PLANE_FB_ID], fb_id);
    return;
  }

  if (output->needs_modeset)
    set_modeset (output, commit);

  kms_plane_show (
      plane, commit, output->crtc_id, fb_id, source, &output->target);
  if (output->needs_modeset)
    reset_plane (plane, commit);
  if (output->has_encoding)
    kms_commit_set (
        commit, plane->id, &p[KMS_PLANE_COLOR_ENCODING], output->encoding);
  if (output->has_range)
    kms_commit_set (
        commit, plane->id, &p[KMS_PLANE_COLOR_RANGE], output->range);
}

static int
test (KmsOutput *trial, const KmsPicture *picture)
{
  KmsRect source = { 0, 0, picture->layout.width, picture->layout.height };
  KmsCommit commit;

  kms_commit_init (&commit);
  kms_output_show (trial, &commit, picture->framebuffer->fb_id, &source);

  return kms_commit_submit (&commit, trial->card,
      DRM_MODE_ATOMIC_TEST_ONLY | DRM_MODE_ATOMIC_ALLOW_MODESET, 0);
}

int
kms_output_test (KmsOutput *output, const KmsPlane *plane,
    const drmModeModeInfo *mode, const KmsRect *target,
    const KmsPicture *picture, KmsBackground *background)
{
  guint n_black = output->black->len;
  KmsOutput trial = *output;
  int ret;

  trial.mode_blob =
      kms_card_create_blob (output->card, mode, sizeof (*mode), &ret);
  if (!trial.mode_blob)
    return ret;

  trial.plane = plane;
  trial.target = *target;
  trial.needs_modeset = TRUE;
  trial.background = (KmsBackground) { NULL, NULL };
  ret = test (&trial, picture);
  if (ret < 0 && !kms_commit_is_refused (ret)
      && kms_output_find_background (output, plane, mode, &trial.background))
    ret = test (&trial, picture);
  kms_card_destroy_blob (output->card, trial.mode_blob);
  if (ret < 0)
    g_ptr_array_set_size (output->black, n_black);
  *background = trial.background;

  return ret;
}

/* --- what the hardware does -------------------------------------------- */

static void
probe_abilities (KmsOutput *output)
{
  static const guint32 formats[] = { DRM_FORMAT_XRGB8888, DRM_FORMAT_RGB565,
    DRM_FORMAT_NV12, DRM_FORMAT_YUYV, DRM_FORMAT_YUV420 };
  const drmModeModeInfo *mode = kms_mode_choose_around (
      output->connector->modes, output->connector->count_modes, 0, 0);
  /* Any scaler can double the size. */
  guint width = MAX (mode->hdisplay / 2 & ~1u, 2);
  guint height = MAX (mode->vdisplay / 2 & ~1u, 2);
  KmsRect centre = { (mode->hdisplay - width) / 2 & ~1u,
    (mode->vdisplay - height) / 2 & ~1u, width, height };
  KmsRect all = { 0, 0, mode->hdisplay, mode->vdisplay };
  KmsBackground background;
  guint i;

  for (i = 0; i < output->candidates->len; i++) {
    KmsPlane *plane = g_ptr_array_index (output->candidates, i);
    guint32 format =
        kms_plane_find_linear_format (plane, formats, G_N_ELEMENTS (formats));
    KmsPicture *picture = format
        ? kms_picture_new (output->card, format, width, height, NULL)
        : NULL;

    if (!picture)
      continue;
    if (kms_output_test (output, plane, mode, &centre, picture, &background)
        == 0)
      output->can_place = TRUE;
    if (kms_output_test (output, plane, mode, &all, picture, &background) == 0)
      output->can_scale = TRUE;
    kms_picture_free (picture);
  }
  g_ptr_array_set_size (output->black, 0);
}

KmsOutput *
kms_output_new (
    KmsCard *card, guint32 connector_id, guint32 plane_id, GError **error)
{
  KmsOutput *output = g_new0 (KmsOutput, 1);

  output->card = kms_card_ref (card);
  output->black =
      g_ptr_array_new_with_free_func ((GDestroyNotify) kms_picture_free);
  output->connector = find_connector (card, connector_id, error);
  if (!output->connector)
    goto failed;
  output->connector_name = connector_get_name (output->connector);
  kms_properties_load (card, output->connector->connector_id,
      DRM_MODE_OBJECT_CONNECTOR, kms_connector_property_names,
      KMS_N_CONNECTOR_PROPERTIES, output->connector_properties);
  if (!find_crtc (output, error) || !find_planes (output, plane_id, error))
    goto failed;
  probe_abilities (output);

  return output;

  /* ERRORS */
failed: {
  kms_output_free (output);
  return NULL;
}
}

void
kms_output_free (KmsOutput *output)
{
  kms_card_destroy_blob (output->card, output->mode_blob);
  g_ptr_array_unref (output->black);
  g_clear_pointer (&output->candidates, g_ptr_array_unref);
  g_clear_pointer (&output->planes, g_ptr_array_unref);
  g_clear_pointer (&output->formats, g_array_unref);
  g_clear_pointer (&output->connector, drmModeFreeConnector);
  g_free (output->connector_name);
  kms_card_unref (output->card);
  g_free (output);
}

char *
kms_output_describe (KmsOutput *output)
{
  return g_strdup_printf ("%s, %s", output->card->name, output->connector_name);
}
