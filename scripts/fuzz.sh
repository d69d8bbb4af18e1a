#!/bin/bash
# Gives the edges of DMM inputs that nobody would write, and writes the results to artifacts/fuzz/fuzz.json.
#   scripts/fuzz.sh [TARGET]   qmp, agent, http, hocon, spec or all (the default)
# The seed differs each time, and is printed; SEED=N repeats a run. INPUTS sets the number of inputs for each target.
set -euo pipefail
cd "$(dirname "$0")/.."
# The invariant mode needs no ICU, and nothing here is localized.
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
scripts/build.sh fuzz
exec bin/dmm-fuzz "${1:-all}" --seed "${SEED:-$(date +%s)}" --inputs "${INPUTS:-1000000}" --report artifacts/fuzz/fuzz.json
