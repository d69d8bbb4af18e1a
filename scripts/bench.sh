#!/bin/bash
# Measures DMM in parts, and writes artifacts/bench/PART.json for each part.
#   scripts/bench.sh                 all parts
#   scripts/bench.sh recovery ...    one part, with its own options (--help lists them)
# Parts: recovery (a daemon that starts again), idle (the cost of a daemon while nothing happens), command (size and speed of dmm), arbiter
# (a plan for 10,000 VMs), cluster (a dead node, false alarms), and on real guests: mechanisms, live, density, admission. docs/operate/results.md describes what they measure.
set -euo pipefail
cd "$(dirname "$0")/.."
parts='recovery idle command arbiter cluster mechanisms live density admission'
# The invariant mode needs no ICU, and nothing here is localized.
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
part=${1:-all}
if [ "$part" != all ] && [[ " $parts " != *" $part "* ]]; then
  echo "bench: there is no part $part; the parts are: $parts" >&2
  exit 2
fi
case $part in
  recovery | idle | command | arbiter | cluster) scripts/build.sh ;;
  *) # real guests
    scripts/install-packages.sh runtime build plot qemu
    scripts/build.sh
    native/testbed/build-guest-image.sh
    ;;
esac
dotnet publish tests/Dmm.Benchmarks --configuration Release --output bin/lib/bench --nologo --verbosity quiet
if [ "$part" != all ]; then
  shift
  exec dotnet bin/lib/bench/Dmm.Benchmarks.dll "$part" "$@"
fi
for part in $parts; do
  dotnet bin/lib/bench/Dmm.Benchmarks.dll "$part"
done
