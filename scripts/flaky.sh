#!/bin/bash
# Lists the tests that failed, and those of them that passed when they were run once more. Reads the test runner's results (TRX).
#   scripts/flaky.sh failed FIRST.trx                      one line per failed test: its name
#   scripts/flaky.sh again FIRST.trx AGAIN.trx OUT.json    one line, for people, per test that passed then; OUT.json lists them too
set -euo pipefail

# Prints for each test with that outcome: name, TAB, first line of the message.
results() { # file outcome
  awk -v outcome="outcome=\"$2\"" '
    function tell() { if (name != "") print name "\t" said; name = "" }
    /<UnitTestResult / {
      tell()
      if (index($0, outcome)) { name = $0; sub(/.*testName="/, "", name); sub(/" [a-zA-Z]+="?.*/, "", name); said = ""; heard = 0 }
    }
    name != "" && !heard && /<Message>/ { said = $0; sub(/.*<Message>/, "", said); sub(/<\/Message>.*/, "", said); heard = 1 }
    END { tell() }' "$1" | sed 's/&lt;/</g; s/&gt;/>/g; s/&quot;/"/g; s/&#39;/'\''/g; s/&apos;/'\''/g; s/&#xD;//g; s/&#xA;/ /g; s/&amp;/\&/g'
}

quoted() { # text; prints it as a JSON string
  printf '"%s"' "$(printf '%s' "$1" | tr -d '\000-\010\013-\037' | sed 's/\\/\\\\/g; s/"/\\"/g; s/\t/\\t/g')"
}

case ${1:-} in
  failed)
    results "$2" Failed | cut -f1
    ;;
  again)
    passed=$(results "$3" Passed | cut -f1)
    separator=''
    printf '[' > "$4"
    while IFS=$'\t' read -r name said; do
      grep -qxF -- "$name" <<< "$passed" || continue
      echo "flaky: $name (first failure: $said)"
      printf '%s\n  {"name": %s, "firstFailure": %s}' "$separator" "$(quoted "$name")" "$(quoted "$said")" >> "$4"
      separator=','
    done < <(results "$2" Failed)
    printf '\n]\n' >> "$4"
    ;;
  *)
    sed -n '2,5s/^# *//p' "$0" >&2
    exit 2
    ;;
esac
