/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A device and its cache of attachments. The cache is bounded: the least
 * recently used attachment without holders leaves first.
 */

#include "dmabuf-buffer-private.h"
#include "dmabuf-constraints-private.h"
#include "dmabuf-device-private.h"
#include "dmabuf-statistics-private.h"

#include <errno.h>

#define DEFAULT_MAX_ATTACHMENTS 64

typedef struct
{
  char *name;
  DmabufDeviceFlags flags;
  guint max_attachments;
  DmabufStatistics statistics;

  GMutex lock;
  DmabufConstraints *constraints;
  GHashTable *attachments; /* DmabufBuffer → DmabufAttachment */
  GQueue lru;              /* Most recently used first */
  gboolean told_eviction;
} DmabufDevicePrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (DmabufDevice, dmabuf_device, G_TYPE_OBJECT)

GType
dmabuf_device_flags_get_type (void)
{
  static gsize once = 0;
  static const GFlagsValue values[] = {
    { DMABUF_DEVICE_FLAG_NONE, "DMABUF_DEVICE_FLAG_NONE", "none" },
    { DMABUF_DEVICE_FLAG_IMPLICIT_SYNC, "DMABUF_DEVICE_FLAG_IMPLICIT_SYNC",
        "implicit-sync" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&once))
    g_once_init_leave (
        &once, g_flags_register_static ("DmabufDeviceFlags", values));
  return once;
}

enum
{
  PROP_0,
  PROP_NAME,
  PROP_FLAGS,
  PROP_MAX_ATTACHMENTS,
};

static DmabufDevicePrivate *
get_private (DmabufDevice *device)
{
  return dmabuf_device_get_instance_private (device);
}

static void
free_attachments (GSList *attachments)
{
  g_slist_free_full (attachments, (GDestroyNotify) dmabuf_attachment_free);
}

/* All attachments are idle now: one with holders would hold the device. */
static void
dmabuf_device_dispose (GObject *object)
{
  dmabuf_device_trim (DMABUF_DEVICE (object));

  G_OBJECT_CLASS (dmabuf_device_parent_class)->dispose (object);
}

static void
dmabuf_device_finalize (GObject *object)
{
  DmabufDevicePrivate *priv = get_private (DMABUF_DEVICE (object));

  g_hash_table_unref (priv->attachments);
  g_clear_pointer (&priv->constraints, dmabuf_constraints_free);
  g_mutex_clear (&priv->lock);
  g_free (priv->name);

  G_OBJECT_CLASS (dmabuf_device_parent_class)->finalize (object);
}

static void
dmabuf_device_set_property (
    GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
  DmabufDevicePrivate *priv = get_private (DMABUF_DEVICE (object));

  switch (id) {
  case PROP_NAME:
    g_free (priv->name);
    priv->name = g_value_dup_string (value);
    break;
  case PROP_FLAGS:
    priv->flags = g_value_get_flags (value);
    break;
  case PROP_MAX_ATTACHMENTS:
    g_mutex_lock (&priv->lock);
    priv->max_attachments = g_value_get_uint (value);
    g_mutex_unlock (&priv->lock);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
  }
}

static void
dmabuf_device_get_property (
    GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  DmabufDevicePrivate *priv = get_private (DMABUF_DEVICE (object));

  switch (id) {
  case PROP_NAME:
    g_value_set_string (value, dmabuf_device_get_name (DMABUF_DEVICE (object)));
    break;
  case PROP_FLAGS:
    g_value_set_flags (value, priv->flags);
    break;
  case PROP_MAX_ATTACHMENTS:
    g_value_set_uint (value, priv->max_attachments);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
  }
}

static void
dmabuf_device_class_init (DmabufDeviceClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags construct =
      G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS;

  object_class->dispose = dmabuf_device_dispose;
  object_class->finalize = dmabuf_device_finalize;
  object_class->set_property = dmabuf_device_set_property;
  object_class->get_property = dmabuf_device_get_property;

  /**
   * DmabufDevice:name:
   *
   * The name that messages use.
   */
  g_object_class_install_property (object_class, PROP_NAME,
      g_param_spec_string (
          "name", "Name", "The name that messages use", NULL, construct));

  /**
   * DmabufDevice:flags:
   *
   * Tasks that the device takes over from the library.
   */
  g_object_class_install_property (object_class, PROP_FLAGS,
      g_param_spec_flags ("flags", "Flags", "Tasks that the device takes over",
          DMABUF_TYPE_DEVICE_FLAGS, DMABUF_DEVICE_FLAG_NONE, construct));

  /**
   * DmabufDevice:max-attachments:
   *
   * How many attachments the cache keeps. Attachments that are held or mapped
   * stay even beyond that number.
   */
  g_object_class_install_property (object_class, PROP_MAX_ATTACHMENTS,
      g_param_spec_uint ("max-attachments", "Max attachments",
          "How many attachments the cache keeps", 1, G_MAXUINT,
          DEFAULT_MAX_ATTACHMENTS,
          G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_STATIC_STRINGS));
}

static void
dmabuf_device_init (DmabufDevice *device)
{
  DmabufDevicePrivate *priv = get_private (device);

  g_mutex_init (&priv->lock);
  g_queue_init (&priv->lru);
  priv->attachments = g_hash_table_new (NULL, NULL);
  priv->max_attachments = DEFAULT_MAX_ATTACHMENTS;
}

const char *
dmabuf_device_get_name (DmabufDevice *device)
{
  DmabufDevicePrivate *priv;

  g_return_val_if_fail (DMABUF_IS_DEVICE (device), NULL);

  priv = get_private (device);
  return priv->name ? priv->name : G_OBJECT_TYPE_NAME (device);
}

DmabufStatistics *
dmabuf_device_statistics (DmabufDevice *device)
{
  return &get_private (device)->statistics;
}

DmabufDeviceFlags
dmabuf_device_get_flags (DmabufDevice *device)
{
  return get_private (device)->flags;
}

GMutex *
dmabuf_device_lock (DmabufDevice *device)
{
  return &get_private (device)->lock;
}

void
dmabuf_device_set_constraints (
    DmabufDevice *device, const DmabufConstraints *constraints)
{
  DmabufConstraints *copy, *old;
  DmabufDevicePrivate *priv;

  g_return_if_fail (DMABUF_IS_DEVICE (device));

  priv = get_private (device);
  copy = constraints ? dmabuf_constraints_copy (constraints) : NULL;

  g_mutex_lock (&priv->lock);
  old = priv->constraints;
  priv->constraints = copy;
  g_mutex_unlock (&priv->lock);

  dmabuf_constraints_free (old);
}

DmabufConstraints *
dmabuf_device_get_constraints (DmabufDevice *device)
{
  DmabufConstraints *copy = NULL;
  DmabufDevicePrivate *priv;

  g_return_val_if_fail (DMABUF_IS_DEVICE (device), NULL);

  priv = get_private (device);
  g_mutex_lock (&priv->lock);
  if (priv->constraints)
    copy = dmabuf_constraints_copy (priv->constraints);
  g_mutex_unlock (&priv->lock);

  return copy;
}

gboolean
dmabuf_device_suits (
    DmabufDevice *device, DmabufExporter *exporter, GError **error)
{
  DmabufDevicePrivate *priv = get_private (device);
  gboolean suits;

  g_mutex_lock (&priv->lock);
  suits = !priv->constraints
      || dmabuf_constraints_check_exporter (priv->constraints, exporter, error);
  g_mutex_unlock (&priv->lock);

  return suits;
}

/* SEC-12: only formats that the device offered are taken. */
static gboolean
check_format (DmabufDevice *device, const DmabufLayout *layout, GError **error)
{
  DmabufDevicePrivate *priv = get_private (device);

  if (dmabuf_constraints_has_format (
          priv->constraints, layout->format, layout->modifier))
    return TRUE;

  dmabuf_set_error (error, EINVAL,
      "%s does not take format 0x%08x with modifier 0x%" G_GINT64_MODIFIER "x",
      dmabuf_device_get_name (device), layout->format, layout->modifier);
  return FALSE;
}

gboolean
dmabuf_device_takes_layout (
    DmabufDevice *device, const DmabufLayout *layout, GError **error)
{
  DmabufDevicePrivate *priv = get_private (device);
  gboolean takes;
  guint i;

  g_mutex_lock (&priv->lock);
  takes = !priv->constraints
      || (check_format (device, layout, error)
          && dmabuf_constraints_check_layout (
              priv->constraints, layout, error));
  g_mutex_unlock (&priv->lock);

  /* The memory of the first plane was checked when its buffer was attached. */
  for (i = 1; takes && i < layout->n_planes; i++) {
    DmabufBuffer *buffer = layout->planes[i].buffer;

    if (buffer != layout->planes[0].buffer)
      takes = dmabuf_device_suits (
          device, dmabuf_buffer_get_exporter (buffer), error);
  }
  return takes;
}

/* --- The cache ----------------------------------------------------------- */

gboolean
dmabuf_device_is_full (DmabufDevice *device)
{
  DmabufDevicePrivate *priv = get_private (device);

  return priv->lru.length > priv->max_attachments;
}

void
dmabuf_device_uncache (DmabufDevice *device, DmabufAttachment *attachment)
{
  DmabufDevicePrivate *priv = get_private (device);

  g_queue_unlink (&priv->lru, &attachment->lru);
  g_hash_table_remove (priv->attachments, attachment->buffer);
  attachment->cached = FALSE;
}

/* Lock held. Returns the attachments to free after unlocking. */
static GSList *
evict (DmabufDevice *device)
{
  DmabufDevicePrivate *priv = get_private (device);
  GList *link = priv->lru.tail;
  GSList *evicted = NULL;

  while (link && dmabuf_device_is_full (device)) {
    DmabufAttachment *attachment = link->data;

    link = link->prev;
    if (g_atomic_int_get (&attachment->n_holders) > 0)
      continue;

    dmabuf_device_uncache (device, attachment);
    evicted = g_slist_prepend (evicted, attachment);
    dmabuf_count (&priv->statistics, evictions, 1);
  }

  return evicted;
}

static void
tell_eviction (DmabufDevice *device)
{
  DmabufDevicePrivate *priv = get_private (device);

  g_message ("%s: more than %u buffers take turns, so imports are made again; "
             "raise max-attachments if this goes on",
      dmabuf_device_get_name (device), priv->max_attachments);
}

/* Lock held. Adds a holder to a cached attachment. */
static DmabufAttachment *
hold (DmabufDevice *device, DmabufAttachment *attachment)
{
  DmabufDevicePrivate *priv = get_private (device);

  if (g_atomic_int_add (&attachment->n_holders, 1) == 0) {
    g_atomic_int_inc (&attachment->hold_epoch);
    g_object_ref (device);
  }

  if (priv->lru.head != &attachment->lru) {
    g_queue_unlink (&priv->lru, &attachment->lru);
    g_queue_push_head_link (&priv->lru, &attachment->lru);
  }
  return attachment;
}

DmabufAttachment *
dmabuf_device_attach (
    DmabufDevice *device, DmabufBuffer *buffer, GError **error)
{
  DmabufDevicePrivate *priv;
  DmabufAttachment *attachment, *made;
  GSList *evicted = NULL;
  gboolean tell;

  /* ATT-1: EINVAL without a buffer or a device. */
  if (!DMABUF_IS_DEVICE (device) || !buffer) {
    g_critical ("a buffer and a device are needed to attach");
    dmabuf_set_error (
        error, EINVAL, "a buffer and a device are needed to attach");
    return NULL;
  }

  priv = get_private (device);

  g_mutex_lock (&priv->lock);
  attachment = g_hash_table_lookup (priv->attachments, buffer);
  if (attachment)
    hold (device, attachment);
  g_mutex_unlock (&priv->lock);
  if (attachment)
    return attachment;

  /* The exporter is asked without the lock. If another thread was faster, its
   * attachment is used. */
  made = dmabuf_attachment_new (device, buffer, error);
  if (!made)
    return NULL;

  g_mutex_lock (&priv->lock);
  attachment = g_hash_table_lookup (priv->attachments, buffer);
  if (attachment) {
    hold (device, attachment);
  } else {
    g_hash_table_insert (priv->attachments, buffer, made);
    g_queue_push_head_link (&priv->lru, &made->lru);
    made->cached = TRUE;
    evicted = evict (device);
  }
  tell = evicted && !priv->told_eviction;
  if (tell)
    priv->told_eviction = TRUE;
  g_mutex_unlock (&priv->lock);

  if (tell)
    tell_eviction (device);
  free_attachments (evicted);

  if (attachment) {
    dmabuf_attachment_unref (made);
    return attachment;
  }
  return made;
}

gboolean
dmabuf_device_detach (
    DmabufDevice *device, DmabufBuffer *buffer, GError **error)
{
  DmabufAttachment *attachment, *idle = NULL;
  DmabufDevicePrivate *priv;
  guint n_mapped;

  g_return_val_if_fail (DMABUF_IS_DEVICE (device), FALSE);
  g_return_val_if_fail (buffer != NULL, FALSE);

  priv = get_private (device);

  g_mutex_lock (&buffer->lock);
  g_mutex_lock (&priv->lock);
  attachment = g_hash_table_lookup (priv->attachments, buffer);
  n_mapped = attachment ? attachment->n_mapped : 0;
  if (attachment && n_mapped == 0) {
    dmabuf_device_uncache (device, attachment);
    if (g_atomic_int_get (&attachment->n_holders) == 0)
      idle = attachment;
  }
  g_mutex_unlock (&priv->lock);
  g_mutex_unlock (&buffer->lock);

  if (!attachment)
    goto not_attached;
  if (n_mapped > 0)
    goto mapped;
  if (idle)
    dmabuf_attachment_free (idle);
  return TRUE;

  /* ERRORS */
not_attached:
  g_critical (
      "the buffer is not attached to %s", dmabuf_device_get_name (device));
  dmabuf_set_error (error, EINVAL, "the buffer is not attached to %s",
      dmabuf_device_get_name (device));
  return FALSE;
mapped:
  g_critical ("the buffer is mapped by %s", dmabuf_device_get_name (device));
  dmabuf_set_error (error, EBUSY,
      "the buffer is mapped by %s: unmap it before it is detached",
      dmabuf_device_get_name (device));
  return FALSE;
}

void
dmabuf_device_trim (DmabufDevice *device)
{
  DmabufDevicePrivate *priv;
  GSList *idle = NULL;
  GList *link;

  g_return_if_fail (DMABUF_IS_DEVICE (device));

  priv = get_private (device);

  g_mutex_lock (&priv->lock);
  link = priv->lru.head;
  while (link) {
    DmabufAttachment *attachment = link->data;

    link = link->next;
    if (g_atomic_int_get (&attachment->n_holders) > 0)
      continue;
    dmabuf_device_uncache (device, attachment);
    idle = g_slist_prepend (idle, attachment);
  }
  g_mutex_unlock (&priv->lock);

  free_attachments (idle);
}
