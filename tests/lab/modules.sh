#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# modules.sh LANE OUT: called inside the root. Builds the drivers that Debian
# leaves out for the lane's kernel and installs them under
# OUT/lib/modules/RELEASE/extra. A driver that does not build for the stable
# kernel is named and left out; the tests that need it skip there.
set -euo pipefail
lane=$1 out=$2
src=/lanes/$lane/src
k=$(cat "/lanes/$lane/release")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

build () { # NAME MODULE… [-- MAKE-ARGUMENT…]
  local name=$1 modules=() m
  shift
  while [ $# -gt 0 ] && [ "$1" != -- ]; do modules+=("$1"); shift; done
  [ $# -eq 0 ] || shift
  if ! make -C "/lib/modules/$k/build" M="$work/$name" -j"$(nproc)" \
      CONFIG_DEBUG_INFO_BTF_MODULES= modules "$@" >"$work/$name.log" 2>&1; then
    cat "$work/$name.log" >&2
    echo "I: $name does not build for $k" >&2
    # The default lane must be whole; the other takes what it gets.
    [ "$lane" != backports ]
    return
  fi
  for m in "${modules[@]}"; do
    strip --strip-debug "$work/$name/$m.ko"
    install -D -m 644 -t "$out/lib/modules/$k/extra" "$work/$name/$m.ko"
  done
}

# The directory as it is; its KUnit tests are not wanted.
vkms () {
  cp -r "$src/drivers/gpu/drm/vkms" "$work/vkms"
  build vkms vkms -- CONFIG_DRM_VKMS=m CONFIG_DRM_VKMS_KUNIT_TEST=n
}

# vim2m and vicodec use symbols of v4l2-mem2mem, which Debian does not build
# either: one directory, so that they see each other's.
m2m () {
  mkdir "$work/m2m"
  cp "$src"/drivers/media/v4l2-core/v4l2-mem2mem.c \
    "$src"/drivers/media/test-drivers/vim2m.c \
    "$src"/drivers/media/test-drivers/vicodec/*.[ch] "$work/m2m"
  cat >"$work/m2m/Makefile" <<'END'
obj-m += v4l2-mem2mem.o vim2m.o vicodec.o
vicodec-objs := vicodec-core.o codec-fwht.o codec-v4l2-fwht.o
END
  build m2m v4l2-mem2mem vim2m vicodec
}

# sw_sync is built-in code: give it a module's frame. sync_file_get_name() is
# not exported; it only names a fence in a debug file.
sw_sync () {
  mkdir "$work/sw_sync"
  cd "$work/sw_sync"
  cp "$src"/drivers/dma-buf/{sw_sync.c,sync_debug.c,sync_debug.h,sync_trace.h} .
  mv sw_sync.c sw_sync_main.c
  sed -i 's,^#define TRACE_INCLUDE_PATH .*,#define TRACE_INCLUDE_PATH .,' \
    sync_trace.h
  sed -i 's,sync_file_get_name(sync_file\, buf\, sizeof(buf)),"",' sync_debug.c
  sed -i 's,^late_initcall(,module_init(,' sync_debug.c
  sed -i '1a #include <linux/module.h>' sync_debug.c
  echo 'MODULE_LICENSE("GPL"); MODULE_DESCRIPTION("sw_sync");' >>sync_debug.c
  cat >Makefile <<'END'
ccflags-y += -I$(src) -DCONFIG_SW_SYNC=1 -Wno-error -Wno-unused-variable
obj-m += sw_sync.o
sw_sync-objs := sw_sync_main.o sync_debug.o
END
  cd - >/dev/null
  build sw_sync sw_sync
}

# has OPTION: part of the lane's kernel.
has () { grep -qx "CONFIG_$1=y" "/lib/modules/$k/build/.config"; }

# A heap of contiguous memory, which the kernel parameter cma= reserves. The
# kernel of Debian 13 has none.
cma_heap () {
  mkdir "$work/cma_heap"
  cp "$src/drivers/dma-buf/heaps/cma_heap.c" "$work/cma_heap"
  echo 'obj-m += cma_heap.o' >"$work/cma_heap/Makefile"
  build cma_heap cma_heap
}

# A camera of a sensor, a debayer and a scaler, to be set up by media-ctl.
vimc () {
  cp -r "$src/drivers/media/test-drivers/vimc" "$work/vimc"
  build vimc vimc -- CONFIG_VIDEO_VIMC=m
}

# vkms as a display controller that reads contiguous memory only, as many on
# boards do. Its names differ, so that it stands beside vkms, and it exports
# nothing, as a symbol has one owner. The helpers of contiguous GEM objects, which
# Debian does not build, become part of the module; a console needs another set
# of operations, and nothing here needs a console.
vkms_contig () {
  local gpu=$src/drivers/gpu/drm
  cp -r "$gpu/vkms" "$work/vkms_contig"
  cp "$gpu"/{drm_gem_dma_helper.c,drm_internal.h} "$work/vkms_contig"
  cd "$work/vkms_contig"
  sed -i 's/^EXPORT_SYMBOL.*//' ./*.c
  sed -i '/^MODULE_/d' drm_gem_dma_helper.c
  sed -i 's/^vkms-y := /vkms_contig-y := drm_gem_dma_helper.o /
    s/\bvkms\.o\b/vkms_contig.o/' Makefile
  sed -i 's/"vkms"/"vkms_contig"/' ./*.[ch] # driver, device, configfs
  sed -i '/drm_client_setup(/d; /DRM_FBDEV_SHMEM_DRIVER_OPS,/d
    s/DRM_GEM_SHMEM_DRIVER_OPS,/DRM_GEM_DMA_DRIVER_OPS_VMAP,/
    s/DMA_BIT_MASK(64)/DMA_BIT_MASK(32)/
    s,<drm/drm_gem_shmem_helper.h>,<drm/drm_gem_dma_helper.h>,' vkms_drv.c
  echo 'MODULE_IMPORT_NS("DMA_BUF");' >>vkms_drv.c
  cd - >/dev/null
  build vkms_contig vkms_contig -- \
    CONFIG_DRM_VKMS=m CONFIG_DRM_VKMS_KUNIT_TEST=n
}

vkms
m2m
sw_sync
vimc
if has CMA; then
  cma_heap
  vkms_contig
fi
