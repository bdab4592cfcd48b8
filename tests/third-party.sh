#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# third-party.sh TOP BUILD: what a third party does: installs the project,
# below BUILD/third-party, and builds an application against it, a Meson project
# of its own that finds it by pkg-config. The lab runs what comes of it.

top=$1 build=$2 prefix=$2/third-party

fail () {
  echo "$*"
  exit 1
}

rm -rf "$prefix"
DESTDIR=$prefix meson install --no-rebuild -C "$build" >"$build/third-party.log" \
  2>&1 || fail "install: $(tail -n 5 "$build/third-party.log")"
pc=$(dirname "$(find "$prefix" -name gstreamer-dmabufcore-1.0.pc)")
[ -f "$pc/dmabufcore-1.0.pc" ] || fail "no pkg-config files under $prefix"
sed -i "s|^prefix=.*|prefix=$prefix$(sed -n 's/^prefix=//p' \
  "$pc/dmabufcore-1.0.pc")|" "$pc"/*.pc

unset GST_PLUGIN_PATH LD_LIBRARY_PATH
export PKG_CONFIG_PATH="$pc"
meson setup "$prefix/app" "$top/subprojects/picture-on-display" \
  >"$build/third-party.log" 2>&1 ||
  fail "setup: $(tail -n 25 "$build/third-party.log")"
ninja -C "$prefix/app" >"$build/third-party.log" 2>&1 ||
  fail "build: $(tail -n 20 "$build/third-party.log")"
LD_LIBRARY_PATH=$(dirname "$pc") G_DEBUG=fatal-criticals \
  "$prefix/app/picture-on-display" 1 no-such-element \
  >"$build/third-party.log" 2>&1
[ $? = 2 ] || fail "a wrong sink: $(cat "$build/third-party.log")"

# What the pages show to its author is C that compiles.
include=$(find "$prefix" -type d -name include)
"$top/tests/snippets.py" "$include" "$top"/docs/*.md \
  >"$prefix/snippets.c" 2>"$build/third-party.log" ||
  fail "snippets: $(cat "$build/third-party.log")"
# shellcheck disable=SC2046
cc -fsyntax-only -Wall -Werror -Wno-unused \
  $(pkg-config --cflags gstreamer-dmabufcore-1.0) "$prefix/snippets.c" \
  >"$build/third-party.log" 2>&1 ||
  fail "snippets: $(tail -n 20 "$build/third-party.log")"
