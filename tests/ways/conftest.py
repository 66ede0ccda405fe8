"""The browser and JupyterLab of tests/browser, in front of this folder's tests, too."""

import importlib.util
import pathlib

import pytest

_spec = importlib.util.spec_from_file_location("browser_fixtures", pathlib.Path(__file__).parents[1] / "browser" / "conftest.py")
fixtures = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(fixtures)

browser, page, pytest_runtest_makereport = fixtures.browser, fixtures.page, fixtures.pytest_runtest_makereport


@pytest.fixture
def lab(tmp_path, jupyter_path):
    lab = fixtures.Lab(tmp_path, "/", jupyter_path)
    yield lab
    lab.stop()


@pytest.fixture
def open_book(page, lab):
    return lambda name: fixtures.Book(page, lab, name)
