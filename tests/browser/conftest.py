"""A real JupyterLab on the loopback interface, driven in a real Chromium by playwright (no browser is downloaded)."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import psutil
import pytest
from playwright.sync_api import expect, sync_playwright

import kit

TOKEN = "for-tests-only"
expect.set_options(timeout=15_000)  # of a condition that holds in the end, on a machine that does other things, too
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
SHOTS = pathlib.Path(__file__).parent / "shots"
SHOTS.mkdir(exist_ok=True)
# Without these a browser in a container crashes, waits for the network, or renders other colours on another machine.
FLAGS = [
    "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--force-color-profile=srgb", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Lab:
    """A running JupyterLab with folders of its own. base is its path prefix, as behind a hub."""

    def __init__(self, work, base, jupyter_path):
        self.work, self.base, self.port = work, base, free_port()
        quiet = work / "settings" / "@jupyterlab" / "apputils-extension"
        quiet.mkdir(parents=True)
        (quiet / "notification.jupyterlab-settings").write_text('{"fetchNews": "false", "checkForUpdates": false}')
        env = dict(
            os.environ, HOME=str(work), JUPYTER_PATH=str(jupyter_path), JUPYTERLAB_SETTINGS_DIR=str(work / "settings"),
            JUPYTER_CONFIG_DIR=str(work / "config"), JUPYTER_DATA_DIR=str(work / "data"), JUPYTER_RUNTIME_DIR=str(work / "runtime"),
            GOCACHE=subprocess.run(["go", "env", "GOCACHE"], capture_output=True, text=True, check=True).stdout.strip(),
            GOMODCACHE=subprocess.run(["go", "env", "GOMODCACHE"], capture_output=True, text=True, check=True).stdout.strip(),
            XDG_CACHE_HOME=os.environ.get("XDG_CACHE_HOME", str(pathlib.Path.home() / ".cache")),
        )
        self.log = work / "jupyter.log"
        self.process = subprocess.Popen(
            [
                sys.executable, "-m", "jupyter", "lab", "--allow-root", "--no-browser", "--ip=127.0.0.1", f"--port={self.port}", "--ServerApp.port_retries=0",
                f"--IdentityProvider.token={TOKEN}", f"--ServerApp.base_url={base}", f"--ServerApp.root_dir={work}", "--LabApp.expose_app_in_browser=True", "--JupyterNotebookApp.expose_app_in_browser=True",
            ],
            stdout=self.log.open("w"), stderr=subprocess.STDOUT, env=env, cwd=work,
        )
        kit.until(self.answers, 90, "JupyterLab to answer; its log is " + str(self.log), step=0.1)

    def answers(self):
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        try:
            with urllib.request.urlopen(f"{self.url}api?token={TOKEN}", timeout=1) as reply:
                return reply.status == 200
        except (OSError, urllib.error.URLError):
            return False

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}{self.base}"

    def notebook(self, name, cells):
        """Writes a notebook of code cells."""
        book = {
            "nbformat": 4, "nbformat_minor": 5,
            "metadata": {"kernelspec": {"name": "mobula", "display_name": "Go (Mobula)", "language": "go"}},
            "cells": [{"cell_type": "code", "id": f"c{i}", "metadata": {}, "source": c, "execution_count": None, "outputs": []} for i, c in enumerate(cells)],
        }
        (self.work / name).write_text(json.dumps(book))

    def stop(self):
        """Ends the server once its kernels have ended; threads of its own may hold it up for ever."""
        server = psutil.Process(self.process.pid)
        self.process.terminate()
        try:
            kit.until(lambda: self.process.poll() is not None or not server.children(), 20, "kernels end with their server", step=0.1)
        finally:
            self.process.kill()
            self.process.wait()


# Base URLs: of a server of one's own, and behind a hub. A test runs at both unless it is marked.
ROOT, HUB = "/", "/user/alice/"
AT_ROOT = pytest.mark.parametrize("lab", [ROOT], ids=["root"], indirect=True)
AT_HUB = pytest.mark.parametrize("lab", [HUB], ids=["hub"], indirect=True)


@pytest.fixture(scope="session", params=[ROOT, HUB], ids=["root", "hub"])
def lab(request, tmp_path_factory, jupyter_path):
    lab = Lab(tmp_path_factory.mktemp("lab"), request.param, jupyter_path)
    yield lab
    lab.stop()


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield browser
        browser.close()


class Book:
    """One open notebook in a page."""

    def __init__(self, page, lab, name):
        self.page, self.lab, self.name = page, lab, name
        page.goto(f"{lab.url}lab/workspaces/auto-{time.time_ns()}/tree/{name}?token={TOKEN}")
        page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=60_000)
        self.ready()

    def ready(self):
        """Waits for the kernel as the application sees it: the toolbar says idle before there is one, and keys are lost."""
        self.page.wait_for_function(
            """() => { const k = window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel;
               return k && k.connectionStatus === 'connected' && k.status === 'idle'; }""",
            timeout=120_000,
        )

    def command(self, name):
        self.page.evaluate("name => { window.jupyterapp.commands.execute(name); }", name)

    def run_all(self):
        self.command("notebook:run-all-cells")

    def cell(self, index):
        return self.page.locator(".jp-Notebook .jp-CodeCell").nth(index)

    def output(self, index):
        return self.cell(index).locator(".jp-OutputArea-output")

    def type(self, index, text):
        """Puts the cursor at the end of a cell and types."""
        self.cell(index).locator(".cm-content").click()
        self.page.keyboard.press("Control+End")
        self.page.keyboard.type(text)

    def finished(self, index, number=None):
        """Waits until a cell has an execution count."""
        want = r"\[\d+\]" if number is None else rf"\[{number}\]"
        self.page.wait_for_function(
            """([i, want]) => new RegExp(want).test(document.querySelectorAll('.jp-Notebook .jp-CodeCell')[i]?.querySelector('.jp-InputPrompt')?.textContent ?? '')""",
            arg=[index, want], timeout=120_000,
        )

    def shot(self, name):
        self.page.screenshot(path=SHOTS / f"{name}.png")


@pytest.fixture
def page(browser, request):
    context = browser.new_context(viewport={"width": 1100, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    said = page.said = []
    page.on("console", lambda m: said.append(f"{m.type}: {m.text}"))
    page.on("pageerror", lambda e: said.append(f"page error: {e}\n{e.stack}"))
    page.set_default_timeout(30_000)
    yield page
    if getattr(request.node, "failed", False):
        page.screenshot(path=SHOTS / f"FAILED-{request.node.name}.png")
        (SHOTS / f"FAILED-{request.node.name}.txt").write_text("\n".join(said))
    context.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.when == "call":
        item.failed = report.failed


@pytest.fixture
def book(page, lab):
    """Opens a notebook of the given cells."""

    def open_book(name, cells):
        lab.notebook(name, cells)
        return Book(page, lab, name)

    return open_book
