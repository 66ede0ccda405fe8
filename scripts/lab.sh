#!/usr/bin/env bash
# make lab: sets up all that is needed in .venv, with the kernel, and opens JupyterLab on notebooks/.
source "$(dirname "$0")/common.sh"
need_go; need_python; need_cc
venv lab
build_mobula
install_kernel
exec "$VENV/bin/mobula" lab --dir "$ROOT/notebooks" -- "$@"
