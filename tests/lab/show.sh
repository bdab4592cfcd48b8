# SPDX-License-Identifier: LGPL-2.1-or-later
# ./run demo and ./run bench.
# shellcheck shell=bash

DEMO=build/native/tests/examples/camera-to-display

demo_usage () {
  cat <<'END'
usage: ./run demo [--here] [OPTION…]

Shows a camera's frames on a display without a copy and proves it: prints how
much was captured, shown, imported and copied, and writes the picture on the
display to build/demo/display.png. Runs in the virtual machine, or with --here
on this machine's own camera and display.

END
  prepare_root
  build && with_build "$TOP/$DEMO" --help
}

cmd_demo () {
  local here=no options=() out=$TOP/build/vm-out/demo rc=0
  while [ $# -gt 0 ]; do
    case $1 in
      --here) here=yes ;;
      --output | --output=*)
        usage_error "demo: the picture goes to build/demo/display.png" ;;
      -h | --help) demo_usage; return ;;
      *) options+=("$1") ;;
    esac
    shift
  done
  prepare_root
  build || exit 1
  rm -rf "$TOP/build/demo" "$out"
  mkdir -p "$TOP/build/demo"
  if [ $here = yes ]; then
    with_build "$TOP/$DEMO" --output "$TOP/build/demo/display.png" \
      "${options[@]}" || rc=$?
  else
    prepare_guest
    mkdir -p "$out"
    progress "starting the virtual machine"
    (cd "$TOP" && vm backports 900 3G "$TOP/$DEMO" \
      --output /out/demo/display.png "${options[@]}") || rc=$?
    cp -r "$out/." "$TOP/build/demo/"
  fi
  [ ! -f "$TOP/build/demo/display.png" ] ||
    say "the picture on the display: build/demo/display.png"
  return $rc
}

bench_usage () {
  cat <<'END'
usage: ./run bench [NAME…]

Runs the benchmarks whose name contains a NAME, or all. Prints a table and
writes build/bench/NAME.json. Fails if a ratio is above its limit.
END
}

cmd_bench () {
  local list where limit path status ran=()
  case ${1-} in
    -h | --help) bench_usage; return ;;
    -*) usage_error "bench: unknown option $1" ;;
  esac
  prepare_root
  build || exit 1
  list=$(in_top tests/lab/bench.py list "$@")
  [ -n "$list" ] || die "no benchmark has such a name;" \
    "there are: $(in_top tests/lab/bench.py list | sed 's,.*/,,' | xargs)"
  mkdir -p "$TOP/build/bench"
  while read -r where limit path <&3; do
    progress "$path"
    one_bench "$where" "$limit" "$path"
    status=$?
    ran+=("$path" "$status")
  done 3<<<"$list"
  in_top tests/lab/bench.py table "${ran[@]}"
}

# one_bench WHERE LIMIT PATH: runs a benchmark; its output goes to
# build/bench/NAME.jsonl.
one_bench () {
  local out
  out=$TOP/build/bench/$(basename "${3%.*}").jsonl
  if [ "$1" = lab ]; then
    prepare_guest
    (cd "$TOP" && vm backports "$2" 3G "$3") >"$out"
  else
    (cd "$TOP" && with_build timeout "$2" "$TOP/$3") >"$out"
  fi
}
