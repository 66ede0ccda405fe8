"""mobula lab: a JupyterLab that knows the kernel and the extension, on a folder with the notebooks, and ends when it is told to."""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def test_lab(tmp_path):
    mobula = pathlib.Path(sys.prefix) / "bin" / "mobula"
    env = {**os.environ, "HOME": str(tmp_path), "MOBULA_CACHE": str(tmp_path / "cache"), "MOBULA_GO": "none", "JUPYTER_DATA_DIR": str(tmp_path / "data")}
    env.pop("DISPLAY", None)
    lab = subprocess.Popen([mobula, "lab", "--", "--no-browser", "--ip=127.0.0.1", f"--port={free_port()}"],
                           env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
    try:
        said = []
        for line in lab.stdout:
            said.append(line)
            if found := re.search(r"(http://127\.0\.0\.1:\d+)/lab\S*\?token=(\w+)", line):
                break
        else:
            raise AssertionError("no URL: " + "".join(said))
        address, token = found.groups()

        def get(path):
            request = urllib.request.Request(address + path, headers={"Authorization": f"token {token}"})
            for _ in range(200):  # the URL is told before the port is open
                try:
                    with urllib.request.urlopen(request, timeout=60) as answer:
                        return answer.read().decode()
                except urllib.error.URLError as error:
                    if not isinstance(error.reason, ConnectionRefusedError):
                        raise
                    assert lab.poll() is None
                    time.sleep(0.1)
            raise AssertionError(f"{address} does not answer")

        spec = json.loads(get("/api/kernelspecs"))["kernelspecs"]["mobula"]["spec"]
        assert os.path.samefile(spec["argv"][0], mobula)
        assert "quickstart.ipynb" in [f["name"] for f in json.loads(get("/api/contents"))["content"]]
        assert "mobula-lab" in get("/lab"), "the extension is not loaded"
    finally:
        lab.send_signal(signal.SIGTERM)
        lab.stdout.read()
        assert lab.wait(timeout=30) is not None
    assert (tmp_path / "mobula-notebooks" / "quickstart.ipynb").exists()
    assert not (tmp_path / "data/kernels").exists() and not (tmp_path / "data/labextensions").exists(), "the Jupyter of the user was changed"
