#!/usr/bin/env bash
# build.sh DIR: the first stage of the image. It leaves the wheel in DIR.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p "$1"
wheel=$(scripts/wheel.sh)
cp "$wheel" "$1/"
