# SPDX-License-Identifier: LGPL-2.1-or-later
# Functions that run a command inside the build root.
# shellcheck shell=bash

# passed_on: the caller's variables that a command in the root or guest gets.
passed_on () {
  env -0 | grep -zE \
    '^(DMABUF_|GST_|G_|GI_|MESON|CK_|CI=|TERM=|COLUMNS=|NO_COLOR=|[A-Z]*SAN_OPTIONS=|VK_|MESA_|LIBGL_|WAYLAND_|DISPLAY=)'
}

# enter [DIR…] -- COMMAND…: runs COMMAND inside the root, with the checkout and
# the DIRs at their own paths.
enter () {
  local dirs=("$TOP") env=() line git
  while [ "$1" != -- ]; do dirs+=("$1"); shift; done
  shift
  # The repository of a linked worktree lies elsewhere; git needs it.
  git=$(git -C "$TOP" rev-parse --path-format=absolute --git-common-dir \
    2>/dev/null) || git=
  case $git in "" | "$TOP"/*) ;; *) dirs+=("$git") ;; esac
  while IFS= read -r -d '' line; do env+=("$line"); done < <(passed_on)
  mkdir -p "$CACHE/mnt"
  as_root "$LAB/enter.sh" "$ROOT" "$CACHE/mnt" "$(cwd)" "${dirs[@]}" -- \
    /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin \
    HOME=/root USER=root LANG=C.UTF-8 SHELL=/bin/bash "${env[@]}" "$@"
}

# cwd: the caller's directory, or the checkout if that is outside of it.
cwd () {
  case $PWD/ in "$TOP"/*) echo "$PWD" ;; *) echo "$TOP" ;; esac
}

# in_top COMMAND…: runs COMMAND inside the root, at the checkout's top.
in_top () { (as_root_by=exec; cd "$TOP" && enter -- "$@"); }

# build [LANE]: builds for LANE, see native.py. Standard input is left to the
# command that runs afterwards.
build () {
  writable "$TOP/build"
  room "$TOP/build" 20 "the build"
  in_top tests/lab/native.py build "${1:-plain}" </dev/null
}

# with_build [COMMAND…]: runs COMMAND inside the root, in the caller's
# directory, with the build's plugins; without COMMAND, a shell.
with_build () {
  enter -- meson devenv -C "$TOP/build/native" -w "$(cwd)" "$@"
}
