#!/usr/bin/env bash
# make lab: sets up all that is needed, installs the kernel into .venv, opens JupyterLab on notebooks/.
source "$(dirname "$0")/common.sh"
need_go; need_python; need_cc
venv lab
build_mobula
install_kernel
args=(--ServerApp.root_dir="$ROOT/notebooks")
[ "$(id -u)" = 0 ] && args+=(--allow-root)
# Without a browser JupyterLab would only log an error: say where to go instead.
if ! "$VENV/bin/python" -c 'import webbrowser; webbrowser.get()' 2>/dev/null || { [ "$(uname)" = Linux ] && [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; }; then
  args+=(--no-browser)
  echo "There is no browser here: open the URL below in one (it holds the token)."
fi
export PATH="$VENV/bin:$PATH" # for  !python3 -m pip  in cells
exec "$VENV/bin/jupyter" lab "${args[@]}" "$@"
