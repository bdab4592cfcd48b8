#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""snippets.py HEADERS PAGE…: prints a C program of the pages' C, each block a
function, for a compiler to look at; fails if a page names a function that no
header of the directory HEADERS declares."""

import os
import re
import sys

# What the text around the blocks speaks of.
PRELUDE = '''
#include <libdmabufcore/dmabufcore.h>
#include <gst/dmabufcore/gstdmabufcore.h>

static GstCaps *caps;
static GstQuery *query;
static GstBuffer *buffer;
static GstBufferPool *pool;
static GstVideoAlignment alignment;
static GstDmabufCoreConstraints constraints;
static DmabufAttachment *attachment;
static DmabufReservation **reservations;
static DmabufAcquireContext context;
static DmabufFence *wait_for, *mine;
static GCancellable *cancellable;
static struct { GCancellable *cancellable; } *self;
static GError *error;
static gint64 deadline;
static guint n;
static int fd, out_fd;
'''


def functions(headers):
    found = set()
    for directory, _, names in os.walk(headers):
        for name in names:
            with open(os.path.join(directory, name), encoding='utf-8') as file:
                found.update(re.findall(r'\b(\w+) ?\(', file.read()))
    return found


def main():
    headers, pages = sys.argv[1], sys.argv[2:]
    known = functions(headers)
    unknown, number = [], 0
    print(PRELUDE)
    for page in pages:
        with open(page, encoding='utf-8') as file:
            text = file.read()
        for match in re.finditer(r'^ *```c\n(.*?)^ *```', text, re.S | re.M):
            number += 1
            block = match[1]
            line = text.count('\n', 0, match.start(1)) + 1
            if block.lstrip().startswith('#include'):
                print(block)
                continue
            print(f'void block_{number} (void);\n'
                  f'void block_{number} (void)\n{{{{\n'
                  f'#line {line} "{page}"\n{block};\n}}}}')
        for name in re.findall(r'\b(dmabuf_\w+|gst_\w*dmabuf_\w+) \(', text):
            if name not in known:
                unknown.append(f'{page}: there is no {name} ()')
    print('\n'.join(unknown), file=sys.stderr)
    return bool(unknown) or number == 0


if __name__ == '__main__':
    sys.exit(main())
