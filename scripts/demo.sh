#!/bin/bash
# Runs the demo: installs missing packages, builds, and moves memory between real guests. Writes report.json and timeline.png to
# artifacts/demo.
set -euo pipefail
cd "$(dirname "$0")/.."
# The invariant mode needs no ICU, and nothing here is localized.
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
# The SDK's build servers are switched off: they would run on after the build, and after Ctrl-C.
export MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0 UseSharedCompilation=false
scripts/install-packages.sh runtime build plot qemu
scripts/need-dotnet.sh
scripts/build.sh
dotnet publish tests/Dmm.Demo --configuration Release --output bin/lib/demo --nologo --verbosity quiet
native/testbed/build-guest-image.sh
exec dotnet bin/lib/demo/Dmm.Demo.dll "$@"
