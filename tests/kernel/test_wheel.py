"""The wheel: pip lays out binary, kernelspec and extension in an environment, where the kernel starts without Go, and leaves nothing behind.

The static binary, the real extras and a fresh environment: tests/wheel (make test-wheel).
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import jupyter_client
from jupyter_client.kernelspec import KernelSpecManager

ROOT = pathlib.Path(__file__).parents[2]


def pip(*args, env=None):
    subprocess.run([sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *args], check=True, env=env)


def build(tmp_path):
    mobula = pathlib.Path(sys.prefix) / "bin" / "mobula"
    tree = tmp_path / "tree"
    (tree / "bin").mkdir(parents=True)
    shutil.copy(mobula, tree / "bin" / "mobula")
    subprocess.run([mobula, "kernel", "install", "--prefix", tree, "--relocatable"], check=True)
    version = json.loads(subprocess.check_output([mobula, "version", "-o", "json"]))["version"]
    made = subprocess.check_output([sys.executable, ROOT / "packaging/wheel/build.py", tree, version, ROOT / "README.md", tmp_path], text=True)
    return pathlib.Path(made.strip())


def test_wheel(tmp_path):
    wheel = build(tmp_path)
    prefix = tmp_path / "prefix"
    pip("install", "--no-deps", "--no-index", "--prefix", prefix, wheel)
    assert os.access(prefix / "bin" / "mobula", os.X_OK)
    assert (prefix / "share/jupyter/labextensions/mobula-lab/package.json").exists()

    specs = KernelSpecManager(kernel_dirs=[str(prefix / "share/jupyter/kernels")], ensure_native_kernel=False)
    manager = jupyter_client.KernelManager(kernel_name="mobula", kernel_spec_manager=specs)
    manager.start_kernel(env={**os.environ, "MOBULA_GO": "none", "PATH": "/usr/bin:/bin"})
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        said = []
        reply = client.execute_interactive(
            "s := 0\nfor i := range 10 {\n\ts += i\n}\ns", output_hook=lambda m: said.append(m["content"]), timeout=60)
        assert reply["content"]["status"] == "ok", said
        assert any(c.get("data", {}).get("text/plain") == "45" for c in said), said
    finally:
        client.stop_channels()
        manager.shutdown_kernel()
