#!/usr/bin/env bash
# Prints the path of a Chromium for the browser tests; installs Debian's where there is none.
source "$(dirname "$0")/common.sh"
find_it() { command -v "${CHROMIUM:-chromium}" || command -v chromium-browser || command -v google-chrome; }
if ! find_it; then
  as_root apt-get update -q >&2 && as_root apt-get install -y -q --no-install-recommends chromium fonts-dejavu-core >&2 ||
    die "Chromium is missing. Bring it:  apt-get install chromium fonts-dejavu-core   (or set CHROMIUM to its path)"
  find_it || die "Chromium was installed but is not on PATH: set CHROMIUM to its path"
fi
