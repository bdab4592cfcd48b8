# SPDX-License-Identifier: LGPL-2.1-or-later
# Messages, the cache and its lock, and requirements of the host.
# Sourced by ./run; $TOP is the checkout.
# shellcheck shell=bash disable=SC2034

LAB=$TOP/tests/lab
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/gst-dmabuf

# The user's folders do not exist in root and guest.
unset XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME XDG_RUNTIME_DIR

say () { printf '%s\n' "run: $*" >&2; }
die () { say "$@"; exit 1; }

# progress WHAT: prints a line for a long step, with the time since the start.
progress () { printf 'run: [%3d s] %s\n' "$SECONDS" "$*" >&2; }

# need COMMAND PACKAGE…: installs the PACKAGE of each COMMAND that is missing;
# takes pairs.
need () {
  local missing=()
  while [ $# -gt 0 ]; do
    PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null || missing+=("$2")
    shift 2
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || die "this machine lacks: ${missing[*]}" \
    "(Debian package names); install them and run this again"
  [ "$(id -u)" = 0 ] || die "this machine lacks packages; install them with:" \
    "sudo apt-get install --no-install-recommends ${missing[*]}"
  progress "installing on this machine: ${missing[*]}"
  local log
  log=$(mktemp) || die "no file can be made in ${TMPDIR:-/tmp}: make room there"
  # The lists of a fresh machine are empty or old: refresh them and try again.
  apt_install "${missing[@]}" >"$log" 2>&1 ||
    { apt-get update && apt_install "${missing[@]}"; } >>"$log" 2>&1 ||
    die "$(failure "apt-get could not install ${missing[*]}" "$log" /var)"
  rm -f "$log"
}

apt_install () {
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    "$@" </dev/null
}

# as_root COMMAND…: runs COMMAND as root with mounts and processes of its own.
# They end with COMMAND, and when the calling shell is killed. An ordinary user
# becomes root in a user namespace only. With $as_root_by set to exec it
# replaces a subshell, so that the parent shell is the calling one.
as_root () {
  local user=()
  [ "$(id -u)" = 0 ] || user=(unshare --user --map-root-user --map-auto)
  # The kernel clears the parent-death signal when a process becomes root: set
  # it afterwards.
  ${as_root_by-} "${user[@]}" setpriv --pdeathsig KILL \
    unshare --mount --propagation private --pid --fork --kill-child "$@"
}

# can_as_root: reports why as_root () would fail, before a long step needs it.
can_as_root () {
  as_root true 2>/dev/null && return
  local ids
  ids=$(count_ids </proc/self/uid_map)
  [ "$ids" -ge 65536 ] ||
    die "this is a user namespace with $ids user IDs, which cannot make" \
      "another: start ./run outside of it, as root or as an ordinary user"
  [ "$(id -u)" != 0 ] ||
    die "unshare(2) of mounts and processes is refused; in a container," \
      "give it CAP_SYS_ADMIN (docker run --privileged)"
  need newuidmap uidmap
  die "no user namespace with subordinate ids for $(id -un): needs" \
    "a line for the user in /etc/subuid and /etc/subgid (usermod" \
    "--add-subuids 100000-165535 --add-subgids 100000-165535 $(id -un))" \
    "and kernel.unprivileged_userns_clone=1; or run this as root"
}

# count_ids: prints the number of user IDs in a uid_map.
count_ids () { awk '{ n += $3 } END { printf "%.0f\n", n }'; }

# has_ids: checks that the namespace has enough user IDs for the owners of a
# root's files.
has_ids () {
  local ids
  ids=$(as_root cat /proc/self/uid_map | count_ids)
  [ "$ids" -ge 65536 ] ||
    die "this user namespace has $ids user IDs, and Debian's packages need" \
      "65536: start ./run outside of it, as root or as an ordinary user"
}

# writable DIR: makes DIR, or checks that it can be written.
writable () {
  { mkdir -p "$1" && [ -w "$1" ]; } 2>/dev/null ||
    die "the folder $1 cannot be made or written:" \
      "mend its permissions or its disk, and run the same again$(elsewhere "$1")"
}

# elsewhere DIR: prints a further remedy if DIR is in the cache.
elsewhere () {
  case $1/ in "$CACHE"/*) echo ", or name another folder in XDG_CACHE_HOME" ;; esac
}

# free_mb DIR: prints the free space of its disk.
free_mb () { df -Pm -- "$1" 2>/dev/null | awk 'NR == 2 { print $4 }'; }

# room DIR MB WHAT: checks that the disk of DIR has room for WHAT, before a long
# step needs it.
room () {
  local free
  free=$(free_mb "$1")
  [ "${free:-$2}" -ge "$2" ] ||
    die "the disk of $1 has $free MB left, and $3 needs $2:" \
      "make room there, and run the same again$(elsewhere "$1")"
}

# Beginnings of apt's lines about a failure. Other lines may contain the same
# words in names of packages.
APT_SAYS='^([EW]: |Err|  )'

# failure WHAT LOG DIR: prints one sentence with WHAT, the cause and a remedy.
# It finds the cause in LOG, the output of a step that fills DIR.
failure () {
  local cause line free
  free=$(free_mb "$3")
  if grep -q 'No space left on device' "$2" || [ "${free:-99}" -lt 16 ]; then
    cause="the disk of $3 is full: make room there$(elsewhere "$3")"
  elif line=$(of_log "$2" '^run: '); then
    cause=$line
  elif line=$(of_log "$2" "$APT_SAYS.*(Unable to locate|no installation candidate|\
does not have a Release file|404  *Not Found|couldn.t be found)|^no linux-"); then
    cause="the mirror lacks something, \"$line\": name another in"
    cause+=" /etc/apt/sources.list, or wait until it is complete"
  elif line=$(of_log "$2" "$APT_SAYS.*(ould not (connect|resolve|handshake)|\
Connection (refused|timed out|failed|reset)|Temporary failure|Unable to connect|\
[Uu]nreachable|Proxy Authentication|Failed to fetch)"); then
    cause="the network does not answer, \"$line\": see to it, or to the proxy"
    cause+=" in http_proxy or Acquire::http::Proxy of apt"
  else
    line=$(of_log "$2" '^E: ' || of_log "$2" .) || line="it printed nothing"
    cause=$line
  fi
  echo "$1: $cause; then run the same again (log: $2)"
}

# of_log LOG PATTERN: prints the first line of LOG that matches PATTERN, without
# its prefix, shortened.
of_log () {
  local line
  line=$(grep -m 1 -E -e "$2" "$1") || return
  sed -E 's/^ *//; s/^(run|[EWI]|Err[^ ]*): *//; s/[ .;]*$//; s/^(.{160}).+/\1…/' \
    <<<"$line"
}

# steps: filters the lines about progress from the output of a long step.
steps () {
  sed -un '/^I: running --/d; /^I: .*received signal/d; s/^I: /run:   /p' >&2
}

# The process of the running long step
STEP=

# logged LOG COMMAND…: runs COMMAND, whose last command is as_root (). Its
# output goes to LOG, and its progress to the terminal. It runs in the
# background, so that this shell handles a signal at once.
logged () {
  local log=$1 out filter rc=0
  shift
  exec {out}> >(tee "$log" 2>/dev/null | steps)
  filter=$!
  (as_root_by=exec; "$@") </dev/null >&"$out" 2>&1 {out}>&- &
  STEP=$!
  exec {out}>&-
  wait "$STEP" || rc=$?
  STEP=
  wait "$filter"
  return "$rc"
}

# stop_step: kills the step of logged () and all its processes.
stop_step () {
  [ -n "$STEP" ] || return 0
  # The end of the first process of the namespace kills all others there.
  # shellcheck disable=SC2046
  kill -KILL $(cat "/proc/$STEP/task/$STEP/children" 2>/dev/null) "$STEP" \
    2>/dev/null
  wait "$STEP" 2>/dev/null
  STEP=
}

# recipe FILE…: prints a hash of the files.
recipe () { cat "$@" | sha256sum | cut -c 1-12; }

# locked FILE COMMAND…: runs COMMAND in one process at a time. A process that
# has to wait prints a message.
locked () {
  local file=$1 fd
  shift
  { exec {fd}>"$file"; } 2>/dev/null ||
    die "$file cannot be written: mend its permissions or its disk"
  if ! flock --nonblock "$fd"; then
    say "waiting for another run that prepares the lab ($file)"
    flock "$fd"
  fi
  # COMMAND does not inherit the lock: a child that it leaves running would hold
  # it.
  "$@" {fd}>&-
  local rc=$?
  exec {fd}>&-
  return "$rc"
}
