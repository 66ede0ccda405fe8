"""Fixtures of all suites. MOBULA_BIN names another binary, MOBULA_SLOW a factor for times."""

import pathlib
import sys

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
