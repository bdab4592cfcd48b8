/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/* An element between two pads of the program's */
typedef struct
{
  GstElement *element;
  GstPad *src;  /* what is pushed here goes through the element */
  GstPad *sink; /* and arrives here */
} Pads;

/* Plays an element, and sends it all that comes before a buffer. */
void pads_open (Pads *pads, const char *factory, GstPadChainFunction chain,
    GstPadQueryFunction query, GstCaps *caps);
void pads_close (Pads *pads);

G_END_DECLS
