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
  log=$(mktemp)
  # The lists of a fresh machine are empty or old: refresh them and try again.
  apt_install "${missing[@]}" >"$log" 2>&1 ||
    { apt-get update && apt_install "${missing[@]}"; } >>"$log" 2>&1 ||
    { tail -n 20 "$log" >&2; rm -f "$log"
      die "apt-get could not install ${missing[*]}; see above"; }
  rm -f "$log"
}

apt_install () {
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    "$@" </dev/null
}

# as_root COMMAND…: COMMAND as root with mounts and processes of its own, all
# gone when it ends or we are killed. An ordinary user is root in a user
# namespace only.
as_root () {
  if [ "$(id -u)" = 0 ]; then
    setpriv --pdeathsig KILL unshare --mount --propagation private --pid --fork --kill-child "$@"
  else
    unshare --user --map-root-user --map-auto \
      --mount --propagation private --pid --fork --kill-child "$@"
  fi
}

# can_as_root: says what is missing before a long step fails for it.
can_as_root () {
  as_root true 2>/dev/null && return
  [ "$(id -u)" != 0 ] ||
    die "unshare(2) of mounts and processes is refused; in a container," \
      "give it CAP_SYS_ADMIN (docker run --privileged)"
  need newuidmap uidmap
  die "no user namespace with subordinate ids for $(id -un): needs" \
    "a line for the user in /etc/subuid and /etc/subgid (usermod" \
    "--add-subuids 100000-165535 --add-subgids 100000-165535 $(id -un))" \
    "and kernel.unprivileged_userns_clone=1; or run this as root"
}

# recipe FILE…: a name for what these files describe.
recipe () { cat "$@" | sha256sum | cut -c 1-12; }

# locked FILE COMMAND…: one process at a time; the others wait and say so.
locked () {
  local file=$1 fd
  shift
  exec {fd}>"$file"
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
