#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# enter.sh ROOT MOUNTPOINT CWD DIR… -- COMMAND…: runs COMMAND in ROOT with the
# DIRs at their own paths. enter () calls it in namespaces of its own, whose end
# unmounts everything. ROOT itself never changes: files that COMMAND writes
# outside the DIRs go to a layer in memory and are lost.
set -euo pipefail
root=$1 mnt=$2 cwd=$3
shift 3

mount -t tmpfs -o mode=755,size=75% layer "$mnt"
mkdir "$mnt"/{upper,work,root}
options=lowerdir=$root,upperdir=$mnt/upper,workdir=$mnt/work
# overlayfs keeps its data in trusted.* attributes, which root in a user
# namespace cannot set.
read -r _ outside _ </proc/self/uid_map
[ "$outside" = 0 ] || options+=,userxattr
mount -t overlay -o "$options" overlay "$mnt/root" || {
  echo "run: overlayfs is not available here; needs CONFIG_OVERLAY_FS" \
    "(modprobe overlay)" >&2
  exit 125
}
root=$mnt/root
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
# A container may lack /dev/shm, or have a tiny one.
mkdir -p /dev/shm
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
while [ "$1" != -- ]; do
  if [ -d "$1" ]; then
    mkdir -p "$root$1"
    mount --rbind "$1" "$root$1"
  fi
  shift
done
shift

# Without exec: the kernel drops signals that the first process of a PID
# namespace does not handle, so COMMAND must not be that process. This shell
# passes TERM on; INT reaches COMMAND directly.
set +e
trap '' INT
(trap - INT; exec chroot "$root" /usr/bin/env -C "$cwd" "$@") <&0 &
child=$!
trap 'kill -TERM $child' TERM
{ wait $child; } 2>/dev/null # Without bash's message about a signal
rc=$?
while kill -0 $child 2>/dev/null; do wait $child 2>/dev/null; rc=$?; done
exit $rc
