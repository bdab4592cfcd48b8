# SPDX-License-Identifier: LGPL-2.1-or-later
# What a run depends on: printed at its start, since it is another on each day.
# shellcheck shell=bash

# versions: of this machine, of the guest's kernels, and of what is in the root.
versions () {
  local kernels
  kernels=$(guest_kernels)
  [ -z "$kernels" ] ||
    kernels=", in the guest $kernels, $(first_version qemu-system-x86_64)"
  say "kernel $(uname -r) on $(uname -m)$kernels"
  say "$(root_versions)"
}

# guest_kernels: LANE RELEASE, … of the root; nothing where it has none.
guest_kernels () {
  local file list=()
  for file in "$ROOT"/lanes/*/release; do
    [ -f "$file" ] || continue
    list+=("$(basename "$(dirname "$file")") $(cat "$file"),")
  done
  echo "${list[*]}" | sed 's/,$//'
}

# first_version COMMAND: what it calls itself, or that it is not there.
first_version () {
  "$1" --version 2>/dev/null | sed -n "1{s/ version / /; s/ (.*//; p;}" |
    grep . || echo "no $1"
}

# root_versions: asked in the root, one line.
root_versions () {
  # shellcheck disable=SC2016
  in_top sh -c '
    package () {
      dpkg-query -W -f ", $1 \${Version}" "$2" 2>/dev/null
    }
    export PKG_CONFIG_PATH=$(echo /usr/lib/*/pkgconfig | tr " " :)
    printf "Debian %s: GStreamer %s, GLib %s" "$(cat /etc/debian_version)" \
      "$(pkg-config --modversion gstreamer-1.0)" \
      "$(pkg-config --modversion glib-2.0)"
    printf ", gcc %s" "$(gcc -dumpfullversion)"
    package Meson meson
    package Mesa mesa-vulkan-drivers'
}
