/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The caps of a device: probing, fixating and applying them. */

#include "mock-driver.h"
#include "gst/v4l2/v4l2-setup.h"

#include <errno.h>
#include <gst/allocators/gstdmabuf.h>

static V4l2Device *device;
static V4l2Caps caps;

static void
probe (void)
{
  GError *error = NULL;

  device = v4l2_device_open (&mock_api, "/dev/video0", &error);
  assert_no_error (error);
  v4l2_caps_probe (&caps, device, &error);
  assert_no_error (error);
}

static void
done (void)
{
  v4l2_caps_clear (&caps);
  v4l2_device_unref (device);
}

static gboolean
offers (const char *text)
{
  GstCaps *wanted = gst_caps_from_string (text);
  gboolean found = gst_caps_can_intersect (caps.caps, wanted);

  gst_caps_unref (wanted);
  return found;
}

/* Fixates the caps for a peer that takes @peer, in its order. */
static GstCaps *
choose (const char *peer)
{
  GstCaps *wanted = gst_caps_from_string (peer);
  GstCaps *common =
      gst_caps_intersect_full (wanted, caps.caps, GST_CAPS_INTERSECT_FIRST);
  GstStructure *open;
  GstCaps *chosen;

  gst_caps_unref (wanted);
  fail_if (gst_caps_is_empty (common));
  chosen = v4l2_caps_fixate (&caps, common, &open);
  gst_structure_free (open);
  return chosen;
}

static void
assert_chosen (const char *peer, const char *expected)
{
  GstCaps *chosen = choose (peer);
  GstCaps *wanted = gst_caps_from_string (expected);

  fail_unless (gst_caps_is_fixed (chosen));
  fail_unless (gst_caps_is_subset (chosen, wanted), "%s: chose %s, not %s",
      peer, gst_caps_to_string (chosen), expected);
  gst_caps_unref (wanted);
  gst_caps_unref (chosen);
}

/* DMA_DRM is before plain caps; each size of each format has its own rates. */
GST_START_TEST (test_discrete_sizes)
{
  guint i;
  gboolean plain = FALSE;

  probe ();
  fail_unless (offers ("video/x-raw,format=NV12,width=1280,height=720,"
                       "framerate=60/1"));
  fail_unless (offers ("video/x-raw(memory:DMABuf),format=DMA_DRM,"
                       "drm-format=XR24,width=640,framerate=15/1"));
  fail_if (offers ("video/x-raw,width=640,framerate=60/1"));
  fail_if (offers ("video/x-raw,width=1280,height=480"));
  fail_if (offers ("video/x-raw,format=I420"));
  fail_if (offers ("image/jpeg"));

  for (i = 0; i < gst_caps_get_size (caps.caps); i++) {
    gboolean dmabuf = gst_caps_features_contains (
        gst_caps_get_features (caps.caps, i), GST_CAPS_FEATURE_MEMORY_DMABUF);

    fail_if (dmabuf && plain, "DMA_DRM after plain caps");
    plain |= !dmabuf;
  }
  fail_unless (plain);
  done ();
}
GST_END_TEST;

/* A range has a step if its ends are multiples of it. */
GST_START_TEST (test_stepwise_sizes)
{
  mock_driver.stepwise =
      (struct v4l2_frmsize_stepwise) { 16, 4096, 8, 16, 2160, 2 };
  probe ();
  fail_unless (offers ("video/x-raw,width=1288,height=722"));
  fail_if (offers ("video/x-raw,width=1287"));
  fail_if (offers ("video/x-raw,width=4104"));
  fail_unless (offers ("video/x-raw,width=64,framerate=7/1"));
  done ();
}
GST_END_TEST;

/* For drivers without ENUM_FRAMESIZES the limits come from TRY_FMT. */
GST_START_TEST (test_sizes_by_trying)
{
  mock_driver.fail_nth = 1;
  mock_driver.fail_code = ENOTTY;
  mock_driver.fail_request = VIDIOC_ENUM_FRAMESIZES;
  probe ();
  fail_unless (offers ("video/x-raw,format=YUY2,width=1000,height=700"));
  fail_if (offers ("video/x-raw,format=YUY2,width=639"));
  fail_if (offers ("video/x-raw,format=YUY2,height=721"));
  done ();
}
GST_END_TEST;

/* NV12 and NV12M have the same caps: the contiguous one is offered. */
GST_START_TEST (test_contiguous_is_preferred)
{
  static const MockFormat formats[] = {
    { V4L2_PIX_FMT_NV12M, 2 },
    { V4L2_PIX_FMT_YUYV, 1 },
    { V4L2_PIX_FMT_NV12, 1 },
  };
  V4l2Request request;
  GError *error = NULL;
  GstCaps *chosen;

  mock_driver.capabilities = V4L2_CAP_VIDEO_CAPTURE_MPLANE | V4L2_CAP_STREAMING;
  mock_driver.formats = formats;
  mock_driver.n_formats = G_N_ELEMENTS (formats);
  mock_driver.format.type = V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
  mock_driver.format.fmt.pix_mp.pixelformat = V4L2_PIX_FMT_YUYV;
  probe ();
  chosen = choose ("video/x-raw,format=NV12,width=640");
  fail_unless (v4l2_caps_parse (&caps, chosen, &request, &error));
  fail_unless_equals_int (request.info->v4l2, V4L2_PIX_FMT_NV12);
  gst_caps_unref (chosen);
  done ();
}
GST_END_TEST;

/* Without a preference of the peer the device's current setting is the default,
 * with a rate of at least 30; otherwise the nearest values are chosen. */
GST_START_TEST (test_choice)
{
  probe ();
  assert_chosen ("video/x-raw",
      "video/x-raw,format=YUY2,width=640,height=480,framerate=30/1");
  assert_chosen (
      "video/x-raw,format={NV12,YUY2}", "video/x-raw,format=YUY2,width=640");
  assert_chosen ("video/x-raw,format=NV12;video/x-raw,format=YUY2",
      "video/x-raw,format=NV12,width=640");
  assert_chosen ("video/x-raw,width=[800,2000]",
      "video/x-raw,format=YUY2,width=1280,height=720,framerate=30/1");
  assert_chosen ("video/x-raw,framerate=[40/1,100/1]",
      "video/x-raw,width=1280,framerate=60/1");
  assert_chosen ("video/x-raw(memory:DMABuf),format=DMA_DRM,"
                 "drm-format={XR24,NV12}; video/x-raw",
      "video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format=NV12,width=640");
  done ();
}
GST_END_TEST;

GST_START_TEST (test_parse)
{
  V4l2Request request;
  GError *error = NULL;
  GstCaps *fixed;

  probe ();
  fixed = gst_caps_from_string (
      "video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format=XR24,width=640,"
      "height=480,framerate=30/1,colorimetry=bt709");
  fail_unless (v4l2_caps_parse (&caps, fixed, &request, &error));
  fail_unless_equals_int (request.info->v4l2, V4L2_PIX_FMT_XBGR32);
  fail_unless_equals_int (request.width, 640);
  fail_unless_equals_int (request.fps_n, 30);
  fail_unless (request.has_colorimetry);
  gst_caps_unref (fixed);

  /* A tiled format, and a format that the device does not have. */
  fixed = gst_caps_from_string (
      "video/x-raw(memory:DMABuf),format=DMA_DRM,"
      "drm-format=XR24:0x0100000000000001,width=640,height=480");
  fail_if (v4l2_caps_parse (&caps, fixed, &request, &error));
  assert_error (error, EINVAL);
  gst_caps_unref (fixed);
  fixed = gst_caps_from_string (
      "video/x-raw,format=I420,width=640,height=480,framerate=30/1");
  fail_if (v4l2_caps_parse (&caps, fixed, &request, &error));
  assert_error (error, EINVAL);
  gst_caps_unref (fixed);
  done ();
}
GST_END_TEST;

static gboolean
apply (const char *text, V4l2Setup *setup, GError **error)
{
  GstCaps *fixed = gst_caps_from_string (text);
  V4l2Request request;
  gboolean ok;

  ok = v4l2_caps_parse (&caps, fixed, &request, error)
      && v4l2_setup_apply (device, &request, setup, error);
  gst_caps_unref (fixed);
  return ok;
}

GST_START_TEST (test_setup)
{
  GError *error = NULL;
  V4l2Setup setup;
  GstStructure *open;
  GstCaps *completed;

  probe ();
  fail_unless (apply ("video/x-raw,format=NV12,width=1280,height=720,"
                      "framerate=60/1",
      &setup, &error));
  assert_no_error (error);
  fail_unless_equals_int (setup.layout.strides[1], 1280);
  fail_unless_equals_int (setup.fps_n, 60);
  fail_unless_equals_int (
      mock_driver.format.fmt.pix.pixelformat, V4L2_PIX_FMT_NV12);

  completed = gst_caps_from_string ("video/x-raw,format=NV12");
  open = gst_structure_new_empty ("open");
  v4l2_setup_complete_caps (&setup, completed, open);
  gst_structure_free (open);
  fail_unless_equals_string (
      gst_structure_get_string (
          gst_caps_get_structure (completed, 0), "interlace-mode"),
      "progressive");
  fail_unless (gst_structure_has_field (
      gst_caps_get_structure (completed, 0), "colorimetry"));
  gst_caps_unref (completed);
  done ();
}
GST_END_TEST;

/* If the driver changes the format, setting it fails: the caps promise it. */
GST_START_TEST (test_setup_refuses_what_differs)
{
  GError *error = NULL;
  V4l2Setup setup;

  probe ();
  fail_if (
      apply ("video/x-raw,format=NV12,width=1000,height=720,framerate=30/1",
          &setup, &error));
  fail_unless (strstr (error->message,
                   "/dev/video0 (mock): asked for NV12 "
                   "1000x720, the driver gives NV12 "),
      "%s", error->message);
  assert_error (error, EINVAL);

  fail_if (apply ("video/x-raw,format=NV12,width=640,height=480,"
                  "framerate=30/1,colorimetry=bt709",
      &setup, &error));
  fail_unless (strstr (error->message, "colorimetry bt709"));
  assert_error (error, EINVAL);

  mock_driver.field = V4L2_FIELD_INTERLACED;
  fail_if (apply ("video/x-raw,format=NV12,width=640,height=480,framerate=30/1",
      &setup, &error));
  fail_unless (strstr (error->message, "asked for progressive video"));
  assert_error (error, EINVAL);
  fail_unless (apply ("video/x-raw,format=NV12,width=640,height=480,"
                      "framerate=30/1,interlace-mode=interleaved",
      &setup, &error));

  mock_driver.field = V4L2_FIELD_ALTERNATE;
  fail_if (apply ("video/x-raw,format=NV12,width=640,height=480,framerate=30/1",
      &setup, &error));
  fail_unless (strstr (error->message, "single fields"));
  assert_error (error, EINVAL);

  mock_driver.fail_nth = 1;
  mock_driver.fail_code = EBUSY;
  mock_driver.fail_request = VIDIOC_S_FMT;
  fail_if (apply ("video/x-raw,format=NV12,width=640,height=480,framerate=30/1",
      &setup, &error));
  fail_unless (strstr (error->message, "in use by another program"));
  assert_error (error, EBUSY);
  done ();
}
GST_END_TEST;

GST_START_TEST (test_no_known_format)
{
  static const MockFormat formats[] = { { V4L2_PIX_FMT_MJPEG, 1 } };
  GError *error = NULL;

  mock_driver.formats = formats;
  mock_driver.n_formats = 1;
  device = v4l2_device_open (&mock_api, "/dev/video0", &error);
  fail_if (v4l2_caps_probe (&caps, device, &error));
  fail_unless (strstr (error->message, "no raw video format"));
  fail_unless (strstr (error->message, "only MJPG"), "%s", error->message);
  fail_unless (strstr (error->message, "v4l2src ! decodebin ! dmabufalloc"),
      "%s", error->message);
  assert_error (error, EINVAL);
  v4l2_device_unref (device);
}
GST_END_TEST;

/* A raw sensor needs an image processor, not a decoder. */
GST_START_TEST (test_sensor_format)
{
  static const MockFormat formats[] = { { V4L2_PIX_FMT_SRGGB10P, 1 } };
  GError *error = NULL;

  mock_driver.formats = formats;
  mock_driver.n_formats = 1;
  device = v4l2_device_open (&mock_api, "/dev/video0", &error);
  fail_if (v4l2_caps_probe (&caps, device, &error));
  fail_unless (strstr (error->message, "only pRAA"), "%s", error->message);
  fail_unless (strstr (error->message, "libcamerasrc"), "%s", error->message);
  assert_error (error, EINVAL);
  v4l2_device_unref (device);
}
GST_END_TEST;

static Suite *
caps_suite (void)
{
  Suite *suite = suite_create ("v4l2-caps");
  TCase *tc = mock_driver_add_case (suite, "general");

  tcase_add_test (tc, test_discrete_sizes);
  tcase_add_test (tc, test_stepwise_sizes);
  tcase_add_test (tc, test_sizes_by_trying);
  tcase_add_test (tc, test_contiguous_is_preferred);
  tcase_add_test (tc, test_choice);
  tcase_add_test (tc, test_parse);
  tcase_add_test (tc, test_setup);
  tcase_add_test (tc, test_setup_refuses_what_differs);
  tcase_add_test (tc, test_no_known_format);
  tcase_add_test (tc, test_sensor_format);

  return suite;
}

GST_CHECK_MAIN (caps);
