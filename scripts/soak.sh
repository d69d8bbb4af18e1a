#!/bin/bash
# Kills the daemon with -9 at random moments while real guests grow and shrink, far more often than the tests do.
#   scripts/soak.sh [KILLS]   default 200; DMM_SEED=N repeats a run
# Writes artifacts/soak/soak.json.
set -euo pipefail
cd "$(dirname "$0")/.."
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
scripts/install-packages.sh runtime test
scripts/need-dotnet.sh
scripts/build.sh
dotnet build tests/Dmm.Testbed.Tests --configuration Release --nologo --verbosity quiet
native/testbed/build-guest-image.sh
mkdir -p artifacts/soak
rm -f artifacts/soak/soak.json
export DMM_KILLS=${1:-200} DMM_SOAK_JSON="$PWD/artifacts/soak/soak.json"
dotnet test tests/Dmm.Testbed.Tests --configuration Release --no-build --nologo --filter FullyQualifiedName~KillStories --logger "console;verbosity=normal" ||
  { echo "dmm: the soak failed, see above and artifacts/soak/soak.json" >&2; exit 1; }
cat "$DMM_SOAK_JSON"
