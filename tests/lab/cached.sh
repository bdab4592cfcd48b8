# SPDX-License-Identifier: LGPL-2.1-or-later
# The cache of the build root, and of the guest's kernels and disk image. Each
# is made once, and named after its recipe, the files that describe it.
# shellcheck shell=bash

ROOT_RECIPE=("$LAB/packages" "$LAB/root.sh" "$LAB/kernels.sh")
ROOT=$CACHE/root-$(recipe "${ROOT_RECIPE[@]}")
IMAGE_RECIPE=("${ROOT_RECIPE[@]}" "$LAB/image.sh" "$LAB/modules.sh"
  "$LAB/initramfs-init")
IMAGE=$CACHE/guest-$(recipe "${IMAGE_RECIPE[@]}")

# prepare_root, prepare_guest: make the root, or root and image, if the cache
# lacks them.
prepare_root () {
  can_as_root
  if [ ! -d "$ROOT" ]; then
    writable "$CACHE"
    progress "the first time takes minutes and some 8 GB in $CACHE: a Debian" \
      "root, the build, perhaps a virtual machine; once stopped, it goes on there"
    need mmdebstrap mmdebstrap xz xz-utils
    locked "$CACHE/lock" make_cached "$ROOT" build_root 5000 "the build root" ||
      exit 1
  fi
  touch "$ROOT" 2>/dev/null # The day of its last use, see forget_old
}

need_qemu () {
  [ "$(uname -m)" = x86_64 ] ||
    die "the virtual machine is for x86-64, and this is $(uname -m);" \
      "./run demo --here and ./run test --no-vm do without"
  need qemu-system-x86_64 qemu-system-x86
}

prepare_guest () {
  need_qemu
  prepare_root
  [ -d "$IMAGE" ] ||
    locked "$CACHE/lock" make_cached "$IMAGE" build_image 3000 \
      "the guest's image" || exit 1
  touch "$IMAGE" 2>/dev/null
}

# forget_old: removes roots, images and packages that no checkout has used for
# two weeks.
forget_old () {
  local dir
  find "$CACHE" -maxdepth 1 \
    \( -name 'root-*' -o -name 'guest-*' -o -name 'debs-*' \) \
    -mtime +14 -print | while read -r dir; do as_root rm -rf "$dir"; done
}

# make_cached DIR FUNCTION MB WHAT: FUNCTION fills a temporary directory, which
# is renamed to DIR when it is complete. WHAT, for messages, takes MB while it
# is made. Called under the lock, so an existing temporary directory was left by
# a run that was killed.
make_cached () {
  [ ! -d "$1" ] || return 0
  local tmp=$CACHE/tmp rc=0
  as_root rm -rf "$tmp"
  forget_old
  has_ids
  room "$CACHE" "$3" "$4"
  mkdir "$tmp" || return
  # shellcheck disable=SC2064
  trap "stopped ${4@Q}" EXIT
  trap 'exit 143' TERM
  trap 'exit 129' HUP
  "$2" "$tmp" && mv -T "$tmp" "$1" || rc=1
  trap - EXIT TERM HUP
  [ $rc = 0 ] || forget_half
  return $rc
}

# forget_half: removes an incomplete root or image, and keeps fetched packages.
forget_half () {
  as_root rm -rf "$CACHE/tmp"
  [ -n "$(fetched)" ] || as_root rm -rf "$(debs)"
}

# debs: prints the folder for the packages of a root while it is made.
debs () { echo "$CACHE/debs-${ROOT_LANE:-$SUITE}"; }

fetched () { find "$(debs)" -name '*.deb' 2>/dev/null; }

# stopped WHAT: cleans up after a signal while WHAT was made.
stopped () {
  local with=
  stop_step
  forget_half
  [ -z "$(fetched)" ] || with=", from the packages that were fetched"
  say "stopped before $1 was complete; the next run makes it$with"
}

# with_debs DIR COMMAND…: runs COMMAND, in which mmdebstrap uses DIR for apt's
# archives. If mmdebstrap is stopped they stay in DIR; at its end it removes
# them.
with_debs () {
  export DEBS=$1
  shift
  mmdebstrap () {
    # shellcheck disable=SC2016
    command mmdebstrap --setup-hook='mkdir -p "$1/var/cache/apt/archives"' \
      --setup-hook='mount --bind "$DEBS" "$1/var/cache/apt/archives"' "$@"
  }
  "$@"
}

# build_root DIR, build_image DIR: a FUNCTION of make_cached.
build_root () {
  local log=$CACHE/root.log debs found
  progress "building the build root (${ROOT_LANE:-Debian $SUITE})," \
    "about 3 minutes, log in $log"
  debs=$(debs)
  mkdir -p "$debs"
  found=$(fetched | wc -l)
  [ "$found" = 0 ] ||
    progress "with $found packages that a run before this one fetched"
  # shellcheck disable=SC2016
  logged "$log" as_root bash -c 'TOP=$1; . "$TOP/tests/lab/lib.sh"
    . "$LAB/root.sh"; . "$LAB/roots.sh"; . "$LAB/cached.sh"
    with_debs "$2" bootstrap_lane "$4" "$3"' \
    bash "$TOP" "$debs" "$1" "${ROOT_LANE-}" ||
    { not_made "the build root could not be made" "$log"; return 1; }
  as_root rm -rf "$debs"
}

build_image () {
  local log=$CACHE/guest.log
  progress "building kernel modules and the guest's image, about 2 minutes," \
    "log in $log"
  logged "$log" enter "$1" -- "$LAB/image.sh" "$LAB" "$1" ||
    { not_made "the guest's image could not be made" "$log"; return 1; }
}

# not_made WHAT LOG: prints why WHAT failed. Fetched packages stay for the next
# run, unless the disk is full.
not_made () {
  local why
  why=$(failure "$1" "$2" "$CACHE")
  say "$why"
  case $why in *" is full: "*) as_root rm -rf "$(debs)" ;; esac
}
