# SPDX-License-Identifier: LGPL-2.1-or-later
# Messages, the cache and its lock, and what the host must have.
# Sourced by ./run; $TOP is the checkout.
# shellcheck shell=bash disable=SC2034

LAB=$TOP/tests/lab
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/gst-dmabuf

# In the root and the guest the user's folders are others.
unset XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME XDG_RUNTIME_DIR

say () { printf '%s\n' "run: $*" >&2; }
die () { say "$@"; exit 1; }

# progress WHAT: one line per long step, with the time since the start.
progress () { printf 'run: [%3d s] %s\n' "$SECONDS" "$*" >&2; }

# need COMMAND PACKAGE…: pairs; installs the packages of missing commands.
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

# as_root COMMAND…: COMMAND as root with mounts and processes of its own, all
# gone when it ends or the shell that called this is killed. An ordinary user is
# root in a user namespace only. With $as_root_by set to exec it takes the place
# of a subshell, so that the shell above counts as the caller.
as_root () {
  local user=()
  [ "$(id -u)" = 0 ] || user=(unshare --user --map-root-user --map-auto)
  # The kernel forgets the signal where a process becomes root: it comes after.
  ${as_root_by-} "${user[@]}" setpriv --pdeathsig KILL \
    unshare --mount --propagation private --pid --fork --kill-child "$@"
}

# can_as_root: says what is missing before a long step fails for it.
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

# count_ids: of a uid_map.
count_ids () { awk '{ n += $3 } END { printf "%.0f\n", n }'; }

# has_ids: files of a root belong to many users.
has_ids () {
  local ids
  ids=$(as_root cat /proc/self/uid_map | count_ids)
  [ "$ids" -ge 65536 ] ||
    die "this user namespace has $ids user IDs, and Debian's packages need" \
      "65536: start ./run outside of it, as root or as an ordinary user"
}

# writable DIR: makes it if it is not there.
writable () {
  { mkdir -p "$1" && [ -w "$1" ]; } 2>/dev/null ||
    die "the folder $1 cannot be made or written:" \
      "mend its permissions or its disk, and run the same again$(elsewhere "$1")"
}

# elsewhere DIR: another way out, for what is in the cache.
elsewhere () {
  case $1/ in "$CACHE"/*) echo ", or name another folder in XDG_CACHE_HOME" ;; esac
}

# free_mb DIR: what its disk has left.
free_mb () { df -Pm -- "$1" 2>/dev/null | awk 'NR == 2 { print $4 }'; }

# room DIR MB WHAT: says so where the disk of DIR is too full for WHAT, before a
# long step fails for it.
room () {
  local free
  free=$(free_mb "$1")
  [ "${free:-$2}" -ge "$2" ] ||
    die "the disk of $1 has $free MB left, and $3 needs $2:" \
      "make room there, and run the same again$(elsewhere "$1")"
}

# How a line of apt about a failure begins; names of packages stand elsewhere.
APT_SAYS='^([EW]: |Err|  )'

# failure WHAT LOG DIR: one sentence of what went wrong, where, and what to do, from
# what a step that fills DIR left in LOG.
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

# of_log LOG PATTERN: its first line with that, without what marks it, shortened.
of_log () {
  local line
  line=$(grep -m 1 -E -e "$2" "$1") || return
  sed -E 's/^ *//; s/^(run|[EWI]|Err[^ ]*): *//; s/[ .;]*$//; s/^(.{160}).+/\1…/' \
    <<<"$line"
}

# steps: of what a long step prints, the lines that say how far it is.
steps () {
  sed -un '/^I: running --/d; /^I: .*received signal/d; s/^I: /run:   /p' >&2
}

# The long step that runs now.
STEP=

# logged LOG COMMAND…: COMMAND, which ends in as_root (); what it prints goes to
# LOG, and how far it is to the terminal. In the background, so that a signal is
# heard at once.
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

# stop_step: ends what logged () began, and all its processes.
stop_step () {
  [ -n "$STEP" ] || return 0
  # The first process in there takes all others along, and is waited for.
  # shellcheck disable=SC2046
  kill -KILL $(cat "/proc/$STEP/task/$STEP/children" 2>/dev/null) "$STEP" \
    2>/dev/null
  wait "$STEP" 2>/dev/null
  STEP=
}

# recipe FILE…: a name for what these files describe.
recipe () { cat "$@" | sha256sum | cut -c 1-12; }

# locked FILE COMMAND…: one process at a time; the others wait and say so.
locked () {
  local file=$1 fd
  shift
  { exec {fd}>"$file"; } 2>/dev/null ||
    die "$file cannot be written: mend its permissions or its disk"
  if ! flock --nonblock "$fd"; then
    say "waiting for another run that prepares the lab ($file)"
    flock "$fd"
  fi
  # The lock must not outlive us in a child that stays behind.
  "$@" {fd}>&-
  local rc=$?
  exec {fd}>&-
  return "$rc"
}
