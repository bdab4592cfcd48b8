# SPDX-License-Identifier: LGPL-2.1-or-later
# The versions of the software that a run uses: they change from day to day, so
# each run prints them at its start.
# shellcheck shell=bash

# versions: prints those of the root and of the guest.
versions () {
  local kernels
  say "$(root_versions)"
  kernels=$(guest_kernels)
  [ -z "$kernels" ] ||
    say "guest: $kernels, $(first_version qemu-system-x86_64)"
}

machine_version () { say "this machine: kernel $(uname -r) on $(uname -m)"; }

# guest_kernels: prints "LANE RELEASE, …" of the root, or nothing if it has no
# kernels.
guest_kernels () {
  local file list=()
  for file in "$ROOT"/lanes/*/release; do
    [ -f "$file" ] || continue
    list+=("$(basename "$(dirname "$file")") $(cat "$file"),")
  done
  echo "${list[*]}" | sed 's/,$//'
}

# first_version COMMAND: prints its name and version, or "no COMMAND".
first_version () {
  "$1" --version 2>/dev/null | sed -n "1{s/ version / /; s/ (.*//; p;}" |
    grep . || echo "no $1"
}

# root_versions: prints the versions of the root's packages in one line.
root_versions () {
  # shellcheck disable=SC2016
  in_top sh -c '
    package () {
      version=$(dpkg-query -W -f "\${Version}" "$2" 2>/dev/null)
      [ -z "$version" ] || printf ", %s %s" "$1" "$version"
    }
    export PKG_CONFIG_PATH=$(echo /usr/lib/*/pkgconfig | tr " " :)
    printf "Debian %s: GStreamer %s, GLib %s" "$(cat /etc/debian_version)" \
      "$(pkg-config --modversion gstreamer-1.0)" \
      "$(pkg-config --modversion glib-2.0)"
    for gcc in gcc aarch64-linux-gnu-gcc arm-linux-gnueabihf-gcc; do
      ! command -v $gcc >/dev/null || printf ", $gcc $($gcc -dumpfullversion)"
    done
    package Meson meson
    package Mesa mesa-vulkan-drivers
    package qemu-user qemu-user'
}
