#!/bin/sh
# run-tests.sh PROGRAM...: runs test programs that print TAP, shows what failed, ends with "N passed, N failed, N skipped".
# A program that ends early (a sanitizer's finding, a crash) counts as one failure more.
passed=0 failed=0 skipped=0
output=$(mktemp) || exit 1
trap 'rm -f "$output"' EXIT
for program in "$@"; do
  timeout 60 "$program" > "$output" 2>&1
  status=$?
  passed=$((passed + $(grep -v '# SKIP' "$output" | grep -c '^ok ')))
  skipped=$((skipped + $(grep -c '^ok .*# SKIP' "$output")))
  failures=$(grep -c '^not ok ' "$output")
  if [ "$status" -ne 0 ] && [ "$failures" -eq 0 ] || ! grep -q '^1\.\.' "$output"; then
    failures=$((failures + 1))
    echo "$program ended with status $status before its last test"
  fi
  failed=$((failed + failures))
  grep '# SKIP' "$output"
  [ "$failures" -eq 0 ] || { echo "--- $program"; grep -v '^ok ' "$output"; }
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
