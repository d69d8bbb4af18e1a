#!/bin/bash
# Runs many histories of faults, at both depths, and writes a summary to artifacts/simulate/simulate.json.
# The first seed differs each time, and is printed; SEED=N repeats a run. CORE_STEPS and ACTOR_STEPS set the numbers of steps.
set -euo pipefail
cd "$(dirname "$0")/.."
# The invariant mode needs no ICU, and nothing here is localized.
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
scripts/build.sh simulate
exec bin/dmm lab campaign --first-seed "${SEED:-$(date +%s)}" --core-steps "${CORE_STEPS:-10000000}" --actor-steps "${ACTOR_STEPS:-1000000}" \
  --report artifacts/simulate/simulate.json
