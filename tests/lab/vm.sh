# SPDX-License-Identifier: LGPL-2.1-or-later
# Functions that boot the guest and run one command in it.
# shellcheck shell=bash disable=SC2054

LOGS=$TOP/build/vm-log
OUT=$TOP/build/vm-out

# A guard against hangs, in seconds. Booting takes 10 s, but minutes with
# emulated processors on a busy machine.
BOOT_LIMIT=600

# accelerator: prints kvm if a guest really boots with it, or else tcg. An
# existing /dev/kvm proves nothing, so it boots once for each kernel of the
# host, and keeps the answer.
accelerator () {
  local answer
  answer=$CACHE/kvm-$(uname -r | tr / _)
  if [ ! -r /dev/kvm ] || [ ! -w /dev/kvm ]; then echo tcg; return; fi
  if [ ! -f "$answer" ]; then
    progress "finding out whether KVM works here"
    if timeout 30 qemu-system-x86_64 -accel kvm -cpu max -m 1G \
        -nodefaults -no-user-config -no-reboot -display none -serial stdio \
        -kernel "$IMAGE/backports/vmlinuz" \
        -initrd "$IMAGE/backports/initramfs" \
        -append 'console=ttyS0 panic=-1 no_timer_check lab.probe' </dev/null 2>&1 |
        grep -q 'lab: probe ok'
    then echo kvm; else echo tcg; fi >"$answer.$$"
    mv "$answer.$$" "$answer"
    say "guests run under $(cat "$answer") (remembered in $answer)"
  fi
  cat "$answer"
}

# build_env: prints, as shell, the variables for programs that use the
# uninstalled build. Asking Meson takes a second, so the answer is kept.
build_env () {
  local build=$TOP/build/native dump=$TOP/build/native/lab.env
  local new=$dump.$BASHPID # Two guests may start at a time
  [ -f "$build/build.ninja" ] || return 0
  if [ ! "$dump" -nt "$build/build.ninja" ]; then
    enter -- meson devenv -C "$build" --dump >"$new" 2>/dev/null &&
      mv "$new" "$dump"
  fi
  # Lines like NAME="value:$NAME": the guest has no earlier value.
  sed -n 's/:\$[A-Z_0-9]*"$/"/
    s/^\(LD_LIBRARY_PATH\|GI_TYPELIB_PATH\|G[A-Z]*_[A-Z_0-9]*\)=/export &/p' \
    "$dump"
  echo "export DMABUF_BUILD='$build'"
}

# plugin_registry LANE: prints, as shell, the variables for a registry of
# plugins that was made on the host. Without it each program would check every
# plugin at its start, which takes a second in an emulator. It is made again
# when one of our plugins has changed. It lacks the elements that upstream's
# video4linux2 creates for devices, which depend on LANE: the first guest with a
# new registry adds them for the others (guest-command).
plugin_registry () {
  local build=$TOP/build/native registry=$TOP/build/native/lab-registry.bin
  local completed=plugin-registry-$1.bin
  [ -d "$build/gst" ] && [ -d "$build/ext" ] || return 0
  if [ ! -f "$registry" ] || [ -n "$(find "$build/gst" "$build/ext" \
      -name '*.so' -newer "$registry" -print -quit)" ]; then
    # shellcheck disable=SC1090
    (. <(build_env)
      export GST_REGISTRY=$registry.$BASHPID
      enter -- env LD_LIBRARY_PATH="$LD_LIBRARY_PATH" gst-inspect-1.0 &&
        mv "$GST_REGISTRY" "$registry") >/dev/null 2>&1
  fi
  [ -f "$registry" ] || return 0
  echo "export GST_REGISTRY_UPDATE=no"
  if [ "$OUT/$completed" -nt "$registry" ]; then
    echo "export GST_REGISTRY=/out/$completed"
  else
    echo "export GST_REGISTRY='$registry'"
    echo "incomplete='$registry' completed=/out/$completed"
  fi
}

# guest_command STATE LANE LIMIT COMMAND…: writes the files that guest-command
# reads.
guest_command () {
  local state=$1 lane=$2
  shift
  printf '%s\n' "$TOP" >"$state/top"
  cwd >"$state/cwd"
  echo "$2" >"$state/limit"
  shift 2
  { build_env
    plugin_registry "$lane"
    local line
    while IFS= read -r -d '' line; do
      printf 'export %s=%q\n' "${line%%=*}" "${line#*=}"
    done < <(passed_on); } >"$state/env"
  printf '%s\0' "$@" >"$state/argv"
}

# qemu STATE LANE MEMORY CONSOLE LIMIT: runs QEMU until the guest powers off,
# the limit is reached (exit status 124) or this shell ends. The arrays come
# from a boot, see boots.sh; LAB_QEMU and LAB_APPEND are further arguments,
# split at spaces.
# no_timer_check: check_timer () of the kernel counts ticks at boot, and panics
# if the host runs the guest's processor too late.
# cryptomgr.notests: the kernel's tests of its ciphers take two seconds in an
# emulator.
# init_on_alloc=0, transparent_hugepage=never: an emulator clears memory slowly,
# so pages are cleared once, and 4 KiB at a time.
# global_cursor_default=0: a blinking cursor on vkms waits for a vblank each
# time, and the kernel warns if the vblank is late.
qemu () {
  local accel cpu=max id n=0 env=() ports=()
  accel=$(accelerator)
  if [ "$accel" = tcg ]; then
    accel=tcg,thread=multi
    # 5-level page tables, SMAP and SMEP slow the emulator down, and no test
    # needs them.
    cpu=max,la57=off,smap=off,smep=off
  fi
  # Each stream has a virtio port. QEMU writes it to a file, which never blocks
  # or drops data. With ioeventfd=off the guest's write returns after QEMU's
  # own, so no data is pending when the guest powers off.
  ports=(-device virtio-serial-pci,ioeventfd=off)
  for id in stdout stderr status; do
    ports+=(-chardev "file,id=$id,path=$1/$id"
      -device "virtserialport,chardev=$id,name=lab.$id,nr=$((++n))")
  done
  [ ${#preload[@]} = 0 ] || env=(env "LD_PRELOAD=${preload[*]}")
  cd "$1" || return
  # shellcheck disable=SC2086
  exec setpriv --pdeathsig TERM timeout --foreground -k 5 "$5" \
    setpriv --pdeathsig KILL "${env[@]}" qemu-system-x86_64 -accel "$accel" -cpu "$cpu" -smp 2 -m "$3" \
    -nodefaults -no-user-config -no-reboot -display none -nic none \
    -serial "file:$4" \
    -kernel "$IMAGE/$2/vmlinuz" -initrd "$IMAGE/$2/initramfs" \
    -append "console=ttyS0 panic=-1 oops=panic mitigations=off tsc=reliable no_timer_check cryptomgr.notests init_on_alloc=0 transparent_hugepage=never vt.global_cursor_default=0 ${append[*]} ${LAB_APPEND-}" \
    -drive "file=$IMAGE/root.img,format=raw,if=virtio,snapshot=on" \
    -virtfs "local,path=$TOP,mount_tag=src,security_model=none,readonly=on,multidevs=remap" \
    -virtfs "local,path=$1,mount_tag=lab,security_model=none,readonly=on" \
    -virtfs "local,path=$OUT,mount_tag=out,security_model=none,multidevs=remap" \
    -device virtio-rng-pci "${ports[@]}" "${args[@]}" ${LAB_QEMU-}
}

# watch FILE SECONDS PID FLAG: creates FLAG and kills PID when FILE has not
# grown for SECONDS. It counts its own sleeps instead of reading a clock, so a
# suspended machine is no reason.
watch () {
  local quiet=0 size='' now
  while [ $quiet -lt "$2" ]; do
    sleep 5
    kill -0 "$3" 2>/dev/null || return
    now=$(stat -c %s "$1" 2>/dev/null)
    if [ "$now" = "$size" ]; then quiet=$((quiet + 5)); else quiet=0; fi
    size=$now
  done
  : >"$4"
  kill "$3"
}

# vm LANE LIMIT MEMORY COMMAND…: runs COMMAND in a guest and returns its status.
# With VM_WATCH, a file, LIMIT is the time for each line that COMMAND adds to
# it. A kernel that patches its code on emulated processors sometimes crashes at
# its start: then the guest starts again.
vm () {
  local lane=$1 limit=$2 memory=$3 state console rc
  local all=$2 qemu_all=$(($2 + BOOT_LIMIT)) args=() append=() preload=() n=1
  [ -z "${VM_WATCH-}" ] || all=infinity qemu_all=0
  shift 3
  [ -f "$IMAGE/$lane/vmlinuz" ] ||
    die "no kernel lane '$lane'; there are: $(lanes)"
  is_boot "${LAB_BOOT-}" ||
    die "no boot '$LAB_BOOT'; there are: $(boots | xargs)"
  mkdir -p "$LOGS" "$OUT"
  room "${TMPDIR:-/tmp}" 20 "the guest's output"
  state=$(mktemp -d "${TMPDIR:-/tmp}/gst-dmabuf-vm.XXXXXX") ||
    die "no folder can be made in ${TMPDIR:-/tmp}: mend its permissions"
  # shellcheck disable=SC2064
  trap "rm -rf '$state'" EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  console=${VM_CONSOLE:-$LOGS/$(date +%H%M%S)-$$.log}
  ln -sfn "$(basename "$console")" "$LOGS/last.log"
  guest_command "$state" "$lane" $all "$@"
  [ -z "${LAB_BOOT-}" ] || "boot_$LAB_BOOT" "$state" "$memory"
  until run_guest || [ $n = 3 ]; do
    n=$((n + 1))
    say "the guest died while it started; starting it again"
    mv "$console" "${console%.log}-died.log"
  done
  vm_status
  rc=$?
  trap - EXIT TERM
  rm -rf "$state"
  return $rc
}

# run_guest: fails if the guest died before its command. Uses the variables of
# vm ().
run_guest () {
  local pid tails=()
  : >"$state/stdout"
  : >"$state/stderr"
  qemu "$state" "$lane" "$memory" "$console" $qemu_all \
    </dev/null >"$state/qemu" 2>&1 &
  pid=$!
  # shellcheck disable=SC2064
  trap "kill $pid 2>/dev/null; wait $pid; rm -rf '$state'" EXIT
  [ -z "${VM_WATCH-}" ] ||
    watch "$VM_WATCH" $((limit + BOOT_LIMIT)) $pid "$state/late" \
      </dev/null >/dev/null 2>&1 8>&- & # Without the lock of run_tests ()
  tail -s 0.1 -c +1 -f --pid=$pid "$state/stdout" & tails+=($!)
  tail -s 0.1 -c +1 -f --pid=$pid "$state/stderr" >&2 & tails+=($!)
  wait $pid || [ $? != 124 ] || : >"$state/late"
  wait "${tails[@]}"
  [ -s "$state/status" ] || [ -f "$state/late" ] || [ ! -s "$console" ] ||
    grep -q 'lab: command starts' "$console"
}

# vm_status: returns COMMAND's status, or prints why the guest has none. Uses
# the variables of vm ().
vm_status () {
  local status
  status=$(cat "$state/status" 2>/dev/null)
  [ -n "$status" ] && return "$status"
  if [ -f "$state/late" ]; then
    say "the guest neither ended nor started a further case in $limit s and" \
      "the time for a boot; killed. The end of its kernel log ($console):"
  elif [ ! -s "$console" ]; then
    say "QEMU did not start the guest:"
    cat "$state/qemu" >&2
    return 125
  else
    say "the guest died before the command ended." \
      "The end of its kernel log ($console):"
  fi
  tail -n 40 "$console" | tr -d '\r' | sed 's/^/  /' >&2
  return 125
}

lanes () { (cd "$IMAGE" && echo */ | tr -d /); }
