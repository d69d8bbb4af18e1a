#!/bin/bash
# Makes a minimal Debian root, clones this checkout's last commit into it, and runs there the commands that the README gives a new user, so
# that a forgotten install step is noticed. Needs root (mount namespace, chroot). It uses this machine's package sources and .NET SDK.
#   scripts/fresh.sh [README command ...]     default: all of README's first block
set -euo pipefail
cd "$(dirname "$0")/.."
[ "$(id -u)" -eq 0 ] || { echo "fresh: needs root, for a chroot in a mount namespace of its own; run 'sudo make fresh'" >&2; exit 1; }
scripts/install-packages.sh fresh
scripts/need-dotnet.sh

# The script runs in its own mount namespace, so that every mount ends with it, however it ends.
if [ "${DMM_FRESH_INSIDE:-}" != yes ]; then
  DMM_FRESH_INSIDE=yes exec unshare --mount --propagation private -- "$0" "$@"
fi

work=$(mktemp -d /tmp/dmm-fresh-XXXXXX)
root=$work/root
finish() {
  status=$?
  cd /
  # Unmount everything below the root first, so that deleting the root can't delete the machine's own files.
  for _ in 1 2 3; do
    awk -v r="$root" 'index($2, r) == 1 {print $2}' /proc/self/mounts | sort -r | xargs -r -n 1 umount -l || true
  done
  if grep -q " $root/" /proc/self/mounts; then
    echo "fresh: something is still mounted below $root; it is not deleted" >&2
  else
    rm -rf "$work"
  fi
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

sources=()
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
  [ -s "$file" ] && grep -qE '^(deb |URIs:)' "$file" && sources+=("$file")
done
echo "fresh: making a bare Debian root"
mmdebstrap --quiet --variant=minbase --format=directory bookworm "$root" "${sources[@]}"

sdk=$(dirname "$(readlink -f "$(command -v dotnet)")")
mkdir -p "$root$sdk" "$root/usr/local/bin" "$root/home/new" "$root/src" "$root/proc" "$root/sys" "$root/dev"
mount --bind -o ro "$sdk" "$root$sdk"
ln -s "$sdk/dotnet" "$root/usr/local/bin/dotnet"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
cp /etc/resolv.conf "$root/etc/resolv.conf"
cp /etc/hosts "$root/etc/hosts"
# Copy what this machine needs to reach its packages: apt's and NuGet's configuration, and the certificates that they trust.
cp -r /etc/apt/apt.conf.d "$root/etc/apt/"
[ -d /etc/ssl/certs ] && mkdir -p "$root/etc/ssl" && cp -rL /etc/ssl/certs "$root/etc/ssl/"
[ -d /usr/local/share/ca-certificates ] && mkdir -p "$root/usr/local/share" && cp -r /usr/local/share/ca-certificates "$root/usr/local/share/"
[ -d "$HOME/.nuget/NuGet" ] && mkdir -p "$root/home/new/.nuget" && cp -r "$HOME/.nuget/NuGet" "$root/home/new/.nuget/"
git clone --quiet --no-hardlinks . "$root/src/dmm"

if [ $# -gt 0 ]; then
  commands=("$@")
else
  # The default is the README's first block, which a new user types. Cloning was done above.
  mapfile -t commands < <(awk '/^```/ {if (inside) exit; inside = 1; next} inside' README.md | sed 's/ *#.*//; s/sudo //g' | grep -vE '^(git clone|cd |$)')
fi
for command in "${commands[@]}"; do
  echo "fresh: $command"
  env -i HOME=/home/new PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 TERM=dumb \
    ${NUGET_CERT_REVOCATION_MODE:+NUGET_CERT_REVOCATION_MODE="$NUGET_CERT_REVOCATION_MODE"} \
    chroot "$root" bash -c "cd /src/dmm && $command" < /dev/null
done
if [ -d "$root/src/dmm/artifacts" ]; then
  mkdir -p artifacts/fresh
  cp -r "$root/src/dmm/artifacts/." artifacts/fresh/
fi
echo "fresh: all commands succeeded"
