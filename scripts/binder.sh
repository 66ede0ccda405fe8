#!/usr/bin/env bash
# make test-binder: what of the Binder image can be tried without a container engine. repo2docker takes binder/Dockerfile for the image of this
# repository; its steps run here, with an environment in place of the image; the kernel runs a notebook there, and JupyterLab knows it behind a hub's prefix.
source "$(dirname "$0")/common.sh"
need_go; need_python; need_cc
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "repo2docker reads the repository"
"$PYTHON" -m venv "$work/repo2docker"
"$work/repo2docker/bin/pip" install --quiet --disable-pip-version-check jupyter-repo2docker==2026.4.0
"$work/repo2docker/bin/jupyter-repo2docker" --no-build --debug . >"$work/said" 2>&1 || die "repo2docker refuses it: $(cat "$work/said")"
grep -q '^RUN mobula kernel prepare$' "$work/said" || die "repo2docker does not build binder/Dockerfile: $(tail -5 "$work/said")"

echo "the steps of the image"
# COPY of a file that is not there fails a build: each source of the second stage exists.
sed -n 's/^COPY \(--[^ ]* \)*\(.*\) [^ ]*$/\2/p' binder/Dockerfile | grep -v '^/' | tr ' ' '\n' | while read -r from; do
  compgen -G "$from" >/dev/null || die "binder/Dockerfile copies $from, which is not there"
done
binder/build.sh "$work/wheel" >&2
mkdir -p "$work/image" "$work/home"
cp -r requirements binder "$work/image/"
"$PYTHON" -m venv "$work/prefix"
"$work/image/binder/install.sh" "$work/prefix" "$work/wheel"
cp notebooks/*.ipynb "$work/home/"
as_user() { # as the user of the image: a home folder of its own, no caches
  env -i HOME="$work/home" USER=jovyan PATH="$work/prefix/bin:$(dirname "$(command -v go)"):/usr/bin:/bin" LANG=C.UTF-8 "$@"
}
cd "$work/home"
as_user mobula kernel prepare

echo "what a visitor does"
as_user jupyter execute 02-tasks.ipynb
as_user JUPYTERHUB_SERVICE_PREFIX=/user/visitor/ "$work/prefix/bin/python" - <<'PY'
import json, re, subprocess, sys, urllib.request
lab = subprocess.Popen(["jupyter", "lab", "--no-browser", "--ip=127.0.0.1", "--port=0", "--ServerApp.base_url=/user/visitor/", "--allow-root", "--debug"],
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
try:
    said = []
    for line in lab.stdout:
        said.append(line)
        if "Jupyter Server" in line and "is running at" in line:
            break
    listing = subprocess.check_output(["jupyter", "kernelspec", "list", "--json"], text=True)
    assert "mobula" in json.loads(listing)["kernelspecs"], listing
    extensions = subprocess.run(["jupyter", "labextension", "list"], capture_output=True, text=True)
    assert re.search(r"mobula-lab.*enabled.*OK", extensions.stdout + extensions.stderr), extensions
    assert any("jupyter_server_proxy" in line for line in said), "jupyter-server-proxy is not loaded"
finally:
    lab.terminate()
    lab.wait()
PY
echo "Binder: all that can be tried here works."
