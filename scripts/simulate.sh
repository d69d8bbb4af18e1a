#!/bin/bash
# Lives through many histories of faults, at both depths, and writes their sum to artifacts/simulate/simulate.json.
# The first seed is another one each time, and is printed; SEED=N takes it up again. CORE_STEPS and ACTOR_STEPS set how many steps.
set -euo pipefail
cd "$(dirname "$0")/.."
# Nothing here is localized: the SDK then needs no ICU.
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
scripts/build.sh simulate
exec bin/dmm lab campaign --first-seed "${SEED:-$(date +%s)}" --core-steps "${CORE_STEPS:-10000000}" --actor-steps "${ACTOR_STEPS:-1000000}" \
  --report artifacts/simulate/simulate.json
