#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The demo shows every frame without a copy, and the picture on the display is
# the frame that was sent: equal for RGB, within 3 for YUV. It detects a frame
# that differs by one byte.

demo=${DMABUF_BUILD:-build/native}/tests/examples/camera-to-display
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# Shows why a picture could not be compared
export GST_DEBUG="${GST_DEBUG:-dmabuf*:2}"

fail () {
  echo "$*"
  exit 1
}

# More than the demo takes as warm-up
frames=36
[ -z "$DMABUF_TEST_LONG" ] || frames=150
size='--size 640x480'

for format in XR24 NV12; do
  # shellcheck disable=SC2086
  "$demo" --frames $frames $size --format $format --output "$dir/$format.png" \
    >"$dir/report" || fail "$format: exit status $?: $(cat "$dir/report")"
  cat "$dir/report"
  grep -q '^zero-copy: yes$' "$dir/report" || fail "$format: was copied"
  grep -q 'pixels as sent' "$dir/report" || fail "$format: not compared"
  grep -Eq "frames captured +$frames\$" "$dir/report" ||
    fail "$format: not $frames frames"
  [ "$(head -c 4 "$dir/$format.png" | tail -c 3)" = PNG ] ||
    fail "$format: no picture"
done

# shellcheck disable=SC2086
"$demo" --frames 5 $size --wrong-frame --output "$dir/wrong.png" >"$dir/report"
status=$?
cat "$dir/report"
[ $status = 1 ] || fail "a wrong frame: exit status $status, not 1"
grep -q '^zero-copy: no, because the display does not show' "$dir/report" ||
  fail "a wrong frame was not found"

# A mistake of the user: the message names it, and the exit status is 2.
"$demo" --size 12 2>"$dir/report" && fail "--size 12 was accepted"
grep -q "WIDTHxHEIGHT" "$dir/report" || fail "--size 12: no help"
"$demo" --camera /dev/video99 2>"$dir/report"
[ $? = 2 ] || fail "no camera: exit status is not 2"
grep -q /dev/video99 "$dir/report" || fail "the missing camera is not named"
