#!/usr/bin/env bash
# make test: every suite that CI runs, each within its budget (seconds); says at the end which failed.
# With names as arguments only those suites run.
source "$(dirname "$0")/common.sh"
need_go; need_python; need_cc
mkdir -p "$OUT"
names=() results=() failures=0

# suite NAME SECONDS CMD...: runs one suite, remembers how it ended, goes on.
suite() {
  local name=$1 budget=$2 start=$SECONDS rc=0 log; shift 2
  if [ ${#only[@]} -gt 0 ] && [[ " ${only[*]} " != *" $name "* ]]; then return; fi
  log=$OUT/test-$name.log
  printf '\n=== %s (budget %ss)\n' "$name" "$budget"
  timeout --kill-after=20 "$budget" "$@" </dev/null 2>&1 | tee "$log" || rc=$?
  local verdict=passed
  case $rc in 0) ;; 124 | 137) verdict="FAILED: over its budget of ${budget}s" ;; *) verdict="FAILED: status $rc" ;; esac
  [ $rc = 0 ] || failures=$((failures + 1))
  names+=("$name"); results+=("$(printf '%4ss  %s' $((SECONDS - start)) "$verdict")")
}

pytests() { "$VENV/bin/python" -m pytest -q "$@"; }
export -f pytests; export VENV ROOT OUT
only=("$@")
suite setup 230 bash -c 'source scripts/common.sh; venv test; build_mobula; install_kernel'
suite lint 330 scripts/lint.sh
suite unit 500 go test -timeout 480s $(go list ./... | grep -v /tests/)
suite nvml 40 bash -c 'source scripts/common.sh; nvml_flags
  [ ${#NVML[@]} != 0 ] || { echo "not run: here no program links that looks up symbols of NVIDIA'"'"'s library as it calls them"; exit; }
  go test -timeout 35s "${NVML[@]}" ./cluster/gpu/...'
suite sessions 80 go test -timeout 75s ./tests/session/...
suite core 450 go test -race -timeout 440s ./tests/core/...
suite memory 40 go test -timeout 35s -run 'TestTwiceTheStore' ./tests/core # the race detector takes memory of its own
suite kernel 330 bash -c 'pytests tests/kernel'
[ -z "${MOBULA_KILLS:-}" ] || suite kills 1500 bash -c 'pytests --timeout 1400 tests/kernel/test_kills.py'
[[ " ${only[*]} " != *" wheel "* ]] || suite wheel 900 bash -c 'pytests --timeout 800 tests/wheel'
[[ " ${only[*]} " != *" ways "* ]] || suite ways 900 bash -c 'CHROMIUM=$(scripts/chromium.sh | tail -1) pytests --timeout 700 tests/ways'
suite lang 200 go run ./tests/lang -sample 3m -seed 1 -report ""
suite browser 300 bash -c 'CHROMIUM=$(scripts/chromium.sh | tail -1) pytests tests/browser'

printf '\n'
for i in "${!names[@]}"; do printf '%-10s %s\n' "${names[$i]}" "${results[$i]}"; done
printf '\n%d passed, %d failed\n' $((${#names[@]} - failures)) "$failures"
[ "$failures" = 0 ]
