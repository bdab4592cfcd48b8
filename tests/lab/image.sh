#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# image.sh LAB OUT: called inside the root, whose files it may change:
# they are a throw-away layer. Leaves in OUT the guest's root.img and for each
# lane LANE/{vmlinuz,initramfs,release}.
set -euo pipefail
lab=$1 out=$2

# What /init needs to reach the root image and the checkout, in the order of
# its dependencies.
boot_modules=(virtio_pci virtio_blk virtio_console ext4 9pnet_virtio 9p)

initramfs () { # LANE RELEASE
  local dir ko line
  dir=$(mktemp -d)
  mkdir -p "$dir"/{bin,proc,sys,dev,root,modules}
  cp /bin/busybox "$dir/bin/busybox"
  local applet
  for applet in $(busybox --list); do
    [ "$applet" = busybox ] || ln -s busybox "$dir/bin/$applet"
  done
  install -m 755 "$lab/initramfs-init" "$dir/init"
  for line in "${boot_modules[@]}"; do
    modprobe -S "$2" --show-depends "$line"
  done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' |
    while read -r ko; do
      line=$(basename "${ko%.xz}")
      case $ko in
        *.xz) xz -dc "$ko" >"$dir/modules/$line" ;;
        *) cp "$ko" "$dir/modules/$line" ;;
      esac
      echo "$line" >>"$dir/modules/order"
    done
  (cd "$dir" && find . | busybox cpio -o -H newc 2>/dev/null) |
    gzip -1 >"$out/$1/initramfs"
  rm -r "$dir"
}

for dir in /lanes/*/; do
  lane=$(basename "$dir")
  k=$(cat "$dir/release")
  echo "I: kernel modules for $k" >&2
  mkdir "$out/$lane"
  "$lab/modules.sh" "$lane" /
  depmod "$k"
  cp "$dir/vmlinuz" "$dir/release" "$out/$lane/"
  initramfs "$lane" "$k"
done

# Nobody compiles in the guest. Only files: to remove directories of the layer
# below takes extended attributes, which a user namespace may not have here.
echo "I: root image" >&2
find /lanes /usr/src /usr/include /usr/lib/gcc /usr/libexec/gcc \
  /usr/lib/llvm-*/bin /usr/lib/llvm-*/lib/clang \
  /usr/lib/x86_64-linux-gnu/*.a /var/cache/apt /var/lib/apt/lists \
  ! -type d -delete
mkdir -p /tmp/merged
mount --bind / /tmp/merged # without what is mounted below it
size=$(du -sm /tmp/merged | cut -f 1)
files=$(find /tmp/merged | wc -l)
mke2fs -q -t ext4 -O ^has_journal -m 0 -N $((files + 50000)) \
  -d /tmp/merged "$out/root.img" "$((size * 110 / 100 + 512))M"
umount /tmp/merged
