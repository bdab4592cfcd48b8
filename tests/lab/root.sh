# SPDX-License-Identifier: LGPL-2.1-or-later
# The build root: Debian 13 with the compilers and GStreamer, the kernels of
# both lanes under /lanes, and running commands inside it.
# shellcheck shell=bash

SUITE=trixie
ROOT_RECIPE=("$LAB/packages" "$LAB/root.sh" "$LAB/kernels.sh")
ROOT=$CACHE/root-$(recipe "${ROOT_RECIPE[@]}")

# debian_sites LABEL: where this machine's apt gets Debian packages from.
debian_sites () {
  apt-get indextargets --format '$(LABEL)|$(SITE)|$(COMPONENT)' \
    'Created-By: Packages' | sed -n "s/^$1|\(.*\)|main\$/\1/p" | sort -u
}

# sources: the root's sources.list. The mirror is the machine's own.
sources () {
  local site security
  site=$(debian_sites Debian | head -n 1)
  if [ -z "$site" ]; then
    [ "$(id -u)" != 0 ] || apt-get update >/dev/null 2>&1 || true
    site=$(debian_sites Debian | head -n 1)
  fi
  [ -n "$site" ] || die "apt on this machine names no Debian mirror;" \
    "add one to /etc/apt/sources.list and run apt-get update"
  printf 'deb %s %s main\n' "$site" "$SUITE" "$site" "$SUITE-updates" \
    "$site" "$SUITE-backports"
  security=$(debian_sites Debian-Security | head -n 1)
  [ -z "$security" ] ||
    printf 'deb %s %s main\n' "$security" "$SUITE-security"
}

# apt_options: the machine's proxies, for the root's apt.
apt_options () {
  apt-config dump | grep -i '^Acquire::[^ ]*proxy[^ ]* "..*"' |
    sed 's/^/--aptopt=/'
}

bootstrap () { # DIR
  local options list=() line
  mapfile -t options < <(apt_options)
  while read -r line; do list+=("$line"); done < <(sources)
  [ ${#list[@]} -gt 0 ] || return 1
  local packages
  packages=$(sed 's/#.*//' "$LAB/packages" | xargs | tr ' ' ,)
  # Documentation and translations are a third of the files: leave them out.
  KERNELS=$LAB/kernels.sh mmdebstrap --mode=root --variant=apt \
    --include="$packages" "${options[@]}" \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/gtk-doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*/*' \
    --customize-hook='"$KERNELS" "$1"' \
    --customize-hook='rm -f "$1/etc/resolv.conf"' \
    --skip=output/dev "$SUITE" "$1" "${list[@]}"
}

# What a command inside the root or the guest sees of the caller's environment.
passed_on () {
  env -0 | grep -zE \
    '^(DMABUF_|GST_|G_|GI_|MESON|CK_|CI=|TERM=|COLUMNS=|NO_COLOR=|[A-Z]*SAN_OPTIONS=|VK_|MESA_|LIBGL_|WAYLAND_|DISPLAY=)'
}

# enter [DIR…] -- COMMAND…: COMMAND inside the root, the checkout and the DIRs
# at their own paths.
enter () {
  local dirs=("$TOP") env=() line git
  while [ "$1" != -- ]; do dirs+=("$1"); shift; done
  shift
  # A linked worktree's repository lies elsewhere; git wants it, the build not.
  git=$(git -C "$TOP" rev-parse --path-format=absolute --git-common-dir \
    2>/dev/null) || git=
  case $git in "" | "$TOP"/*) ;; *) dirs+=("$git") ;; esac
  while IFS= read -r -d '' line; do env+=("$line"); done < <(passed_on)
  mkdir -p "$CACHE/mnt"
  as_root "$LAB/enter.sh" "$ROOT" "$CACHE/mnt" "$(cwd)" "${dirs[@]}" -- \
    /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin \
    HOME=/root USER=root LANG=C.UTF-8 SHELL=/bin/bash "${env[@]}" "$@"
}

# cwd: where the caller stands, or the checkout if that is outside of it.
cwd () {
  case $PWD/ in "$TOP"/*) echo "$PWD" ;; *) echo "$TOP" ;; esac
}
