#!/usr/bin/env bash
# Installs Ray, which benchmarks measure beside, into a virtual environment of its own: .tools/ray.
source "$(dirname "$0")/common.sh"
want=bench/core/requirements.txt stamp=.tools/ray.stamp
if cmp -s "$want" "$stamp" && [ -x .tools/ray/bin/python ]; then exit; fi
need_python
rm -rf .tools/ray
mkdir -p .tools
"$PYTHON" -m venv .tools/ray
echo "installing $want into .tools/ray; this happens once"
.tools/ray/bin/python -m pip install --quiet --disable-pip-version-check -r "$want" ||
  die "pip could not install $want: see its message above. Without Ray:  make bench-core ARGS='-side mobula'"
cp "$want" "$stamp"
