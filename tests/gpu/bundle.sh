#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# bundle.sh DIR: puts vulkan-sync and the libraries that it is linked with into
# DIR, with a script that runs it there, on any machine with a Vulkan loader:
# DIR/run. Neither GStreamer nor this build root is needed then. To be called in
# the build root, after the build.
set -eu
program=build/native/tests/gpu/vulkan-sync
dir=$1

rm -rf "$dir"
mkdir -p "$dir/lib"
cp "$program" "$dir/"
ldd "$program" | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p' |
  while read -r library; do cp -L "$library" "$dir/lib/"; done
cp -L /lib64/ld-linux-x86-64.so.2 "$dir/lib/"

cat >"$dir/run" <<'END'
#!/bin/sh
# GPU_DEVICE chooses the device: an index, part of a name, a UUID,
# drm:/dev/dri/renderD128. Arguments are GLib's (-l lists, -p /gpu/import).
here=$(cd "$(dirname "$0")" && pwd)
exec "$here/lib/ld-linux-x86-64.so.2" --library-path "$here/lib" \
  "$here/vulkan-sync" "$@"
END
chmod +x "$dir/run"
