#!/bin/bash
# Builds the tiny guest that the tests, the demo and first tries boot: Debian's cloud kernel, busybox, the virtio drivers, the guest
# agent and the load generator. Nothing is installed on this machine: the packages are downloaded and unpacked.
#
#   build-guest-image.sh [OUT_DIR]      OUT_DIR/vmlinuz and OUT_DIR/guest.cpio.gz, default build/guest
#
# What is there already and made from the same inputs is left as it is (well under a second). Several at once wait for each other.
set -euo pipefail

testbed=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
native=$(dirname "$testbed")
repository=$(dirname "$native")
out=${1:-$repository/build/guest}

kernel_package=linux-image-cloud-amd64
# Loaded at each boot, in the order that their dependencies allow.
modules=(virtio_pci virtio_console virtio_balloon virtio_mem virtio_blk button evdev pvpanic_pci)
# Loaded for dmm.zram=SIZE alone: they cost memory.
zram_modules=(lzo-rle zram)

fail() {
  echo "build-guest-image: $*" >&2
  exit 1
}

need() {
  local missing=()
  for program in "$@"; do
    command -v "$program" > /dev/null || missing+=("$program")
  done
  [ ${#missing[@]} -eq 0 ] || fail "missing programs: ${missing[*]}; scripts/install-packages.sh build installs them"
}

hash_of_inputs() {
  {
    find "$native" -type f \( -path '*/tests/*' -prune -o \( -name '*.[ch]' -o -name Makefile -o -path '*/testbed/*' \) -print0 \) \
      | LC_ALL=C sort -z | xargs -0 sha256sum | sed "s: .*/native/: native/:"
    sha256sum < "$repository/Directory.Build.props"
    musl-gcc -dumpfullversion
  } | sha256sum | cut -d' ' -f1
}

# Versions on offer change only when apt's lists do; asking apt itself takes a second.
lists_stamp() {
  stat -c '%n %Y' /var/lib/apt/lists /etc/apt/sources.list.d 2> /dev/null | sha256sum | cut -d' ' -f1
}

is_current() {
  [ -s "$out/vmlinuz" ] && [ -s "$out/guest.cpio.gz" ] && [ "$(sed -n "s/^$1=//p" "$out/image.key" 2> /dev/null)" = "$2" ]
}

# package_field PACKAGE FIELD: of the version that apt would install; empty where there is none
package_field() {
  apt-cache show --no-all-versions "$1" 2> /dev/null | sed -n "s/^$2: //p" | head -n 1
}

# The meta package names the real one of today.
real_kernel_package() {
  apt-cache depends --important "$kernel_package" 2> /dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1
}

resolve_packages() {
  kernel=$(real_kernel_package)
  if [ -z "$kernel" ] && [ "$(id -u)" = 0 ]; then
    echo "build-guest-image: apt does not know $kernel_package yet: running apt-get update"
    apt-get update -qq || fail "apt-get update failed"
    kernel=$(real_kernel_package)
  fi
  [ -n "$kernel" ] || fail "apt does not know the package $kernel_package; it is in Debian's main archive: check apt's sources, then run apt-get update"
  kernel_hash=$(package_field "$kernel" SHA256)
  busybox_hash=$(package_field busybox-static SHA256)
  [ -n "$kernel_hash" ] || fail "apt offers no download of $kernel; run apt-get update"
  [ -n "$busybox_hash" ] || fail "apt offers no download of busybox-static; run apt-get update"
}

# download PACKAGE SHA256: into the cache, unless it is there
download() {
  local deb="$out/packages/$1.deb"
  if [ -f "$deb" ] && echo "$2  $deb" | sha256sum --check --status; then
    return
  fi
  mkdir -p "$out/packages" "$work/download"
  echo "build-guest-image: downloading $1"
  local options=(-qq)
  [ "$(id -u)" != 0 ] || options+=(-o APT::Sandbox::User=root)
  (cd "$work/download" && apt-get "${options[@]}" download "$1") || fail "$1 could not be downloaded"
  echo "$2  $(echo "$work/download/$1"_*.deb)" | sha256sum --check --status || fail "the download of $1 is damaged: its SHA-256 differs from apt's list"
  mv "$work/download/$1"_*.deb "$deb"
}

find_module() {
  local file
  # A module's file may spell its name with - where the kernel says _.
  file=$(find "$work/kernel/lib/modules" -name "${1//[-_]/[-_]}.ko" -print -quit)
  [ -n "$file" ] || fail "the kernel package $kernel has no module $1"
  echo "$file"
}

# add_module NAME ORDER_FILE: behind all modules that it needs
add_module() {
  local file name
  file=$(find_module "$1")
  name=$(basename "$file")
  [ ! -e "$root/modules/$name" ] || return 0
  for dependency in $(tr '\0' '\n' < "$file" | sed -n 's/^depends=//p' | tr , ' '); do
    add_module "$dependency" "$2"
  done
  cp "$file" "$root/modules/$name"
  echo "$name" >> "$root/modules/$2"
}

fill_root() {
  root=$work/root
  mkdir -p "$root"/{bin,dev,proc,sys,etc/acpi/PWRF,modules}
  cp "$work/busybox/bin/busybox" "$root/bin/busybox"
  ln -s busybox "$root/bin/sh"
  for program in dmm-guest-agent dmm-load; do
    [ ! -e "$compiled/$program" ] || cp "$compiled/$program" "$root/bin/$program"
  done
  install -m 755 "$testbed/guest/init" "$root/init"
  # The name under which busybox acpid looks for the power button's action.
  install -m 755 "$testbed/guest/power-button" "$root/etc/acpi/PWRF/00000080"
  for module in "${modules[@]}"; do add_module "$module" order; done
  for module in "${zram_modules[@]}"; do add_module "$module" order.zram; done
}

# The same inputs give the same bytes: fixed times, order, owners and inodes.
pack_root() {
  find "$root" -exec touch --no-dereference --date=@0 {} +
  (cd "$root" && find . | LC_ALL=C sort | "$work/busybox/bin/busybox" cpio -o -H newc -R 0:0 --ignore-devno --renumber-inodes 2> /dev/null) \
    | gzip -9n > "$work/guest.cpio.gz"
}

build() {
  download "$kernel" "$kernel_hash"
  download busybox-static "$busybox_hash"
  compiled=$(mktemp -d /tmp/dmm-guest-image.XXXXXX) # make can't build in a folder whose name has blanks
  make --silent -C "$native" BUILD="$compiled" all || fail "the guest programs could not be compiled"
  mkdir -p "$work/kernel" "$work/busybox"
  dpkg-deb --fsys-tarfile "$out/packages/$kernel.deb" | tar -x -C "$work/kernel" --wildcards './boot/vmlinuz-*' './lib/modules/*/kernel/*'
  dpkg-deb --fsys-tarfile "$out/packages/busybox-static.deb" | tar -x -C "$work/busybox"
  fill_root
  pack_root
  cp "$work"/kernel/boot/vmlinuz-* "$work/vmlinuz"
  # Without its key a half-replaced image counts as none.
  rm -f "$out/image.key"
  mv "$work/vmlinuz" "$out/vmlinuz"
  mv "$work/guest.cpio.gz" "$out/guest.cpio.gz"
  find "$out/packages" -name '*.deb' ! -name "$kernel.deb" ! -name busybox-static.deb -delete
}

write_key() {
  printf 'fast=%s\ncontent=%s\nkernel=%s\n' "$fast_key" "$content_key" "$kernel" > "$work/image.key"
  mv "$work/image.key" "$out/image.key"
}

need flock sha256sum apt-cache apt-get dpkg-deb make gcc musl-gcc gzip
[ "$(dpkg --print-architecture)" = amd64 ] || fail "the guest image is built for amd64, this machine is $(dpkg --print-architecture)"
mkdir -p "$out" || fail "the folder $out can't be made"
out=$(cd "$out" && pwd)
exec 9> "$out/.lock"
flock -w 600 9 || fail "another build has held $out/.lock for ten minutes"

inputs=$(hash_of_inputs)
fast_key=$(echo "$inputs $(lists_stamp)" | sha256sum | cut -d' ' -f1)
if is_current fast "$fast_key"; then
  exit 0
fi

work='' compiled=''
trap '[ -z "$work" ] || rm -rf "$work"; [ -z "$compiled" ] || rm -rf "$compiled"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
rm -rf "$out"/.building.* # of a build that was killed
work=$(mktemp -d "$out/.building.XXXXXX")
resolve_packages
content_key=$(echo "$inputs $kernel_hash $busybox_hash" | sha256sum | cut -d' ' -f1)
if ! is_current content "$content_key"; then
  build
  echo "build-guest-image: $out/vmlinuz ($kernel) and $out/guest.cpio.gz ($(stat -c %s "$out/guest.cpio.gz") bytes)"
fi
write_key
