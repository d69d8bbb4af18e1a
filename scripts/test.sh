#!/bin/bash
# Runs the tests, fast ones first, and ends with one line summed from the runners' own results.
#   scripts/test.sh fast   without real guests
#   scripts/test.sh all    with them
set -uo pipefail
# Nothing here is localized: the SDK then needs no ICU.
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
cd "$(dirname "$0")/.."
what=${1:-all}
results=artifacts/test
passed=0 failed=0 skipped=0
rm -rf "$results"
mkdir -p "$results"

count() { # passed failed skipped
  passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
}

finish() {
  echo "$passed passed, $failed failed, $skipped skipped"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
  exit
}

broken() { # what could not even run counts as a failure
  echo "dmm: $1" >&2
  count 0 1 0
}

native_tests() {
  echo "== native"
  make --no-print-directory -C native test 2>&1 | tee "$results/native.log"
  [ "${PIPESTATUS[0]}" -eq 0 ] || broken "the native tests failed, see $results/native.log"
  local line
  line=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$results/native.log" | tail -n 1)
  if [ -n "$line" ]; then
    # Failures were counted once above.
    count "$(cut -d' ' -f1 <<<"$line")" 0 "$(cut -d' ' -f5 <<<"$line")"
  fi
}

dotnet_tests() { # project
  local project=$1 trx="$results/$1.trx" total
  echo "== $project"
  dotnet test "tests/$project" --configuration Release --no-build --nologo --results-directory "$results" \
    --logger "trx;LogFileName=$project.trx" --logger "console;verbosity=minimal" --blame-hang --blame-hang-timeout 10m
  local status=$?
  if [ ! -s "$trx" ]; then
    broken "$project left no results (exit $status)"
    return
  fi
  total=$(counter "$trx" total)
  count "$(counter "$trx" passed)" "$(counter "$trx" failed)" "$((total - $(counter "$trx" executed)))"
  if [ "$status" -ne 0 ] && [ "$(counter "$trx" failed)" -eq 0 ]; then
    broken "$project ended with $status although no test failed"
  fi
  # A skipped test says why.
  sed -n '/outcome="NotExecuted"/,/<\/UnitTestResult>/s/.*<Message>\(.*\)<\/Message>.*/skipped: \1/p' "$trx"
}

counter() { # file name
  sed -n "s/.*<Counters [^>]*\b$2=\"\([0-9]*\)\".*/\1/p" "$1" | head -n 1
}

# First what the .NET SDK itself needs to start.
scripts/install-packages.sh runtime test || { broken "packages are missing"; finish; }
scripts/need-dotnet.sh || { broken "no .NET SDK"; finish; }
dotnet build DMM.sln --configuration Release --nologo --verbosity quiet || { broken "the build failed"; finish; }

for project in Core Hypervisors Actors Settings Cli Daemon Demo; do
  dotnet_tests "Dmm.$project.Tests"
done
native_tests
if [ "$what" = all ]; then
  if scripts/build.sh && native/testbed/build-guest-image.sh; then
    dotnet_tests Dmm.Testbed.Tests
  else
    broken "what the tests with real guests need could not be built"
  fi
fi
finish
