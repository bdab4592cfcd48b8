/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "non-coherent.h"

#include <execinfo.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

struct _NonCoherentExporter
{
  DmabufExporter parent_instance;

  DmabufExporter *backing;
};

G_DEFINE_FINAL_TYPE (
    NonCoherentExporter, non_coherent_exporter, DMABUF_TYPE_EXPORTER)

typedef struct
{
  guint8 *cpu;    /* Anonymous memory, inaccessible outside of brackets */
  guint8 *device; /* The storage itself */
  gsize size;
  GMutex lock;
  guint n_readers;
  guint n_writers;
} Copies;

#define MAX_COPIES 64

/* A static array, as the handler of SIGSEGV searches it. */
static Copies *volatile all_copies[MAX_COPIES];
static volatile guint n_reports;
static gconstpointer volatile last_caller;
static struct sigaction previous_action;

static gconstpointer
get_caller (ucontext_t *context)
{
#if defined(__x86_64__)
  return (gconstpointer) context->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
  return (gconstpointer) context->uc_mcontext.pc;
#elif defined(__arm__)
  return (gconstpointer) context->uc_mcontext.arm_pc;
#else
  return NULL;
#endif
}

static void
on_fault (int signal_number, siginfo_t *info, void *context)
{
  static const char text[] =
      "non-coherent: memory is touched outside of its CPU access, at:\n";
  guint8 *address = info->si_addr;
  void *caller;
  guint i;

  for (i = 0; i < MAX_COPIES; i++) {
    Copies *copies = all_copies[i];

    if (!copies || address < copies->cpu
        || address >= copies->cpu + copies->size)
      continue;

    caller = (void *) get_caller (context);
    if (write (STDERR_FILENO, text, sizeof text - 1) > 0)
      backtrace_symbols_fd (&caller, 1, STDERR_FILENO);
    last_caller = caller;
    n_reports++;
    /* The access is repeated, on stale data. */
    mprotect (copies->cpu, copies->size, PROT_READ | PROT_WRITE);
    return;
  }

  sigaction (SIGSEGV, &previous_action, NULL);
}

static void
install_handler (void)
{
  struct sigaction action = { .sa_flags = SA_SIGINFO | SA_NODEFER };
  static gsize once = 0;
  void *frame;

  if (!g_once_init_enter (&once))
    return;
  /* The first call loads a library, which a signal handler may not. */
  backtrace (&frame, 1);
  action.sa_sigaction = on_fault;
  sigaction (SIGSEGV, &action, &previous_action);
  g_once_init_leave (&once, 1);
}

static void
protect (Copies *copies)
{
  int protection = copies->n_writers > 0 ? PROT_READ | PROT_WRITE
      : copies->n_readers > 0            ? PROT_READ
                                         : PROT_NONE;

  mprotect (copies->cpu, copies->size, protection);
}

static void
copies_free (gpointer data)
{
  Copies *copies = data;
  guint i;

  for (i = 0; i < MAX_COPIES; i++) {
    if (all_copies[i] == copies)
      all_copies[i] = NULL;
  }
  munmap (copies->cpu, copies->size);
  g_mutex_clear (&copies->lock);
  g_free (copies);
}

static int
non_coherent_exporter_allocate (
    DmabufExporter *exporter, gsize size, GError **error)
{
  NonCoherentExporter *self = NON_COHERENT_EXPORTER (exporter);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (self->backing, size, error);
  int fd;

  if (!buffer)
    return -1;
  fd = dmabuf_buffer_export (buffer, error);
  dmabuf_buffer_unref (buffer);
  return fd;
}

static Copies *
get_copies (DmabufExporter *exporter, DmabufBuffer *buffer, GError **error)
{
  Copies *copies = dmabuf_buffer_get_exporter_data (buffer);

  if (!copies->device)
    copies->device =
        DMABUF_EXPORTER_CLASS (non_coherent_exporter_parent_class)
            ->vmap (exporter, buffer, DMABUF_ACCESS_READ_WRITE, error);
  return copies->device ? copies : NULL;
}

static void
non_coherent_exporter_setup (DmabufExporter *exporter, DmabufBuffer *buffer)
{
  Copies *copies = g_new0 (Copies, 1);
  guint i;

  install_handler ();
  g_mutex_init (&copies->lock);
  copies->size = dmabuf_buffer_get_size (buffer);
  copies->cpu =
      mmap (NULL, copies->size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  g_assert (copies->cpu != MAP_FAILED);
  for (i = 0; i < MAX_COPIES; i++) {
    if (!all_copies[i]) {
      all_copies[i] = copies;
      break;
    }
  }
  dmabuf_buffer_set_exporter_data (buffer, copies, copies_free);
}

static gboolean
non_coherent_exporter_begin_cpu_access (DmabufExporter *exporter,
    DmabufBuffer *buffer, DmabufAccess access, GError **error)
{
  Copies *copies;

  if (!DMABUF_EXPORTER_CLASS (non_coherent_exporter_parent_class)
          ->begin_cpu_access (exporter, buffer, access, error))
    return FALSE;
  copies = get_copies (exporter, buffer, error);
  if (!copies)
    return FALSE;

  /* Invalidate: for readers only, and not while a writer has data in its copy.
   */
  g_mutex_lock (&copies->lock);
  if (access & DMABUF_ACCESS_READ && copies->n_writers == 0) {
    mprotect (copies->cpu, copies->size, PROT_READ | PROT_WRITE);
    memcpy (copies->cpu, copies->device, copies->size);
  }
  if (access & DMABUF_ACCESS_WRITE)
    copies->n_writers++;
  else
    copies->n_readers++;
  protect (copies);
  g_mutex_unlock (&copies->lock);
  return TRUE;
}

static gboolean
non_coherent_exporter_end_cpu_access (DmabufExporter *exporter,
    DmabufBuffer *buffer, DmabufAccess access, GError **error)
{
  Copies *copies = dmabuf_buffer_get_exporter_data (buffer);

  g_mutex_lock (&copies->lock);
  if (access & DMABUF_ACCESS_WRITE) {
    memcpy (copies->device, copies->cpu, copies->size);
    copies->n_writers--;
  } else {
    copies->n_readers--;
  }
  protect (copies);
  g_mutex_unlock (&copies->lock);

  return DMABUF_EXPORTER_CLASS (non_coherent_exporter_parent_class)
      ->end_cpu_access (exporter, buffer, access, error);
}

static gpointer
non_coherent_exporter_vmap (DmabufExporter *exporter, DmabufBuffer *buffer,
    DmabufAccess access, GError **error)
{
  Copies *copies = get_copies (exporter, buffer, error);

  return copies ? copies->cpu : NULL;
}

static gpointer
non_coherent_exporter_mmap (DmabufExporter *exporter, DmabufBuffer *buffer,
    gsize offset, gsize size, DmabufAccess access, GError **error)
{
  Copies *copies = get_copies (exporter, buffer, error);

  return copies ? copies->cpu + offset : NULL;
}

static void
non_coherent_exporter_munmap (DmabufExporter *exporter, DmabufBuffer *buffer,
    gpointer address, gsize size)
{
}

static void
non_coherent_exporter_finalize (GObject *object)
{
  g_clear_object (&NON_COHERENT_EXPORTER (object)->backing);
  G_OBJECT_CLASS (non_coherent_exporter_parent_class)->finalize (object);
}

static void
non_coherent_exporter_class_init (NonCoherentExporterClass *klass)
{
  DmabufExporterClass *exporter_class = DMABUF_EXPORTER_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = non_coherent_exporter_finalize;
  exporter_class->allocate = non_coherent_exporter_allocate;
  exporter_class->setup = non_coherent_exporter_setup;
  exporter_class->begin_cpu_access = non_coherent_exporter_begin_cpu_access;
  exporter_class->end_cpu_access = non_coherent_exporter_end_cpu_access;
  exporter_class->vmap = non_coherent_exporter_vmap;
  exporter_class->mmap = non_coherent_exporter_mmap;
  exporter_class->munmap = non_coherent_exporter_munmap;
}

static void
non_coherent_exporter_init (NonCoherentExporter *self)
{
}

DmabufExporter *
non_coherent_exporter_new (DmabufExporter *backing)
{
  NonCoherentExporter *self =
      g_object_new (NON_COHERENT_TYPE_EXPORTER, "name", "non-coherent", NULL);

  self->backing = g_object_ref (backing);
  return DMABUF_EXPORTER (self);
}

guint
non_coherent_get_n_reports (gconstpointer *caller)
{
  if (caller)
    *caller = last_caller;
  return n_reports;
}

gpointer
non_coherent_get_device_copy (DmabufBuffer *buffer)
{
  Copies *copies =
      get_copies (dmabuf_buffer_get_exporter (buffer), buffer, NULL);

  return copies ? copies->device : NULL;
}
