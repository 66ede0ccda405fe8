#!/usr/bin/env bash
# install.sh PREFIX DIR: the second stage of the image. It installs JupyterLab as make lab has it, and the wheel that lies in DIR,
# with the pip of PREFIX.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
"$1/bin/python3" -m pip install --no-cache-dir --quiet --disable-pip-version-check -r "$here/../requirements/lab.txt" "$2"/mobula-*.whl
