# SPDX-License-Identifier: LGPL-2.1-or-later
# The build roots of further lanes, made by root.sh. Part of their recipes: a change
# here makes them stale.
# shellcheck shell=bash disable=SC2034

NEXT_SUITE=forky

# use_root LANE: from now on this shell's root is LANE's, or for an empty LANE the
# usual one.
use_root () {
  ROOT_LANE=$1
  [ -n "$1" ] || return 0
  ROOT=$CACHE/root-$1-$(recipe "$LAB/roots/$1/packages" "$LAB"/{root,roots}.sh)
}

# bootstrap_lane LANE DIR: bootstrap () of root.sh, which takes packages and
# kernels from $LAB.
bootstrap_lane () {
  [ -n "$1" ] || { bootstrap "$2"; return; }
  # Of updates and backports these lanes need none, and a suite that is not
  # released has none.
  sources () { of_root sources | grep " $SUITE main\$"; }
  "lane_$1"
  LAB=$LAB/roots/$1 bootstrap "$2"
}

# of_root FUNCTION: what root.sh has under a name that is another's here.
of_root () (
  local suite=$SUITE
  # shellcheck disable=SC1091
  . "$TOP/tests/lab/root.sh"
  SUITE=$suite
  "$1"
)

# The lists of a suite that is not released expire: a machine whose mirror stands
# still has told its apt so. And its essential packages no longer bring mount.
lane_next () {
  SUITE=$NEXT_SUITE
  apt_options () {
    of_root apt_options
    apt-config dump | sed -n 's/^Acquire::Check-/--aptopt=&/p'
    echo --include=mount
  }
}

# Packages of another architecture beside those of this machine's.
lane_arm64 () { add_architecture arm64; }
lane_armhf () { add_architecture armhf; }

add_architecture () {
  other=$1
  apt_options () {
    of_root apt_options
    echo "--architectures=$(dpkg --print-architecture),$other"
  }
}
