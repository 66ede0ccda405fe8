#!/usr/bin/env bash
# Fuzzes every fuzz target of the module for the time given (default 10m), one after the other.
source "$(dirname "$0")/common.sh"
need_go
budget=${1:-10m} failed=()
while read -r file; do
  dir=$(dirname "$file")
  for target in $(grep -ho '^func Fuzz[A-Za-z0-9_]*' "$file" | sed 's/func //'); do
    echo "=== ./$dir $target ($budget)"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$budget" "./$dir" || failed+=("./$dir $target")
  done
done < <(git ls-files -co --exclude-standard '*_test.go' | xargs grep -l '^func Fuzz')
[ ${#failed[@]} = 0 ] || die "with findings (the input is in testdata/fuzz of the package): ${failed[*]}"
