#!/bin/bash
# Runs the tests, the fast ones first. The last line is the sum of the test runners' results.
#   scripts/test.sh fast   without real guests, without the long ones (tests/Category.cs)
#   scripts/test.sh all    with both
set -uo pipefail
# The invariant mode needs no ICU, and nothing here is localized.
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
cd "$(dirname "$0")/.."
what=${1:-all}
results=artifacts/test
passed=0 failed=0 skipped=0
broken_parts=()
# At most this many tests on real guests may fail and then pass when they are run once more; more make the run fail.
forgiven_most=2
flaky_names=()
rm -rf "$results"
mkdir -p "$results"
# The longest begin first, so that none runs alone at the end. The order of the long tests differs.
projects=(Actors Daemon Core Clustering Simulation Fuzz Lab Cli Hypervisors Settings Hocon Demo Benchmarks)
long_first=(Simulation Core Daemon Clustering Actors Fuzz Lab Cli Hypervisors Settings Hocon Demo Benchmarks)
# Tests wait for timers now and then: one more than the number of processors keeps these busy.
at_once=$(($(nproc) + 1))

count() { # passed failed skipped
  passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
}

# Prints all failures again at the end, where they are easy to find: the test, and the beginning of its message.
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

broken() { # text; a part that could not even run counts as a failure
  echo "dmm: $1" >&2
  broken_parts+=("$1")
  count 0 1 0
}

# Runs a part in the background, at most $at_once of them at a time. Its output is printed, and its results are counted, when it has ended.
declare -A part_of=() began=()
# Background processes do not get Ctrl-C by themselves.
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
    # The failures were counted above.
    count "$(cut -d' ' -f1 <<<"$line")" 0 "$(cut -d' ' -f5 <<<"$line")"
  fi
}

built=0
# The solution's build has just analysed the same code; MSBuild reads the variable.
build_programs() { RunAnalyzers=false scripts/build.sh && native/testbed/build-guest-image.sh; }

count_build() { # name status
  if [ "$2" -eq 0 ]; then built=1; else broken "what the tests with real guests need could not be built, see $results/$1.log"; fi
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
  if [ -z "$total" ] || [ "$total" -eq 0 ]; then
    broken "$name left results without a test (exit $status)"
    return
  fi
  count "$(counter "$trx" passed)" "$(counter "$trx" failed)" "$((total - $(counter "$trx" executed)))"
  if [ "$status" -ne 0 ] && [ "$(counter "$trx" failed)" -eq 0 ]; then
    broken "$name ended with $status although no test failed"
  fi
  # Print the reason of each skipped test.
  sed -n '/outcome="NotExecuted"/,/<\/UnitTestResult>/s/.*<Message>\(.*\)<\/Message>.*/skipped: \1/p' "$trx"
}

# Tests on emulated guests can fail for reasons of the machine: those that failed run once more, alone, at the end. No other test runs
# twice.
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
    echo "${#lines[@]} tests failed at first and passed when run again: more than $forgiven_most are not forgiven"
    return
  fi

  mapfile -t flaky_names < <(printf '%s\n' "${lines[@]}" | sed 's/^flaky: //; s/ (first failure: .*//')
  passed=$((passed + ${#lines[@]})) failed=$((failed - ${#lines[@]}))
}

count_nothing() { :; }

counter() { # file name
  sed -n "s/.*<Counters [^>]*\b$2=\"\([0-9]*\)\".*/\1/p" "$1" | head -n 1
}

# Install first what the .NET SDK itself needs to start.
scripts/install-packages.sh runtime test || { broken "packages are missing"; finish; }
scripts/need-dotnet.sh || { broken "no .NET SDK"; finish; }
dotnet build DMM.sln --configuration Release --nologo --verbosity quiet || { broken "the build failed"; finish; }

for project in "${projects[@]}"; do
  begin count_dotnet "Dmm.$project.Tests" dotnet_tests "Dmm.$project.Tests" "Dmm.$project.Tests" 'Category!=Long'
done
begin count_native native make --no-print-directory -C native test
reap_all
if [ "$what" = all ]; then
  # The programs and the guest are built beside the long tests: neither keeps two processors busy by itself.
  begin count_build programs build_programs
  for project in "${long_first[@]}"; do
    # Not every project has long tests (tests/Category.cs).
    grep -rqF --include='*.cs' Category.Long "tests/Dmm.$project.Tests" || continue
    begin count_dotnet "Dmm.$project.Tests.long" dotnet_tests "Dmm.$project.Tests" "Dmm.$project.Tests.long" 'Category=Long'
  done
  reap_all
  # No other part runs beside the tests on real guests.
  if [ "$built" -eq 1 ]; then
    begin count_dotnet Dmm.Testbed.Tests dotnet_tests Dmm.Testbed.Tests Dmm.Testbed.Tests 'Category!=Long|Category=Long'
    reap_all
    run_failed_again Dmm.Testbed.Tests
  fi
fi
finish
