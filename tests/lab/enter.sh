#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# enter.sh ROOT MOUNTPOINT CWD DIR… -- COMMAND…: runs COMMAND in ROOT with the
# DIRs at their own paths. Called by enter () in namespaces of its own, so
# nothing is unmounted here. ROOT itself never changes: what COMMAND writes
# outside the DIRs goes to a layer in memory that vanishes.
set -euo pipefail
root=$1 mnt=$2 cwd=$3
shift 3

mount -t tmpfs -o mode=755,size=75% layer "$mnt"
mkdir "$mnt"/{upper,work,root}
options=lowerdir=$root,upperdir=$mnt/upper,workdir=$mnt/work
# Attributes of the kind "trusted" are not for a user namespace's root.
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
# A container may have a tiny /dev/shm, or none.
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

# Not exec: a first process gets no signal that it does not handle, which no
# COMMAND expects. TERM and INT go to COMMAND.
set +e
trap '' INT
(trap - INT; exec chroot "$root" /usr/bin/env -C "$cwd" "$@") <&0 &
child=$!
trap 'kill -TERM $child' TERM
{ wait $child; } 2>/dev/null # its signal is told by the status alone
rc=$?
while kill -0 $child 2>/dev/null; do wait $child 2>/dev/null; rc=$?; done
exit $rc
