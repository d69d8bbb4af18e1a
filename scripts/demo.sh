#!/bin/bash
# The demo: installs what is missing, builds, and moves memory between real guests. Ends with artifacts/demo/report.json and timeline.png.
set -euo pipefail
cd "$(dirname "$0")/.."
# Nothing here is localized: the SDK then needs no ICU.
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
# The SDK's build servers would outlive the build, and Ctrl-C.
export MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0 UseSharedCompilation=false
scripts/install-packages.sh runtime build plot qemu
scripts/need-dotnet.sh
scripts/build.sh
dotnet publish tests/Dmm.Demo --configuration Release --output bin/lib/demo --nologo --verbosity quiet
native/testbed/build-guest-image.sh
exec dotnet bin/lib/demo/Dmm.Demo.dll "$@"
