#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# kernels.sh ROOT: called by mmdebstrap when the packages are in. Puts each
# lane's kernel, its headers and the sources of the drivers that Debian does
# not build under ROOT/lanes/LANE. The packages are only unpacked: installing
# them would build an initramfs that nobody boots.
# shellcheck disable=SC2016
set -euo pipefail
root=$1

# The virtual machine is for x86-64; on other machines the root is all.
[ "$(dpkg --print-architecture)" = amd64 ] || exit 0

in_root () { chroot "$root" env DEBIAN_FRONTEND=noninteractive "$@"; }

# release SUITE: the version of linux-image-amd64 there, as in uname -r.
release () {
  in_root apt-get install -s --no-install-recommends -t "$1" \
    linux-image-amd64 | sed -n 's/^Inst linux-image-\([0-9][^ ]*\) .*/\1/p'
}

# packages SUITE RELEASE: what image, headers and source pull in, with versions.
packages () {
  local series
  series=$(echo "$2" | cut -d. -f 1,2)
  in_root apt-get install -s --no-install-recommends -t "$1" \
    "linux-image-$2" "linux-headers-$2" "linux-source-$series" |
    sed -n 's/^Inst \(linux-[^ ]*\) (\([^ ]*\) .*/\1=\2/p'
}

fetch () { # LANE SUITE
  local lane=$root/lanes/$1 k
  k=$(release "$2")
  [ -n "$k" ] || { echo "no linux-image-amd64 in $2" >&2; exit 1; }
  echo "I: kernel of lane $1: $k" >&2
  mkdir -p "$lane/src" "$lane/debs"
  echo "$k" >"$lane/release"
  # shellcheck disable=SC2046
  in_root sh -c 'cd "$1" && shift && apt-get download "$@"' sh \
    "/lanes/$1/debs" $(packages "$2" "$k") >/dev/null
  drivers "$lane"/debs/linux-source-*.deb | tar -xJ -C "$lane/src" \
    --strip-components=1 --wildcards \
    '*/drivers/gpu/drm/vkms/*' \
    '*/drivers/gpu/drm/drm_gem_dma_helper.c' \
    '*/drivers/gpu/drm/drm_internal.h' \
    '*/drivers/dma-buf/s*' \
    '*/drivers/dma-buf/heaps/*' \
    '*/drivers/media/v4l2-core/v4l2-mem2mem.c' \
    '*/drivers/media/test-drivers/vim2m.c' \
    '*/drivers/media/test-drivers/vimc/*' \
    '*/drivers/media/test-drivers/vicodec/*'
  rm "$lane"/debs/linux-source-*.deb
  local deb
  for deb in "$lane"/debs/*.deb; do
    # /lib is a link in the root: keep it one.
    dpkg-deb --fsys-tarfile "$deb" |
      tar -x -C "$root" --keep-directory-symlink --exclude='./usr/share/doc'
  done
  rm -r "$lane/debs"
  mv "$(kernel "$k")" "$lane/vmlinuz"
  rm -f "$root"/boot/*
  in_root depmod "$k"
}

kernel () { # RELEASE: where its packages put it; that has moved over time
  local f
  for f in "$root/usr/lib/modules/$1/vmlinuz" "$root/boot/vmlinuz-$1"; do
    [ ! -f "$f" ] || { echo "$f"; return; }
  done
  echo "the packages of kernel $1 hold no vmlinuz" >&2
  return 1
}

drivers () { # DEB: the kernel's source as a tar.xz stream
  dpkg-deb --fsys-tarfile "$1" |
    tar -xO --wildcards './usr/src/linux-source-*.tar.xz'
}

fetch backports trixie-backports
fetch stable trixie
