#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# timeout: 400
#
# What a third party does: installs the project, builds an application with a
# Meson project of its own against it by pkg-config, and runs it; and the same
# in Python.

fail () {
  echo "$*"
  exit 1
}

top=$(pwd)
build=${DMABUF_BUILD:-build/native}
prefix=$(mktemp -d)

# The build is read-only here, and meson wants to write a log into it.
mount -t tmpfs log "$build/meson-logs" || fail "no place for meson's log"
trap 'umount "$build/meson-logs"; rm -rf "$prefix"' EXIT

DESTDIR=$prefix meson install --no-rebuild -C "$build" >"$prefix/log" 2>&1 ||
  fail "install: $(tail -n 5 "$prefix/log")"
pc=$(dirname "$(find "$prefix" -name gstreamer-dmabufcore-1.0.pc)")
[ -f "$pc/dmabufcore-1.0.pc" ] || fail "no pkg-config files under $prefix"
lib=$(dirname "$pc")

# only what is installed counts
unset GST_PLUGIN_PATH LD_LIBRARY_PATH GI_TYPELIB_PATH
export PKG_CONFIG_PATH="$pc"
sed -i "s|^prefix=.*|prefix=$prefix$(sed -n 's/^prefix=//p' \
  "$pc/dmabufcore-1.0.pc")|" "$pc"/*.pc
export GST_PLUGIN_PATH="$lib/gstreamer-1.0" LD_LIBRARY_PATH="$lib"
GI_TYPELIB_PATH=$(dirname "$(find "$prefix" -name 'GstDmabufCore*.typelib')")
export GI_TYPELIB_PATH

meson setup "$prefix/app" "$top/subprojects/picture-on-display" \
  >"$prefix/log" 2>&1 || fail "setup: $(tail -n 25 "$prefix/log")"
ninja -C "$prefix/app" >"$prefix/log" 2>&1 ||
  fail "build: $(tail -n 20 "$prefix/log")"
"$prefix/app/picture-on-display" 60 || fail "the application failed"
python3 "$top/tests/examples/picture-on-display.py" 20 ||
  fail "the Python program failed"
exit 0
