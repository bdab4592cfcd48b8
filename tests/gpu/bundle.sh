#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# bundle.sh DIR [PROGRAM]: puts vulkan-sync and the libraries that it is linked
# with into DIR, with a script that runs it there, on any machine of this
# architecture with a Vulkan loader: DIR/run. Neither GStreamer nor this build
# root is needed then. To be called in the build root, after the build.
set -eu
dir=$1
program=${2-build/native/tests/gpu/vulkan-sync}

rm -rf "$dir"
mkdir -p "$dir/lib/project" "$dir/lib/glib" "$dir/lib/c"
cp "$program" "$dir/vulkan-sync"
ldd "$program" | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p' |
  while read -r library; do
    case $library in
      */libc.so.* | */libm.so.* | */libpthread.so.* | */libdl.so.*) to=c ;;
      /lib/* | /usr/lib/* | /lib64/* | /usr/lib64/*) to=glib ;;
      *) to=project ;;
    esac
    cp -L "$library" "$dir/lib/$to/"
  done
cp -L "$(ldd "$program" | sed -n 's/^[[:space:]]*\(\/[^ ]*\/ld-linux[^ ]*\) .*/\1/p')" \
  "$dir/lib/c/ld.so"

cat >"$dir/run" <<'END'
#!/bin/sh
# GPU_DEVICE chooses the device: an index, part of a name, a UUID,
# drm:/dev/dri/renderD128. Arguments are GLib's (-l lists, -p /gpu/import).
# Exit status 0: all passed; 77: there is nothing to test, the output says why.
#
# The GPU's driver is this machine's, so the libraries that it has as well are
# rather the machine's too; what is missing or too old is taken from here, the C
# library last. GPU_LIBRARIES=all takes all from here.
here=$(cd "$(dirname "$0")" && pwd)
lib=$here/lib
export GPU_SKIP_STATUS=77

for path in "$lib/project" "$lib/project:$lib/glib"; do
  [ "${GPU_LIBRARIES-}" != all ] || break
  path=$path${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  if LD_BIND_NOW=1 LD_LIBRARY_PATH=$path "$here/vulkan-sync" --help \
    >/dev/null 2>&1; then
    LD_LIBRARY_PATH=$path exec "$here/vulkan-sync" "$@"
  fi
done
exec "$lib/c/ld.so" --library-path "$lib/project:$lib/glib:$lib/c" \
  "$here/vulkan-sync" "$@"
END
chmod +x "$dir/run"
