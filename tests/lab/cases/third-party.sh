#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The application that tests/third-party.sh built shows its frames with the
# installed project only; and so does one in Python.

build=${DMABUF_BUILD:-build/native}
case $build in /*) ;; *) build=$(pwd)/$build ;; esac
prefix=$build/third-party
if [ ! -x "$prefix/app/picture-on-display" ]; then
  echo "not built: run the native test third-party first"
  exit 77
fi

lib=$(dirname "$(find "$prefix" -name 'libgstdmabufcore-1.0.so')")
typelib=$(dirname "$(find "$prefix" -name 'GstDmabufCore*.typelib')")
export GST_PLUGIN_PATH="$lib/gstreamer-1.0" LD_LIBRARY_PATH="$lib"
export GI_TYPELIB_PATH="$typelib"

# A separate registry: if the common one had these plugins, the next case would
# have to scan for those of the build again.
GST_REGISTRY=$(mktemp)
trap 'rm -f "$GST_REGISTRY"' EXIT
export GST_REGISTRY
unset GST_REGISTRY_UPDATE
cp ~/.cache/gstreamer-1.0/registry.*.bin "$GST_REGISTRY"

"$prefix/app/picture-on-display" 20 || { echo "in C: failed"; exit 1; }
tests/examples/picture-on-display.py 20 || { echo "in Python: failed"; exit 1; }
