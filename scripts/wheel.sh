#!/usr/bin/env bash
# make wheel: out/mobula-VERSION-py3-none-PLATFORM.whl, which carries the binary, the kernelspec and the JupyterLab extension.
source "$(dirname "$0")/common.sh"
need_go; need_python
prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT
mkdir -p "$prefix/bin" "$OUT"
# Static, so that it runs wherever pip may put it; NVIDIA's library cannot be loaded by such a program, nvidia-smi tells of GPUs instead.
GOOS=linux GOARCH=amd64 CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o "$prefix/bin/mobula" ./cmd/mobula
"$prefix/bin/mobula" kernel install --prefix "$prefix" --relocatable >&2
rm -f "$OUT"/mobula-*.whl
"$PYTHON" packaging/wheel/build.py "$prefix" "$("$prefix/bin/mobula" version -o json | "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["version"])')" README.md "$OUT"
