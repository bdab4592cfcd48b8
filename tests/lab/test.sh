# SPDX-License-Identifier: LGPL-2.1-or-later
# ./run test.
# shellcheck shell=bash

test_usage () {
  cat <<'END'
usage: ./run test [NAME…] [OPTION…]

Runs the tests whose name contains a NAME, or all: the native ones, plain and
under ASan and UBSan, then the lab's in the virtual machine. Begins with the
versions of what they use, ends with "N passed, N failed, N skipped"; exit status
0 means that none failed.

  --no-vm             without the lab
  --lab               only the lab
  --asan, --tsan, --valgrind
                      only the native tests, under this
  --plain             only the native tests, under nothing
  --next              only the native tests, on Debian's next release
  --cross             only the native tests of the core and the library, built
                      for arm64 and armhf (all else is built as well), under
                      emulation
  --long              longer random programs and more repetitions
  --kernel KERNEL     in the lab only the cases of this kernel (backports,
                      stable)
  --judges            only the judges: upstream's states.c, v4l2-compliance and
                      ffmpeg's kmsgrab, applied to our elements
  --gpu [OPTION…]     import, export and order on this machine's GPU, from
                      build/gpu-test, which runs on other machines as well
  --clauses, --suites print which clauses of the contract the tests cover, or
                      the suites, and check the sources
END
}

cmd_test () {
  local lanes=() names=() lab=yes cases=plan kernel='' script
  while [ $# -gt 0 ]; do
    case $1 in
      --no-vm) lab=no ;;
      --lab) lanes=(none) ;;
      --plain | --asan | --tsan | --valgrind) lanes+=("${1#--}"); lab=no ;;
      --judges) cases=judges; lanes=(none) ;;
      --next) lanes+=(next); lab=no ;;
      --cross) lanes+=(arm64 armhf); lab=no ;;
      --long) export DMABUF_TEST_LONG=1 ;;
      --kernel)
        [ $# -gt 1 ] || usage_error "test: --kernel wants a value"
        kernel=$2; shift ;;
      --clauses | --suites)
        script=tests/${1#--}.py
        [ -f "$TOP/$script" ] || die "there is no $script"
        prepare_root
        in_top "$script" "${@:2}"
        return ;;
      --gpu) test_gpu "${@:2}"; return ;;
      -h | --help) test_usage; return ;;
      -*) usage_error "test: unknown option $1" ;;
      *) names+=("$1") ;;
    esac
    shift
  done
  [ ${#lanes[@]} -gt 0 ] || lanes=(plain asan)
  run_tests
}

# test_gpu OPTION…: runs outside of the root, on the host, which has the GPU's
# driver. Returns 77 if there is no GPU.
test_gpu () {
  prepare_root
  build plain || die "the build failed"
  in_top tests/gpu/bundle.sh build/gpu-test
  "$TOP/build/gpu-test/run" "$@"
}

# lane_root LANE: prints the argument of use_root () for LANE.
lane_root () {
  case $1 in
    next | arm64 | armhf) echo "$1" ;;
    *) echo ;;
  esac
}

# prepare_roots: makes the roots of the lanes, and prints their versions. Uses
# the variables of cmd_test ().
prepare_roots () {
  local lane root
  machine_version
  while read -r root <&3; do
    (use_root "$root" && prepare_root && versions) || exit 1
  done 3< <(for lane in "${lanes[@]}"; do lane_root "$lane"; done | sort -u)
}

# run_tests: uses the variables of cmd_test ().
run_tests () {
  local results=$TOP/build/test/results lane
  [ "$lab" = no ] || need_qemu
  prepare_roots
  # Two runs in one checkout would mix their results.
  writable "$TOP/build"
  room "$TOP/build" 20 "the build"
  exec 8>"$TOP/build/.test-lock"
  flock -n 8 || { say "waiting for another run of these tests"; flock 8; }
  rm -rf "$TOP/build/test" "$TOP/build/vm-out/test"
  mkdir -p "$TOP/build/test/boots"
  : >"$results"
  # Tests run in the background, so that this shell handles a signal at once.
  trap 'end_children' EXIT
  trap 'exit 143' TERM
  trap 'exit 129' HUP
  [ "$cases" = plan ] || judges_here "$results" "${names[@]}"
  native_lanes "$results" &
  wait
  if [ "$lab" = yes ]; then
    if ! build plain; then
      printf 'fail\t1\tlab\t0\tnot run: the build failed\n' >>"$results"
    else
      lab_cases "$results" "$kernel" "${names[@]}" || printf \
        'fail\t1\tlab\t0\tthe guest could not be prepared\n' >>"$results" &
      wait
    fi
  fi
  trap - EXIT
  [ "$cases" = plan ] || in_top tests/lab/judge.py table "$results"
  summary "$results"
}

# end_children: ends all descendants of this process.
end_children () {
  local pids
  mapfile -t pids < <(children_of $$)
  kill -TERM "${pids[@]}" 2>/dev/null
  wait
}

# children_of PID: prints the descendants of PID, children before their parents.
children_of () {
  local pid
  for pid in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
    children_of "$pid"
    echo "$pid"
  done
}

# native_lanes RESULTS: uses the variables of cmd_test ().
native_lanes () {
  local lane
  for lane in "${lanes[@]}"; do
    [ "$lane" != none ] || continue
    progress "native tests, $lane"
    (use_root "$(lane_root "$lane")"
      in_top tests/lab/native.py test "$lane" "$1" "${names[@]}")
  done
}

# guests: prints how many guests run at a time: as many as there are processors,
# and each has 4 GB of free memory.
guests () {
  awk -v most="$(nproc)" '/^MemAvailable:/ {
      n = int ($2 / 4e6)
      print n < 1 ? 1 : n < most ? n : most
    }' /proc/meminfo
}

# lab_cases RESULTS KERNEL NAME…: runs a guest for each boot that the cases
# need. A guest waits most of the time, so several run in parallel. Uses the
# variables of cmd_test ().
lab_cases () (
  results=$1 boots=$TOP/build/test/boots
  shift
  plan=$(in_top tests/lab/plan.py "$cases" "$boots" "$@") || {
    printf 'fail\t1\tlab\t0\tno plan of the cases\n' >>"$results"; return; }
  [ -n "$plan" ] || return 0
  prepare_guest
  mkdir -p "$TOP/build/vm-out/test"
  most=$(guests)
  while read -r number lane limit boot; do
    is_boot "$boot" || {
      printf 'fail\t1\tlab\t0\tno boot %s; there are: %s\n' "$boot" \
        "$(boots | xargs)" >>"$results"; continue; }
    lab_boot "$results" "$boots" "$number" "$lane" "$limit" "$boot" &
    while [ "$(jobs -rp | wc -l)" -ge "$most" ]; do wait -n; done
  done <<<"$plan"
  wait
)

# lab_boot RESULTS BOOTS NUMBER LANE LIMIT BOOT: runs the cases of one boot. If
# the guest dies, another one runs the rest.
lab_boot () {
  local results=$1 boots=$2 number=$3 lane=$4 limit=$5 boot=$6
  local console=$TOP/build/vm-log/test-$number.log
  while [ -n "$limit" ]; do
    progress "lab, kernel $lane${boot:+, boot $boot}"
    rm -f "$TOP/build/vm-out/test/$number"
    (cd "$TOP" && LAB_BOOT=$boot VM_CONSOLE=$console \
      VM_WATCH=$TOP/build/vm-out/test/$number vm "$lane" "$limit" 3G \
      tests/lab/runner.py "$boots/$number.json" "/out/test/$number") </dev/null
    limit=$(in_top tests/lab/plan.py after "$boots" "$number" "$results" \
      "${console#"$TOP/"}") || {
      printf 'fail\t1\tlab %s\t0\tits results cannot be read\n' \
        "$lane" >>"$results"
      limit=; }
  done
}

# slowest RESULTS: prints the ten slowest tests.
slowest () {
  LC_ALL=C sort -t $'\t' -k 4,4gr "$1" | awk -F '\t' '
    $4 > 0 && !seen[$3]++ && n < 10 {
      printf "%s%7.1f s  %s\n", n++ ? "" : "the slowest:\n", $4, $3
    }'
}

# summary RESULTS: prints the last lines of ./run test; fails if a test failed.
summary () {
  slowest "$1"
  awk -F '\t' '
    { n[$1] += $2 }
    $1 == "skip" { print "skipped: " $3 ": " $5 }
    $1 == "fail" { failed = failed "failed: " $3 ": " $5 "\n" }
    END {
      if (!NR) {
        failed = "failed: no test ran: does one have that name?\n"
        n["fail"] = 1
      }
      printf "%s%d passed, %d failed, %d skipped\n", failed, n["pass"],
        n["fail"], n["skip"]
      exit n["fail"] > 0
    }' "$1"
}
