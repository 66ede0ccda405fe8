#!/usr/bin/env bash
# Runs bench/core, with Ray and from cells of the kernel, or one side only where it is told so: bench-core.sh ARGS...
source "$(dirname "$0")/common.sh"
need_go
only=$(grep -oP -- '--?side[ =]\K\w+' <<<"$*" || true)
[[ $only && $only != ray ]] || scripts/ray.sh >&2
if [[ ! $only || $only = cell ]]; then
  need_cc
  venv test >&2
fi
build_mobula
go build -o bin/bench-core ./bench/core
exec bin/bench-core "$@"
