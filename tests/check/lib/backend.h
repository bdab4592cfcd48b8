/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One list of tests for two kernels: the fake one, and with
 * DMABUF_TEST_BACKEND=kernel in the environment the real one. A test that needs
 * the fake asks backend_is_fake(). A wrong answer of the fake makes the same
 * test fail on the real kernel.
 */

#include <gst/check/gstcheck.h>
#include <libdmabufcore/dmabufcore.h>
#include "../fake-kernel/fake-kernel.h"
#include "non-coherent.h"
#include "third-party.h"
#include "threads.h"

G_BEGIN_DECLS

gboolean backend_is_fake (void);

/* Whether this runs under valgrind: children are checked too, and everything
 * takes longer. */
gboolean backend_in_valgrind (void);

/* Tells the runner that the test @name was skipped for @reason. */
void backend_skip (const char *name, const char *reason);

/* Run before and after each test, as a checked fixture. The end asserts that
 * all fds, mappings and buffers are gone. */
void backend_start (void);
void backend_stop (void);

/* The real kernel with calls that report threads which sleep (threads.h) */
const DmabufKernel *backend_real_kernel (void);

/* Adds a test case with that fixture to @suite. */
TCase *backend_add_case (Suite *suite, const char *name);

/* The exporters to test, @n from 0: a heap, udmabuf, a third party's, one with
 * a cache that is not coherent; NULL after the last. One that cannot be opened
 * fails the test, as the lab has all their devices. */
DmabufExporter *backend_new_exporter (guint n);
#define BACKEND_N_EXPORTERS 4

/* Maps the dma-buf or memfd @fd for reading and writing. */
guint8 *backend_map (int fd, gsize size);

/* A device that imports anything and counts its imports. */
#define TEST_TYPE_DEVICE (test_device_get_type ())
G_DECLARE_FINAL_TYPE (TestDevice, test_device, TEST, DEVICE, DmabufDevice)

struct _TestDevice
{
  DmabufDevice parent_instance;

  gint n_imports;
  gint n_releases;
  gint fail_with; /* The errno of the next imports, 0 for none */
  /* (nullable): called by an import */
  void (*on_import) (DmabufAttachment *attachment, const DmabufLayout *layout);
};

TestDevice *test_device_new (const char *name, DmabufDeviceFlags flags);

/* The same as a dynamic importer. */
DmabufDevice *dynamic_device_new (const char *name);
guint dynamic_device_get_n_invalidated (DmabufDevice *device);

/* Runs @code, a misuse that the library has to report as a critical. */
#define ASSERT_MISUSE(code) \
  G_STMT_START \
  { \
    g_test_expect_message ("dmabufcore", G_LOG_LEVEL_CRITICAL, "*"); \
    code; \
    g_test_assert_expected_messages (); \
  } \
  G_STMT_END

/* Checks the code of @error, and frees it. */
#define assert_error(error, code) \
  G_STMT_START \
  { \
    fail_unless ((error) != NULL, "no error, but %s expected", #code); \
    fail_unless (g_error_matches ((error), DMABUF_ERROR, (code)), \
        "%s expected, but: %s", #code, (error)->message); \
    g_clear_error (&(error)); \
  } \
  G_STMT_END

#define assert_no_error(error) \
  fail_unless ((error) == NULL, "%s", (error) ? (error)->message : "")

G_END_DECLS
