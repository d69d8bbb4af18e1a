#!/bin/bash
# Installs the Debian packages that a part of DMM needs and this machine lacks, and says which and why. Does nothing if all are installed.
#
#   scripts/install-packages.sh GROUP...
set -euo pipefail

# The columns are: group, package, reason. A group that is named in `also` includes other groups.
packages='
native  gcc                 links the command dmm, and compiles the native parts and their tests
native  libc6-dev           the C library to link with
build   musl-tools          links the guest agent and the load generator into small static programs
build   make                runs the builds
runtime libssl3             an actor system of Akka.NET can not start without it
runtime libstdc++6          the .NET runtime is linked with it
runtime libgcc-s1           the .NET runtime is linked with it
runtime zlib1g              the .NET runtime is linked with it
runtime ca-certificates     NuGet packages come over TLS
plot    libfontconfig1      finds fonts for the plots (ScottPlot, Skia)
plot    fonts-dejavu-core   the font of the plots
qemu    qemu-system-x86     runs the virtual machines; brings its firmware, seabios
test    socat               stands before a QEMU as a manager proxy does, for a story of whose process is whose
test    iproute2            gives the daemons of a cluster a network each, and cuts it
test    libfaketime         shows a daemon another time of day, in stories of clocks that are set
fresh   mmdebstrap          makes a bare Debian, to try the installation on
fresh   git                 clones the project into the bare Debian
'
groups='native build runtime plot qemu test fresh'

also() {
  case $1 in
    test) echo test native build runtime plot qemu ;;
    build) echo native build ;;
    *) echo "$1" ;;
  esac
}

fail() {
  echo "install-packages: $1" >&2
  exit "$2"
}

[ $# -gt 0 ] || fail "no group named; the groups are: $groups" 2
wanted=' '
for group in "$@"; do
  case " $groups " in
    *" $group "*) wanted+="$(also "$group") " ;;
    *) fail "there is no group $group; the groups are: $groups" 2 ;;
  esac
done
command -v dpkg-query > /dev/null || fail "this is not Debian (dpkg-query is missing): install the packages that $0 lists by hand" 1

installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' 2> /dev/null)
missing=()
reasons=()
while read -r group package reason; do
  [ -n "$group" ] && [[ $wanted == *" $group "* ]] || continue
  [[ $'\n'$installed$'\n' != *$'\n'"installed $package"$'\n'* ]] || continue
  missing+=("$package")
  reasons+=("$package: $reason")
done <<< "$packages"
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" != 0 ]; then
  command -v sudo > /dev/null || fail "packages are missing, and this user may not install them; run as root: apt-get install --no-install-recommends ${missing[*]}" 1
  as_root=(sudo)
fi

apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@"
}

known() {
  local package
  for package in "${missing[@]}"; do
    apt-cache show --no-all-versions "$package" > /dev/null 2>&1 || return 1
  done
}

install_missing() {
  apt install --yes --no-install-recommends "${missing[@]}" > /dev/null
}

echo "install-packages: installing"
printf '  %s\n' "${reasons[@]}"
if ! known; then
  apt update || fail "apt-get update failed: look at apt's sources and the network" 1
elif install_missing 2> /dev/null; then
  exit 0
else
  # Outdated package lists name versions that the archive no longer has.
  apt update || fail "apt-get update failed: look at apt's sources and the network" 1
fi
install_missing || fail "apt-get could not install ${missing[*]}; see its output above" 1
