/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Memory over dma-bufs: a map is a CPU access of the core, its errors fail the
 * map, and memory of other allocators is found by the identity of its dma-buf.
 */

#include "../lib/fixture.h"
#include "../lib/non-coherent.h"

#include <errno.h>
#include <linux/dma-buf.h>
#include <string.h>
#include <unistd.h>

static GstAllocator *allocator;
static DmabufExporter *exporter;

static void
setup (void)
{
  fixture_setup ();
  allocator = gst_dmabuf_core_allocator_get ();
  exporter = dmabuf_heap_exporter_new (NULL, NULL);
}

static void
teardown (void)
{
  g_clear_object (&exporter);
  gst_object_unref (allocator);
  fixture_teardown ();
}

static GstMemory *
new_memory (gsize size)
{
  GError *error = NULL;
  GstMemory *memory =
      gst_dmabuf_core_allocator_alloc (allocator, exporter, size, &error);

  assert_no_error (error);
  fail_unless (gst_is_dmabuf_memory (memory));
  fail_unless (gst_dmabuf_core_is_memory (memory));
  fail_unless_equals_uint64 (gst_memory_get_sizes (memory, NULL, NULL), size);
  return memory;
}

/* CPU-1, CPU-5: each map is a START and an END, with its direction. */
GST_START_TEST (test_cpu1_a_map_is_a_bracket)
{
  GstMemory *memory = new_memory (5000);
  guint64 maps = gst_dmabuf_core_memory_get_cpu_maps ();
  GstMapInfo map;

  fake_kernel_reset_calls ();
  fail_unless (gst_memory_map (memory, &map, GST_MAP_READ));
  fail_unless_equals_int (fake_kernel_get_ioctls (DMA_BUF_IOCTL_SYNC), 1);
  gst_memory_unmap (memory, &map);
  fail_unless_equals_int (fake_kernel_get_ioctls (DMA_BUF_IOCTL_SYNC), 2);
  fail_unless_equals_uint64 (gst_dmabuf_core_memory_get_cpu_maps () - maps, 1);
  gst_memory_unref (memory);
}
GST_END_TEST;

/* If the CPU access cannot begin the map fails, instead of returning stale
 * memory.
 */
GST_START_TEST (test_a_failed_bracket_fails_the_map)
{
  GstMemory *memory = new_memory (4096);
  GstMapInfo map;

  fake_kernel_break_ioctl (DMA_BUF_IOCTL_SYNC, EIO);
  fail_if (gst_memory_map (memory, &map, GST_MAP_READ));
  fake_kernel_break_ioctl (DMA_BUF_IOCTL_SYNC, 0);
  fail_unless (gst_memory_map (memory, &map, GST_MAP_READ));
  gst_memory_unmap (memory, &map);
  gst_memory_unref (memory);
}
GST_END_TEST;

/* While one memory is mapped for reading, another one over the same dma-buf is
 * mapped for writing. */
GST_START_TEST (test_a_wider_map_while_a_narrower_one_lives)
{
  GstMemory *memory = new_memory (8192);
  GstMemory *part = gst_memory_share (memory, 4096, 4096);
  GstMemory *again = gst_dmabuf_core_allocator_wrap (allocator,
      dmabuf_buffer_ref (gst_dmabuf_core_memory_get_buffer (memory, NULL)));
  GstMapInfo read, nested, write;

  fail_unless (gst_memory_map (part, &read, GST_MAP_READ));
  fail_unless (gst_memory_map (part, &nested, GST_MAP_READ));
  fail_unless (nested.data == read.data);
  fail_unless (gst_memory_map (again, &write, GST_MAP_READWRITE));
  memset (write.data + 4096, 0x5a, 4096);
  gst_memory_unmap (part, &nested);
  gst_memory_unmap (again, &write);
  fail_unless (read.data[0] == 0x5a && read.data[4095] == 0x5a);
  gst_memory_unmap (part, &read);

  gst_memory_unref (part);
  gst_memory_unref (again);
  gst_memory_unref (memory);
}
GST_END_TEST;

/* Memory may be resized while it is mapped, as with other allocators. */
GST_START_TEST (test_resized_while_it_is_mapped)
{
  GstMemory *memory = new_memory (8192);
  GstMapInfo map;

  fail_unless (gst_memory_map (memory, &map, GST_MAP_WRITE));
  map.data[100] = 0x5a;
  gst_memory_resize (memory, 100, 1000);
  gst_memory_unmap (memory, &map);

  fail_unless (gst_memory_map (memory, &map, GST_MAP_READ));
  fail_unless_equals_uint64 (map.size, 1000);
  fail_unless_equals_int (map.data[0], 0x5a);
  gst_memory_unmap (memory, &map);
  gst_memory_unref (memory);
}
GST_END_TEST;

GST_START_TEST (test_parts_span)
{
  GstMemory *memory = new_memory (8192), *other = new_memory (8192);
  GstMemory *first = gst_memory_share (memory, 100, 1000);
  GstMemory *second = gst_memory_share (memory, 1100, 50);
  GstMemory *third = gst_memory_share (memory, 1200, 50);
  gsize offset = 0;

  fail_unless (gst_memory_is_span (first, second, &offset));
  fail_unless_equals_uint64 (offset, 100);
  fail_if (gst_memory_is_span (second, third, NULL));
  fail_if (gst_memory_is_span (memory, other, NULL));
  fail_unless (gst_dmabuf_core_memory_get_buffer (first, NULL)
      == gst_dmabuf_core_memory_get_buffer (memory, NULL));

  gst_memory_unref (first);
  gst_memory_unref (second);
  gst_memory_unref (third);
  gst_memory_unref (memory);
  gst_memory_unref (other);
}
GST_END_TEST;

/* A copy has memory of its own, is counted, and is a CPU access. */
GST_START_TEST (test_a_copy_says_so)
{
  GstMemory *memory = new_memory (4096), *copy;
  guint64 copies = gst_dmabuf_core_memory_get_copies ();
  GstMapInfo map;

  gst_memory_map (memory, &map, GST_MAP_WRITE);
  memset (map.data, 7, map.size);
  gst_memory_unmap (memory, &map);
  copy = gst_memory_copy (memory, 96, -1);
  fail_unless (copy != NULL);
  fail_if (gst_is_dmabuf_memory (copy));
  fail_unless_equals_uint64 (gst_memory_get_sizes (copy, NULL, NULL), 4000);
  gst_memory_map (copy, &map, GST_MAP_READ);
  fail_unless (map.data[0] == 7 && map.data[3999] == 7);
  gst_memory_unmap (copy, &map);
  fail_unless_equals_uint64 (gst_dmabuf_core_memory_get_copies () - copies, 1);

  gst_memory_unref (copy);
  gst_memory_unref (memory);
}
GST_END_TEST;

/* EXP-6: memory of another allocator over a dup of the fd has the same buffer,
 * and only the first look-up makes a system call. */
GST_START_TEST (test_exp6_foreign_memory_is_adopted_by_identity)
{
  GstMemory *memory = new_memory (4096);
  DmabufBuffer *buffer = gst_dmabuf_core_memory_get_buffer (memory, NULL);
  GstAllocator *upstream = gst_dmabuf_allocator_new ();
  guint i;

  for (i = 0; i < 3; i++) {
    int fd = dmabuf_buffer_export (buffer, NULL);
    GstMemory *foreign = gst_dmabuf_allocator_alloc_with_flags (
        upstream, fd, 4096, GST_FD_MEMORY_FLAG_DONT_CLOSE);

    fail_unless (gst_dmabuf_core_memory_get_buffer (foreign, NULL) == buffer);
    fake_kernel_reset_calls ();
    fail_unless (gst_dmabuf_core_memory_get_buffer (foreign, NULL) == buffer);
    fail_unless_equals_int (fake_kernel_get_calls (FAKE_N_CALLS), 0);
    gst_memory_unref (foreign);
    dmabuf_kernel->close (fd);
  }

  gst_object_unref (upstream);
  gst_memory_unref (memory);
}
GST_END_TEST;

GST_START_TEST (test_other_memory_is_refused_by_name)
{
  GstMemory *memory = gst_allocator_alloc (NULL, 4096, NULL);
  GError *error = NULL;

  fail_unless (gst_dmabuf_core_memory_get_buffer (memory, &error) == NULL);
  fail_unless (g_error_matches (error, DMABUF_ERROR, EINVAL));
  fail_unless (strstr (error->message, "SystemMemory") != NULL);
  g_error_free (error);
  gst_memory_unref (memory);
}
GST_END_TEST;

GST_START_TEST (test_a_memfd_is_no_dmabuf)
{
  DmabufExporter *memfd = dmabuf_memfd_exporter_new ();
  GstMemory *memory =
      gst_dmabuf_core_allocator_alloc (allocator, memfd, 4096, NULL);
  GstMapInfo map;

  fail_if (gst_is_dmabuf_memory (memory));
  fail_unless (gst_dmabuf_core_is_memory (memory));
  fail_unless (gst_memory_map (memory, &map, GST_MAP_READWRITE));
  map.data[4095] = 1;
  gst_memory_unmap (memory, &map);
  gst_memory_unref (memory);
  g_object_unref (memfd);
}
GST_END_TEST;

/* Without coherent caches the CPU sees the device's writes, and the device
 * those of the CPU, because each map is a CPU access. */
GST_START_TEST (test_maps_are_right_without_coherent_caches)
{
  DmabufExporter *odd = non_coherent_exporter_new (exporter);
  GstMemory *memory =
      gst_dmabuf_core_allocator_alloc (allocator, odd, 4096, NULL);
  guint8 *device = non_coherent_get_device_copy (
      gst_dmabuf_core_memory_get_buffer (memory, NULL));
  GstMapInfo map;

  memset (device, 0x11, 4096);
  fail_unless (gst_memory_map (memory, &map, GST_MAP_READ));
  fail_unless (map.data[0] == 0x11 && map.data[4095] == 0x11);
  gst_memory_unmap (memory, &map);

  fail_unless (gst_memory_map (memory, &map, GST_MAP_WRITE));
  memset (map.data, 0x22, map.size);
  gst_memory_unmap (memory, &map);
  fail_unless (device[0] == 0x22 && device[4095] == 0x22);
  fail_unless_equals_int (non_coherent_get_n_reports (NULL), 0);

  gst_memory_unref (memory);
  g_object_unref (odd);
}
GST_END_TEST;

/* Unmaps like gst_memory_unmap(), without the checks of GstMemory. */
static void
end_access (GstMemory *memory, GstMapInfo map, GstMapFlags flags)
{
  map.flags = flags;
  memory->allocator->mem_unmap_full (memory, &map);
}

static gpointer
begin_access (GstMemory *memory, GstMapInfo *map, GstMapFlags flags)
{
  *map = (GstMapInfo) { .memory = memory, .flags = flags };
  map->data = memory->allocator->mem_map_full (memory, map, memory->maxsize);
  return map->data;
}

/* Misuse is reported: a map that ends twice, never, or with other flags; the
 * double also reports a write through a map for reading. */
GST_START_TEST (test_misuse_of_maps_is_reported)
{
  DmabufExporter *odd = non_coherent_exporter_new (exporter);
  GstMemory *memory =
      gst_dmabuf_core_allocator_alloc (allocator, odd, 4096, NULL);
  guint n_reports = non_coherent_get_n_reports (NULL);
  GstMapInfo map;

  fail_unless (gst_memory_map (memory, &map, GST_MAP_READ));
  fail_unless (((volatile guint8 *) map.data)[0] == 0);
  fail_unless_equals_int (non_coherent_get_n_reports (NULL), n_reports);
  ((volatile guint8 *) map.data)[0] = 1;
  fail_unless_equals_int (non_coherent_get_n_reports (NULL), n_reports + 1);
  gst_memory_unmap (memory, &map);
  gst_memory_unref (memory);
  g_object_unref (odd);

  memory = new_memory (4096);
  fail_unless (begin_access (memory, &map, GST_MAP_READ));
  end_access (memory, map, GST_MAP_READ);
  g_test_expect_message ("dmabufcore", G_LOG_LEVEL_CRITICAL, "*not begin*");
  ASSERT_MISUSE (end_access (memory, map, GST_MAP_READ)); /* Not mapped */

  fail_unless (begin_access (memory, &map, GST_MAP_READ));
  ASSERT_MISUSE (end_access (memory, map, GST_MAP_WRITE));
  ASSERT_MISUSE (gst_memory_unref (memory)); /* The read access is open */

  memory = new_memory (4096);
  fail_unless (begin_access (memory, &map, GST_MAP_WRITE));
  g_test_expect_message ("dmabufcore", G_LOG_LEVEL_CRITICAL, "*mapped*");
  ASSERT_MISUSE (gst_memory_unref (memory));
}
GST_END_TEST;

static Suite *
allocator_suite (void)
{
  Suite *suite = suite_create ("allocator");
  TCase *tc = tcase_create ("allocator");

  suite_add_tcase (suite, tc);
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_cpu1_a_map_is_a_bracket);
  tcase_add_test (tc, test_a_failed_bracket_fails_the_map);
  tcase_add_test (tc, test_a_wider_map_while_a_narrower_one_lives);
  tcase_add_test (tc, test_resized_while_it_is_mapped);
  tcase_add_test (tc, test_parts_span);
  tcase_add_test (tc, test_a_copy_says_so);
  tcase_add_test (tc, test_exp6_foreign_memory_is_adopted_by_identity);
  tcase_add_test (tc, test_other_memory_is_refused_by_name);
  tcase_add_test (tc, test_a_memfd_is_no_dmabuf);
  tcase_add_test (tc, test_maps_are_right_without_coherent_caches);
  tcase_add_test (tc, test_misuse_of_maps_is_reported);

  return suite;
}

GST_CHECK_MAIN (allocator)
