# SPDX-License-Identifier: LGPL-2.1-or-later
# The build root: Debian 13 with the compilers and GStreamer, and the kernels
# of both lanes under /lanes. Part of the root's recipe: a change here, even of
# a comment, makes every cached root stale.
# shellcheck shell=bash disable=SC2016

SUITE=trixie

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
  # GStreamer's first scan of its plugins takes long, above all in the guest,
  # and under a sanitizer shows every plugin's leaks: do it once, here.
  KERNELS=$LAB/kernels.sh mmdebstrap --mode=root --variant=apt \
    --include="$packages" "${options[@]}" \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/gtk-doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*/*' \
    --customize-hook='"$KERNELS" "$1"' \
    --customize-hook='rm -f "$1/etc/resolv.conf"' \
    --customize-hook='echo 127.0.0.1 localhost lab >"$1/etc/hosts"' \
    --customize-hook='echo lab >"$1/etc/hostname"' \
    --customize-hook='chroot "$1" env HOME=/root gst-inspect-1.0 >/dev/null' \
    --skip=output/dev "$SUITE" "$1" "${list[@]}"
}
