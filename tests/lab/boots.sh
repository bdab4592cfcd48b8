# SPDX-License-Identifier: LGPL-2.1-or-later
# The boots by name: the devices of each besides those of the usual machine. A
# case asks for one with "# boot: NAME", a user with ./run vm --boot NAME.
# shellcheck shell=bash disable=SC2034,SC2054

# boot_NAME STATE MEMORY: adds to the arrays args (arguments of QEMU), append
# (parameters of the kernel) and preload (libraries for QEMU). STATE is a folder
# that exists as long as the guest, and QEMU's working directory.

# A guest of its own for the cases of Vulkan; no further device.
boot_gpu () { :; }

# Two more cards, contiguous memory and a camera that needs it.
boot_strangers () {
  args+=(-device virtio-gpu-pci,id=virtio-gpu)
  blob_memory "$1" "$2" &&
    args+=(-device virtio-gpu-pci,id=virtio-gpu-blob,blob=true)
  monitor_in_guest
  # modprobe reads parameters of modules from the kernel's command line. Of the
  # two vivids the first has cache hints, the second contiguous memory.
  append+=(cma=64M vivid.n_devs=2 vivid.allocators=0,1 vivid.cache_hints=1,0)
}

# blob_memory STATE MEMORY: allocates the guest's memory as a memfd, so that
# QEMU can show pages of it without a copy. QEMU needs the host's /dev/udmabuf
# for that, or host-udmabuf.c, which emulates it.
blob_memory () {
  if [ ! -w /dev/udmabuf ]; then
    host_udmabuf "$1/host-udmabuf.so" || return 1
    preload+=("$1/host-udmabuf.so")
  fi
  args+=(-object "memory-backend-memfd,id=ram,size=$2"
    -machine memory-backend=ram)
}

# host_udmabuf COPY: builds the library in the root, for a program of the host.
# Fails if the host's C library cannot load it. COPY has a path without spaces,
# at which LD_PRELOAD is split; the checkout's path may have some.
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

# monitor_in_guest: gives the guest QEMU's monitor through a virtio port, see
# cases/lib/qemu.py. QEMU connects to its own socket, which lies in a folder
# that other users cannot enter. The name of the socket is relative, because
# sun_path has 108 bytes.
monitor_in_guest () {
  args+=(-chardev socket,id=monitor,path=monitor,server=on,wait=off
    -mon chardev=monitor,mode=control
    -chardev socket,id=to-monitor,path=monitor
    -device virtserialport,chardev=to-monitor,name=lab.monitor,nr=4)
}

# boots: prints the names of all boots.
boots () { declare -F | sed -n 's/^declare -f boot_//p'; }

# is_boot NAME: succeeds if NAME is a boot, or "", the usual machine.
is_boot () { [ -z "$1" ] || declare -F "boot_$1" >/dev/null; }
