/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The fake display's objects and the queries for them. */

#include "fake-display-private.h"
#include "sleepers.h"

#include <libdmabufcore/dmabufcore.h>

#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

FakeDisplay fake_display;
FakeState fake_display_state;
GMutex fake_display_lock;
GCond fake_display_committed;

static int card_fd = -1;
static int event_fd = -1;
static guint n_fds;

#define MODE(w, h, hz, preferred) \
  { .clock = (w) * (h) / 1000 * (hz), \
    .hdisplay = (w), \
    .htotal = (w), \
    .vdisplay = (h), \
    .vtotal = (h), \
    .vrefresh = (hz), \
    .type = (preferred) ? DRM_MODE_TYPE_PREFERRED : 0 }

const drmModeModeInfo fake_display_modes[] = {
  MODE (1000, 800, 60, TRUE),
  MODE (1200, 700, 60, FALSE),
  MODE (1200, 700, 50, FALSE),
  MODE (600, 400, 60, FALSE),
};
const guint fake_display_n_modes = G_N_ELEMENTS (fake_display_modes);

static const char *const plane_types[] = { "Overlay", "Primary", "Cursor",
  NULL };
static const char *const encodings[] = { "ITU-R BT.601 YCbCr",
  "ITU-R BT.709 YCbCr", NULL };
static const char *const link_states[] = { "Good", "Bad", NULL };
static const char *const ranges[] = { "YCbCr limited range", "YCbCr full range",
  NULL };

/* --- properties -------------------------------------------------------- */

FakeProperty *
fake_display_find (FakeState *state, guint32 object, guint32 id)
{
  guint i;

  for (i = 0; i < state->n; i++) {
    if (state->properties[i].object == object && state->properties[i].id == id)
      return &state->properties[i];
  }

  return NULL;
}

FakeProperty *
fake_display_find_name (FakeState *state, guint32 object, const char *name)
{
  guint i;

  for (i = 0; i < state->n; i++) {
    if (state->properties[i].object == object
        && g_str_equal (state->properties[i].name, name))
      return &state->properties[i];
  }

  return NULL;
}

static void
add (guint32 object, const char *name, const char *const *enums, guint64 value)
{
  FakeProperty *property =
      &fake_display_state.properties[fake_display_state.n++];

  g_assert (fake_display_state.n <= FAKE_MAX_PROPERTIES);
  *property =
      (FakeProperty) { object, 100 + fake_display_state.n, name, enums, value };
}

static guint32
make_in_formats (const guint32 *fourccs, guint n)
{
  struct drm_format_modifier_blob header = {
    .version = FORMAT_BLOB_CURRENT,
    .count_formats = n,
    .formats_offset = sizeof (header),
    .count_modifiers = 1,
    .modifiers_offset = sizeof (header) + 8 * n,
  };
  struct drm_format_modifier linear = {
    .formats = (1u << n) - 1,
    .modifier = DRM_FORMAT_MOD_LINEAR,
  };
  guint8 data[256] = { 0 };

  memcpy (data, &header, sizeof (header));
  memcpy (data + header.formats_offset, fourccs, n * 4);
  memcpy (data + header.modifiers_offset, &linear, sizeof (linear));

  return fake_display_add_blob (
      data, header.modifiers_offset + sizeof (linear));
}

static void
add_plane (guint32 id, guint64 type, const guint32 *fourccs, guint n)
{
  static const char *const numbers[] = { "SRC_X", "SRC_Y", "SRC_W", "SRC_H",
    "CRTC_X", "CRTC_Y", "CRTC_W", "CRTC_H" };
  gboolean console = type == DRM_PLANE_TYPE_PRIMARY;
  guint i;

  add (id, "type", plane_types, type);
  add (id, "IN_FORMATS", NULL, make_in_formats (fourccs, n));
  add (id, "FB_ID", NULL, console ? FAKE_CONSOLE_FB : 0);
  add (id, "CRTC_ID", NULL, console ? FAKE_CRTC : 0);
  for (i = 0; i < G_N_ELEMENTS (numbers); i++) {
    guint64 value = g_str_has_suffix (numbers[i], "_W") ? FAKE_CONSOLE_WIDTH
        : g_str_has_suffix (numbers[i], "_H")           ? FAKE_CONSOLE_HEIGHT
                                                        : 0;

    if (g_str_has_prefix (numbers[i], "SRC"))
      value <<= 16;
    add (id, numbers[i], NULL, console ? value : 0);
  }
  add (id, "alpha", NULL, console ? FAKE_CONSOLE_ALPHA : 0xffff);
  add (id, "COLOR_ENCODING", encodings, 0);
  add (id, "COLOR_RANGE", ranges, 0);
  if (fake_display.in_fences)
    add (id, "IN_FENCE_FD", NULL, -1);
}

static void
add_objects (void)
{
  static const guint32 primary[] = { DRM_FORMAT_XRGB8888, DRM_FORMAT_ARGB8888,
    DRM_FORMAT_NV12 };
  static const guint32 overlay[] = { DRM_FORMAT_YUV420 };
  static const guint32 writeback[] = { DRM_FORMAT_XRGB8888 };
  static const drmModeModeInfo console =
      MODE (FAKE_CONSOLE_WIDTH, FAKE_CONSOLE_HEIGHT, 60, FALSE);

  fake_display_state.n = 0;
  add (FAKE_CONNECTOR, "CRTC_ID", NULL, FAKE_CRTC);
  add (FAKE_CONNECTOR, "link-status", link_states, 1);
  add (FAKE_CRTC, "ACTIVE", NULL, 1);
  add (FAKE_CRTC, "MODE_ID", NULL,
      fake_display_add_blob (&console, sizeof (console)));
  add (FAKE_CRTC, "GAMMA_LUT", NULL,
      fake_display_add_blob (FAKE_CONSOLE_GAMMA, sizeof (FAKE_CONSOLE_GAMMA)));
  add (FAKE_CRTC, "CTM", NULL, 0);
  add_plane (
      FAKE_PRIMARY, DRM_PLANE_TYPE_PRIMARY, primary, G_N_ELEMENTS (primary));
  add_plane (
      FAKE_OVERLAY, DRM_PLANE_TYPE_OVERLAY, overlay, G_N_ELEMENTS (overlay));
  if (fake_display.writeback) {
    add (FAKE_WRITEBACK, "CRTC_ID", NULL, 0);
    add (FAKE_WRITEBACK, "WRITEBACK_FB_ID", NULL, 0);
    add (FAKE_WRITEBACK, "WRITEBACK_OUT_FENCE_PTR", NULL, 0);
    add (FAKE_WRITEBACK, "WRITEBACK_PIXEL_FORMATS", NULL,
        fake_display_add_blob (writeback, sizeof (writeback)));
  }
}

/* --- the table --------------------------------------------------------- */

static int
fake_open (const char *path, int flags)
{
  int fds[2];

  if (!g_str_equal (path, FAKE_CARD)) {
    errno = ENOENT;
    return -1;
  }
  if (fake_display.open_errno) {
    errno = fake_display.open_errno;
    return -1;
  }
  g_assert (card_fd < 0);
  if (pipe2 (fds, O_CLOEXEC | O_NONBLOCK) < 0)
    return -1;
  card_fd = fds[0];
  event_fd = fds[1];
  fake_display_ioctl_start (event_fd);
  add_objects ();

  return card_fd;
}

static int
fake_close (int fd)
{
  if (fd != card_fd)
    return dmabuf_kernel->close (fd);
  card_fd = -1;
  close (event_fd);

  return close (fd);
}

static ssize_t
fake_read (int fd, void *data, size_t size)
{
  ssize_t ret = read (fd, data, size);

  if (ret > 0)
    g_atomic_int_inc (&fake_display.n_events_read);

  return ret;
}

static drmVersionPtr
fake_get_version (int fd)
{
  drmVersionPtr version = calloc (1, sizeof (*version));

  version->name = strdup ("fake");

  return version;
}

static int
fake_is_master (int fd)
{
  return !fake_display.other_master;
}

static uint32_t *
list (guint n, const guint32 *ids)
{
  uint32_t *copy = calloc (n, sizeof (*copy));

  memcpy (copy, ids, n * sizeof (*copy));

  return copy;
}

static drmModeResPtr
fake_get_resources (int fd)
{
  static const guint32 crtcs[] = { FAKE_CRTC };
  static const guint32 connectors[] = { FAKE_CONNECTOR, FAKE_WRITEBACK };
  static const guint32 encoders[] = { FAKE_ENCODER };
  drmModeResPtr resources;

  if (!fake_display.kms) {
    errno = EOPNOTSUPP;
    return NULL;
  }
  resources = calloc (1, sizeof (*resources));
  resources->count_crtcs = 1;
  resources->crtcs = list (1, crtcs);
  resources->count_connectors = fake_display.writeback ? 2 : 1;
  resources->connectors = list (resources->count_connectors, connectors);
  resources->count_encoders = 1;
  resources->encoders = list (1, encoders);
  resources->min_width = 10;
  resources->min_height = 10;
  resources->max_width = 4096;
  resources->max_height = 4096;

  return resources;
}

static drmModePlaneResPtr
fake_get_plane_resources (int fd)
{
  static const guint32 ids[] = { FAKE_OVERLAY, FAKE_PRIMARY };
  drmModePlaneResPtr planes = calloc (1, sizeof (*planes));

  planes->count_planes = 2;
  planes->planes = list (2, ids);

  return planes;
}

static drmModePlanePtr
fake_get_plane (int fd, uint32_t id)
{
  drmModePlanePtr plane = calloc (1, sizeof (*plane));

  plane->plane_id = id;
  plane->possible_crtcs = 1;

  return plane;
}

static drmModeConnectorPtr
fake_get_connector (int fd, uint32_t id)
{
  drmModeConnectorPtr connector = calloc (1, sizeof (*connector));
  guint32 encoder =
      id == FAKE_WRITEBACK ? FAKE_WRITEBACK_ENCODER : FAKE_ENCODER;

  connector->connector_id = id;
  connector->count_encoders = 1;
  connector->encoders = list (1, &encoder);
  connector->connector_type_id = 1;
  if (id == FAKE_WRITEBACK) {
    connector->connector_type = DRM_MODE_CONNECTOR_WRITEBACK;
    connector->connection = DRM_MODE_UNKNOWNCONNECTION;
    return connector;
  }

  connector->connector_type = DRM_MODE_CONNECTOR_VIRTUAL;
  connector->connection =
      fake_display.connected ? DRM_MODE_CONNECTED : DRM_MODE_DISCONNECTED;
  connector->count_modes = fake_display.connected ? fake_display_n_modes : 0;
  connector->modes = calloc (fake_display_n_modes, sizeof (*connector->modes));
  memcpy (connector->modes, fake_display_modes,
      fake_display_n_modes * sizeof (*connector->modes));

  return connector;
}

static drmModeEncoderPtr
fake_get_encoder (int fd, uint32_t id)
{
  drmModeEncoderPtr encoder = calloc (1, sizeof (*encoder));

  encoder->encoder_id = id;
  encoder->possible_crtcs = 1;

  return encoder;
}

static drmModeObjectPropertiesPtr
fake_get_properties (int fd, uint32_t id, uint32_t type)
{
  drmModeObjectPropertiesPtr properties = calloc (1, sizeof (*properties));
  guint i, n = 0;

  properties->props = calloc (FAKE_MAX_PROPERTIES, sizeof (uint32_t));
  properties->prop_values = calloc (FAKE_MAX_PROPERTIES, sizeof (uint64_t));
  g_mutex_lock (&fake_display_lock);
  for (i = 0; i < fake_display_state.n; i++) {
    if (fake_display_state.properties[i].object != id)
      continue;
    properties->props[n] = fake_display_state.properties[i].id;
    properties->prop_values[n++] = fake_display_state.properties[i].value;
  }
  g_mutex_unlock (&fake_display_lock);
  properties->count_props = n;

  return properties;
}

static drmModePropertyPtr
fake_get_property (int fd, uint32_t id)
{
  drmModePropertyPtr property = NULL;
  guint i, j;

  for (i = 0; i < fake_display_state.n && !property; i++) {
    const FakeProperty *fake = &fake_display_state.properties[i];

    if (fake->id != id)
      continue;
    property = calloc (1, sizeof (*property));
    property->prop_id = id;
    g_strlcpy (property->name, fake->name, sizeof (property->name));
    for (j = 0; fake->enums && fake->enums[j]; j++)
      property->count_enums++;
    property->enums =
        calloc (property->count_enums + 1, sizeof (*property->enums));
    for (j = 0; j < (guint) property->count_enums; j++) {
      property->enums[j].value = j;
      g_strlcpy (property->enums[j].name, fake->enums[j],
          sizeof (property->enums[j].name));
    }
  }

  return property;
}

static drmModePropertyBlobPtr
fake_get_property_blob (int fd, uint32_t id)
{
  GBytes *bytes = fake_display_get_blob (id);
  drmModePropertyBlobPtr blob;

  if (!bytes)
    return NULL;
  blob = calloc (1, sizeof (*blob));
  blob->id = id;
  blob->length = g_bytes_get_size (bytes);
  blob->data = calloc (1, blob->length);
  memcpy (blob->data, g_bytes_get_data (bytes, NULL), blob->length);
  g_bytes_unref (bytes);

  return blob;
}

static const KmsApi fake_api = {
  .open = fake_open,
  .close = fake_close,
  .ioctl = fake_display_ioctl,
  .read = fake_read,
  .ppoll = sleepers_ppoll,
  .get_version = fake_get_version,
  .is_master = fake_is_master,
  .get_resources = fake_get_resources,
  .get_plane_resources = fake_get_plane_resources,
  .get_plane = fake_get_plane,
  .get_connector = fake_get_connector,
  .get_encoder = fake_get_encoder,
  .get_properties = fake_get_properties,
  .get_property = fake_get_property,
  .get_blob = fake_get_property_blob,
};

/* --- for tests --------------------------------------------------------- */

static void
nothing (DmabufFence *fence, gpointer user_data)
{
}

/* The poller and its fds live as long as the process: start it before fds are
 * counted. */
static void
start_poller (void)
{
  DmabufFence *fence =
      dmabuf_fence_new_software (dmabuf_fence_context_alloc (1), 1,
          g_get_monotonic_time () + 60 * G_USEC_PER_SEC, NULL);
  guint id = dmabuf_fence_add_callback (fence, nothing, NULL, NULL);

  dmabuf_fence_remove_callback (fence, id);
  dmabuf_fence_signal (fence);
  dmabuf_fence_unref (fence);
}

void
fake_display_start (void)
{
  fake_display = (FakeDisplay) {
    .connected = TRUE,
    .atomic = TRUE,
    .kms = TRUE,
    .modifiers = TRUE,
    .in_fences = TRUE,
    .can_place = TRUE,
    .max_scale = 8,
    .writeback = TRUE,
  };
  fake_kernel_start ();
  start_poller ();
  n_fds = fake_kernel_get_n_fds ();
  kms_api = &fake_api;
}

guint
fake_display_stop (void)
{
  guint left = card_fd >= 0;

  if (left)
    g_printerr ("the card is still open\n");
  left += fake_display_ioctl_stop ();
  kms_api = &kms_api_drm;

  if (fake_kernel_get_n_fds () != n_fds)
    g_printerr ("%u fds, %u at the start\n", fake_kernel_get_n_fds (), n_fds);

  return left + (fake_kernel_get_n_fds () != n_fds) + fake_kernel_get_n_maps ()
      + fake_kernel_get_n_buffers ();
}

guint64
fake_display_get (guint32 object, const char *name)
{
  FakeProperty *property;
  guint64 value;

  g_mutex_lock (&fake_display_lock);
  property = fake_display_find_name (&fake_display_state, object, name);
  g_assert (property);
  value = property->value;
  g_mutex_unlock (&fake_display_lock);

  return value;
}

GBytes *
fake_display_get_blob_of (guint32 object, const char *name)
{
  return fake_display_get_blob (fake_display_get (object, name));
}
