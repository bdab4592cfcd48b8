# SPDX-License-Identifier: LGPL-2.1-or-later
# ./run test --judges: tests of other projects. The judge that comes as source
# is fetched here, by this machine's apt, since the root has no network.
# shellcheck shell=bash

JUDGES=$CACHE/judges

# judges_here RESULTS NAME…: fetches and builds the judges, prints their
# versions, and runs those that need no guest.
judges_here () {
  local results=$1 source='' version
  shift
  build plain || return 0 # run_tests () reports it
  version=$(states_version)
  progress "fetching the judges"
  if source=$(fetch_states "$version"); then
    cp "$source" "$TOP/build/states.c"
    in_top tests/lab/judge.py prepare build/states.c "$version" ||
      printf 'fail\t1\tnative: states\t0\tit does not build\n' >>"$results"
  else
    printf 'fail\t1\tnative: states\t0\t%s\n' "$source" >>"$results"
    say "$source"
    in_top tests/lab/judge.py prepare
  fi
  # shellcheck disable=SC1090
  (. <(build_env)
    export GST_REGISTRY=$TOP/build/judges/registry.bin
    in_top env LD_LIBRARY_PATH="$LD_LIBRARY_PATH" \
      tests/lab/judge.py native "$results" "$@")
}

# states_version: name and version of the source package of the root's
# GStreamer.
states_version () {
  # shellcheck disable=SC2016
  dpkg-query --admindir="$ROOT/var/lib/dpkg" -W \
    -f '${source:Package} ${source:Version}' libgstreamer-plugins-base1.0-0
}

# fetch_states "PACKAGE VERSION": prints the path of states.c, or why it could
# not be fetched. The cache keeps it in a folder for each version. Call it in a
# subshell.
fetch_states () {
  local package=${1% *} version=${1#* } kept tmp=$JUDGES/tmp.$BASHPID
  local log=$TOP/build/judges.log why
  kept=$JUDGES/${package}_$version
  if [ ! -f "$kept/states.c" ]; then
    # The end of the subshell removes an incomplete download.
    # shellcheck disable=SC2064
    trap "rm -rf '$tmp'" EXIT
    trap 'exit 130' INT
    mkdir -p "$tmp"/{lists/partial,cache/archives/partial}
    if download_states "$tmp" "$package=$version" >"$log" 2>&1; then
      mkdir -p "$kept"
      mv "$tmp/states.c" "$kept/states.c"
    fi
  fi
  if [ -f "$kept/states.c" ]; then
    echo "$kept/states.c"
  else
    why=$(grep -m 1 '^E: ' "$log" || tail -n 1 "$log")
    echo "apt-get does not fetch the source of $package $version, which has" \
      "states.c: ${why#E: }; the log is build/judges.log"
    return 1
  fi
}

# download_states DIR PACKAGE=VERSION: puts states.c into DIR. It fetches only
# upstream's tarball of the source package. apt checks it against the signed
# index, with the keys and sources of the root, and the proxies of this machine.
download_states () (
  cd "$1" || exit
  sed -n '/-backports /!s/^deb /deb-src /p' "$ROOT/etc/apt/sources.list" \
    >sources.list
  apt=(apt-get -q -o "Dir::Etc::sourcelist=$PWD/sources.list"
    -o Dir::Etc::sourceparts=- -o "Dir::Etc::trustedparts=$ROOT/etc/apt/trusted.gpg.d"
    -o "Dir::State::lists=$PWD/lists" -o "Dir::Cache=$PWD/cache"
    -o APT::Sandbox::User=root -o APT::Update::Error-Mode=any
    -o Acquire::AllowInsecureRepositories=false)
  "${apt[@]}" update &&
    "${apt[@]}" source --download-only --tar-only "$2" &&
    tar -xf ./*.orig.tar.* --wildcards --strip-components=4 \
      '*/tests/check/generic/states.c'
)
