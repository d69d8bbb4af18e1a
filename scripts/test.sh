#!/bin/bash
# Runs the tests, fast ones first, and ends with one line summed from the runners' own results.
#   scripts/test.sh fast   without real guests, without the long ones (tests/Category.cs)
#   scripts/test.sh all    with both
set -uo pipefail
# Nothing here is localized: the SDK then needs no ICU.
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
cd "$(dirname "$0")/.."
what=${1:-all}
results=artifacts/test
passed=0 failed=0 skipped=0
broken_parts=()
# Of stories on real guests alone: so many that failed and passed when they were run once more are forgiven in one run.
forgiven_most=2
flaky_names=()
rm -rf "$results"
mkdir -p "$results"
# Those that take longest begin first, so that none is left alone at the end.
projects=(Actors Daemon Core Simulation Lab Cli Hypervisors Settings Hocon Demo Benchmarks)
# They wait for timers now and then: one more than there are processors keeps these busy.
at_once=$(($(nproc) + 1))

count() { # passed failed skipped
  passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
}

# Each failure once more where nobody has to look for it: the test and the beginning of what it said.
failures() {
  local trx part
  for trx in "$results"/*.trx; do
    [[ -e $trx && $trx != *.again.trx ]] && FORGIVEN=$(printf '%s\n' "${flaky_names[@]}") awk '
      BEGIN { split(ENVIRON["FORGIVEN"], names, "\n"); for (i in names) if (names[i] != "") skip[names[i]] = 1 }
      /<UnitTestResult / { name = ""; if (/outcome="Failed"/) { name = $0; sub(/.*testName="/, "", name); sub(/" .*/, "", name); gsub(/&quot;/, "\"", name); if (name in skip) name = ""; else print "failed: " name } }
      name && /<Message>/ { sub(/.*<Message>/, ""); said = 1 }
      name && said && said <= 8 && NF { line = $0; sub(/<\/Message>.*/, "", line); print "    " substr(line, 1, 300); said++ }
      /<\/Message>/ { said = 0 }' "$trx"
  done
  for part in "${broken_parts[@]}"; do echo "failed: $part"; done
}

finish() {
  [ "$failed" -eq 0 ] || failures
  echo "== $SECONDS s"
  echo "$passed passed, $failed failed, $skipped skipped"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
  exit
}

broken() { # what could not even run counts as a failure
  echo "dmm: $1" >&2
  broken_parts+=("$1")
  count 0 1 0
}

# Runs a part in the background, not more than $at_once of them. What it says is printed as a whole when it has ended, and what it did is counted then.
declare -A part_of=() began=()
# What runs in the background does not hear of Ctrl-C by itself.
trap 'kill "${!part_of[@]}" 2> /dev/null; exit 130' INT TERM
begin() { # count-function name command...
  local counts=$1 name=$2
  shift 2
  [ "${#part_of[@]}" -lt "$at_once" ] || reap
  "$@" > "$results/$name.log" 2>&1 &
  part_of[$!]="$counts $name" began[$!]=$SECONDS
}

reap() { # waits for the next part that ends
  local pid status counts name
  wait -n -p pid "${!part_of[@]}"
  status=$?
  read -r counts name <<< "${part_of[$pid]}"
  echo "== $name, from $((began[$pid])) to $SECONDS s"
  cat "$results/$name.log"
  "$counts" "$name" "$status"
  unset "part_of[$pid]" "began[$pid]"
}

reap_all() {
  while [ "${#part_of[@]}" -gt 0 ]; do reap; done
}

count_native() { # name status
  [ "$2" -eq 0 ] || broken "the native tests failed, see $results/$1.log"
  local line
  line=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$results/$1.log" | tail -n 1)
  if [ -n "$line" ]; then
    # Failures were counted once above.
    count "$(cut -d' ' -f1 <<<"$line")" 0 "$(cut -d' ' -f5 <<<"$line")"
  fi
}

dotnet_tests() { # project name filter
  exec dotnet test "tests/$1/bin/Release/net10.0/$1.dll" --nologo --results-directory "$results" --filter "$3" \
    --logger "trx;LogFileName=$2.trx" --logger "console;verbosity=minimal" --blame-hang --blame-hang-timeout 10m
}

count_dotnet() { # name status
  local name=$1 status=$2 trx="$results/$1.trx" total
  if [ ! -s "$trx" ]; then
    broken "$name left no results (exit $status)"
    return
  fi
  total=$(counter "$trx" total)
  # Not every project has long tests; but each has others.
  if [ -z "$total" ] || { [ "$total" -eq 0 ] && [[ $name != *.long ]]; }; then
    broken "$name left results without a test (exit $status)"
    return
  fi
  count "$(counter "$trx" passed)" "$(counter "$trx" failed)" "$((total - $(counter "$trx" executed)))"
  if [ "$status" -ne 0 ] && [ "$(counter "$trx" failed)" -eq 0 ]; then
    broken "$name ended with $status although no test failed"
  fi
  # A skipped test says why.
  sed -n '/outcome="NotExecuted"/,/<\/UnitTestResult>/s/.*<Message>\(.*\)<\/Message>.*/skipped: \1/p' "$trx"
}

# Stories on emulated guests can fail for reasons of the machine: what failed is run once more, alone, at the end. Nothing else is ever run twice.
run_failed_again() { # part
  local first="$results/$1.trx" again="$results/$1.again.trx" filter lines
  [ -s "$first" ] && [ -n "$(scripts/flaky.sh failed "$first")" ] || return
  filter=$(scripts/flaky.sh failed "$first" | sed 's/(.*//; s/^/FullyQualifiedName=/' | sort -u | paste -sd '|')
  begin count_nothing "$1.again" dotnet_tests "$1" "$1.again" "$filter"
  reap_all
  [ -s "$again" ] || return
  mapfile -t lines < <(scripts/flaky.sh again "$first" "$again" "$results/flaky.json")
  [ "${#lines[@]}" -gt 0 ] || return
  printf '%s\n' "${lines[@]}"
  if [ "${#lines[@]}" -gt "$forgiven_most" ]; then
    echo "${#lines[@]} stories failed and passed when they were run once more: more than $forgiven_most are not forgiven"
    return
  fi

  mapfile -t flaky_names < <(printf '%s\n' "${lines[@]}" | sed 's/^flaky: //; s/ (first failure: .*//')
  passed=$((passed + ${#lines[@]})) failed=$((failed - ${#lines[@]}))
}

count_nothing() { :; }

counter() { # file name
  sed -n "s/.*<Counters [^>]*\b$2=\"\([0-9]*\)\".*/\1/p" "$1" | head -n 1
}

# First what the .NET SDK itself needs to start.
scripts/install-packages.sh runtime test || { broken "packages are missing"; finish; }
scripts/need-dotnet.sh || { broken "no .NET SDK"; finish; }
dotnet build DMM.sln --configuration Release --nologo --verbosity quiet || { broken "the build failed"; finish; }

for project in "${projects[@]}"; do
  begin count_dotnet "Dmm.$project.Tests" dotnet_tests "Dmm.$project.Tests" "Dmm.$project.Tests" 'Category!=Long'
done
begin count_native native make --no-print-directory -C native test
reap_all
if [ "$what" = all ]; then
  for project in "${projects[@]}"; do
    begin count_dotnet "Dmm.$project.Tests.long" dotnet_tests "Dmm.$project.Tests" "Dmm.$project.Tests.long" 'Category=Long'
  done
  reap_all
  # Real guests have the machine for themselves.
  if scripts/build.sh && native/testbed/build-guest-image.sh; then
    begin count_dotnet Dmm.Testbed.Tests dotnet_tests Dmm.Testbed.Tests Dmm.Testbed.Tests 'Category!=Long|Category=Long'
    reap_all
    run_failed_again Dmm.Testbed.Tests
  else
    broken "what the tests with real guests need could not be built"
  fi
fi
finish
