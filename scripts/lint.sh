#!/usr/bin/env bash
# gofmt, go vet, go fix, staticcheck; with --all golangci-lint too (its first build takes minutes).
source "$(dirname "$0")/common.sh"
need_go
status=0
bad=$(git ls-files -co --exclude-standard '*.go' | grep -v /testdata/ | while read -r f; do [ -f "$f" ] && echo "$f"; done | xargs -r gofmt -l)
if [ -n "$bad" ]; then printf 'gofmt: run  gofmt -w  on\n%s\n' "$bad"; status=1; fi
go vet ./... || status=1
fix=$(go fix -diff ./... 2>&1 || true)
if [ -n "$fix" ]; then printf 'go fix: run  go fix ./...\n%s\n' "$fix"; status=1; fi
scripts/tools.sh staticcheck
.tools/bin/staticcheck ./... || status=1
if [ "${1:-}" = --all ]; then
  scripts/tools.sh golangci-lint
  .tools/bin/golangci-lint run ./... || status=1
fi
[ $status = 0 ] && echo "lint: ok"
exit $status
