#!/usr/bin/env bash
# Runs a benchmark with the kernel freshly built: bench.sh FILE.py ARGS...
source "$(dirname "$0")/common.sh"
need_go; need_cc
venv test
build_mobula
exec "$VENV/bin/python" "$@"
