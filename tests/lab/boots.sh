# SPDX-License-Identifier: LGPL-2.1-or-later
# The boots by name: what the machine of each has besides the usual one. A case
# asks for one with "# boot: NAME", a person with ./run vm --boot NAME.
# shellcheck shell=bash disable=SC2034,SC2054

# boot_NAME STATE MEMORY: adds to the arrays args, QEMU's arguments, append, the
# kernel's parameters, and preload, libraries for QEMU. STATE is the folder that
# lives as long as the guest, and QEMU's working directory.

# A guest of its own for the cases of Vulkan; no further device.
boot_gpu () { :; }

# Two more cards, contiguous memory and a camera that needs it.
boot_strangers () {
  args+=(-device virtio-gpu-pci,id=virtio-gpu)
  blob_memory "$1" "$2" &&
    args+=(-device virtio-gpu-pci,id=virtio-gpu-blob,blob=true)
  monitor_in_guest
  # modprobe takes the parameters of modules from here: of two vivids the first
  # has cache hints, the second contiguous memory.
  append+=(cma=64M vivid.n_devs=2 vivid.allocators=0,1 vivid.cache_hints=1,0)
}

# blob_memory STATE MEMORY: makes the guest's memory such that a card can show it
# where it lies, which takes the host's /dev/udmabuf or its stand-in.
blob_memory () {
  if [ ! -w /dev/udmabuf ]; then
    host_udmabuf "$1/host-udmabuf.so" || return 1
    preload+=("$1/host-udmabuf.so")
  fi
  args+=(-object "memory-backend-memfd,id=ram,size=$2"
    -machine memory-backend=ram)
}

# host_udmabuf COPY: the library, built in the root for a program of the host:
# FALSE if that program's C library cannot load it. LD_PRELOAD is split at spaces,
# which the checkout's path may have, hence the copy.
host_udmabuf () {
  local source=$LAB/host-udmabuf.c library=$TOP/build/host-udmabuf.so new
  new=$library.$BASHPID
  if [ ! "$library" -nt "$source" ]; then
    in_top cc -shared -fPIC -O1 -Wall -o "$new" "$source" &&
      mv "$new" "$library" || return 1
  fi
  cp "$library" "$1" || return 1
  [ -z "$(LD_PRELOAD=$1 /bin/true 2>&1)" ] ||
    { say "$library does not load on this machine: no card with blob resources"
      return 1; }
}

# monitor_in_guest: the guest talks to QEMU's monitor through a virtio port, see
# cases/lib/qemu.py. QEMU connects to a socket of its own, in a folder that is
# closed to other users; by a relative name, since that of a socket is short.
monitor_in_guest () {
  args+=(-chardev socket,id=monitor,path=monitor,server=on,wait=off
    -mon chardev=monitor,mode=control
    -chardev socket,id=to-monitor,path=monitor
    -device virtserialport,chardev=to-monitor,name=lab.monitor,nr=4)
}

# boots: their names.
boots () { declare -F | sed -n 's/^declare -f boot_//p'; }

# is_boot NAME: whether there is one; "" is the usual machine.
is_boot () { [ -z "$1" ] || declare -F "boot_$1" >/dev/null; }
