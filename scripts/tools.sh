#!/usr/bin/env bash
# Installs the pinned lint tools into .tools/bin: tools.sh staticcheck|golangci-lint...
source "$(dirname "$0")/common.sh"
need_go
declare -A module=(
  [staticcheck]=honnef.co/go/tools/cmd/staticcheck@v0.8.2 # release 2026.2.2
  [golangci-lint]=github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
)
mkdir -p .tools/bin
for tool in "$@"; do
  # The stamp names version and toolchain: either one's change builds the tool anew.
  want="${module[$tool]} $(go env GOVERSION)"
  [ -x ".tools/bin/$tool" ] && [ "$(cat ".tools/$tool.stamp" 2>/dev/null)" = "$want" ] && continue
  echo "building $tool (${module[$tool]##*@}); this happens once"
  GOFLAGS= GOBIN=$ROOT/.tools/bin go install "${module[$tool]}" || die "$tool could not be built: see above"
  echo "$want" >".tools/$tool.stamp"
done
