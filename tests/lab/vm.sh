# SPDX-License-Identifier: LGPL-2.1-or-later
# Booting the guest and running one command in it.
# shellcheck shell=bash disable=SC2054

LOGS=$TOP/build/vm-log
OUT=$TOP/build/vm-out

# Seconds: a guard against hangs. Booting takes 10 s, and minutes where two emulated
# cores share a busy machine.
BOOT_LIMIT=600

# accelerator: kvm where a guest really boots with it. That the device exists
# and opens proves nothing, so boot once and remember, per kernel of the host.
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

# build_env: the variables that make the uninstalled build found, as shell.
# Meson knows; asking it takes a second, so the answer is kept.
build_env () {
  local build=$TOP/build/native dump=$TOP/build/native/lab.env
  local new=$dump.$BASHPID # two guests may start at a time
  [ -f "$build/build.ninja" ] || return 0
  if [ ! "$dump" -nt "$build/build.ninja" ]; then
    enter -- meson devenv -C "$build" --dump >"$new" 2>/dev/null &&
      mv "$new" "$dump"
  fi
  # Lines like NAME="value:$NAME"; nothing was there before.
  sed -n 's/:\$[A-Z_0-9]*"$/"/
    s/^\(LD_LIBRARY_PATH\|GI_TYPELIB_PATH\|G[A-Z]*_[A-Z_0-9]*\)=/export &/p' \
    "$dump"
  echo "export DMABUF_BUILD='$build'"
}

# plugin_registry: GStreamer looks after each plugin whenever a program starts,
# which takes a second in an emulator. So that is done here, whenever one of
# ours has changed. The elements that upstream's video4linux2 makes of devices
# are lacking then: the first guest with that registry adds them (guest-command),
# for the others. Prints the variables that name the result, as shell.
plugin_registry () { # LANE, whose kernel has devices of its own
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

# guest_command STATE LANE LIMIT COMMAND…: what guest-init reads.
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

# qemu STATE LANE MEMORY CONSOLE LIMIT: runs until the guest powers off, the
# limit is reached (exit status 124) or we are gone. The arrays are of a boot, see
# boots.sh; LAB_QEMU and LAB_APPEND are further arguments, split at spaces.
# no_timer_check: the kernel counts ticks while it boots, and panics where its
# processor is not run in time.
# cryptomgr.notests, init_on_alloc, transparent_hugepage: ciphers that nothing uses
# are tested for two seconds, and memory that is cleared twice, or by megabytes, is
# slow here.
# global_cursor_default=0: a console whose cursor blinks on vkms waits for a vblank
# each time, and warns where none comes in time.
qemu () {
  local accel cpu=max id n=0 env=() ports=()
  accel=$(accelerator)
  if [ "$accel" = tcg ]; then
    accel=tcg,thread=multi
    # A fifth level of page tables and guards around the user's memory are work
    # for an emulator, and no test needs them.
    cpu=max,la57=off,smap=off,smep=off
  fi
  # Each stream has a virtio port. QEMU writes them to files, which never make
  # it wait or lose anything; ioeventfd=off makes the guest's write and the
  # host's one step, so that nothing is under way when the guest powers off.
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

# watch FILE SECONDS PID FLAG: ends PID, and makes FLAG, when FILE has not grown for
# so long. Counts its own steps: a machine that was asleep is no reason.
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

# vm LANE LIMIT MEMORY COMMAND…: runs COMMAND in a guest; its status is ours. With
# VM_WATCH, a file, LIMIT is for each line that COMMAND adds to it. A kernel that
# patches itself on emulated processors sometimes stumbles while it starts: then
# the guest starts again.
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

# run_guest: FALSE if it died before its command. With vm's variables.
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
      </dev/null >/dev/null 2>&1 8>&- & # it outlives us by seconds
  tail -s 0.1 -c +1 -f --pid=$pid "$state/stdout" & tails+=($!)
  tail -s 0.1 -c +1 -f --pid=$pid "$state/stderr" >&2 & tails+=($!)
  wait $pid || [ $? != 124 ] || : >"$state/late"
  wait "${tails[@]}"
  [ -s "$state/status" ] || [ -f "$state/late" ] || [ ! -s "$console" ] ||
    grep -q 'lab: command starts' "$console"
}

# vm_status: COMMAND's status, or what became of the guest. With vm's variables.
vm_status () {
  local status
  status=$(cat "$state/status" 2>/dev/null)
  [ -n "$status" ] && return "$status"
  if [ -f "$state/late" ]; then
    say "the guest did not come to an end, or to a further case, in $limit s and" \
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
