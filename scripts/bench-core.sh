#!/usr/bin/env bash
# Runs bench/core, with Ray unless it is told to run Mobula's side only: bench-core.sh ARGS...
source "$(dirname "$0")/common.sh"
need_go
[[ " $* " == *" -side mobula "* ]] || scripts/ray.sh >&2
go build -o bin/bench-core ./bench/core
exec bin/bench-core "$@"
