"""Fixtures of all suites. MOBULA_BIN names another binary, MOBULA_SLOW a factor for times."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import kit  # noqa: E402


@pytest.fixture(scope="session")
def jupyter_path(tmp_path_factory):
    return kit.install(tmp_path_factory.mktemp("prefix"))


@pytest.fixture(scope="module")
def shared(jupyter_path):
    """One kernel for the tests of a module that leave it usable."""
    kernel = kit.Kernel(jupyter_path)
    kernel.run("1", timeout=kit.PATIENCE).ok()
    yield kernel
    kernel.close()


@pytest.fixture
def kernel(shared):
    """The shared kernel, with nothing declared and nothing left of earlier tests on its channels."""
    shared.late.clear()
    shared.run("%reset -f", timeout=kit.PATIENCE).ok()
    return shared


@pytest.fixture
def own(jupyter_path, tmp_path):
    """A kernel for one test that may kill it, with temporary files of its own."""
    kernel = kit.Kernel(jupyter_path, env={"TMPDIR": str(tmp_path)})
    yield kernel
    kernel.close()


@pytest.fixture
def lab_cluster():
    """A cluster with a name, of its own processes."""
    tmp_path = pathlib.Path(tempfile.mkdtemp(prefix="lab-"))  # sockets have short names
    env = dict(os.environ, XDG_RUNTIME_DIR=str(tmp_path))
    command = [kit.BINARY, "start", "--head", "--name", "lab", "--host", "127.0.0.1", "--port", "0", "--num-cpus", "1", "--dir", str(tmp_path / "state")]
    process = subprocess.Popen([str(c) for c in command], env=env, stdout=subprocess.PIPE, text=True)
    address = re.search(r"runs at (\S+),", process.stdout.readline()).group(1)
    yield address, tmp_path
    process.terminate()
    process.wait(kit.PATIENCE)
    shutil.rmtree(tmp_path)
