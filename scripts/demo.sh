#!/usr/bin/env bash
# make demo: runs the first notebook headless and prints its outputs.
source "$(dirname "$0")/common.sh"
need_go; need_python; need_cc
venv lab
build_mobula
install_kernel
exec "$VENV/bin/python" scripts/demo.py "${1:-notebooks/01-first-steps.ipynb}"
