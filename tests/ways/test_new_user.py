"""A new user: a bare clone, an empty home folder, no caches but the registries':  make lab , then the quickstart by hand. Times are told, cold and warm."""

import os
import re
import signal
import socket
import subprocess
import time

import pytest

import kit


def clean(home):
    """The environment of somebody who has just logged in: what leads to registries stays."""
    kept = {k: v for k, v in os.environ.items()
            if k in ("PATH", "LANG", "GOPROXY", "GONOSUMDB", "GONOSUMCHECK", "GOSUMDB", "GOFLAGS", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE")
            or k.startswith("PIP_") or k.lower().endswith("_proxy")}
    return {**kept, "HOME": str(home), "PIP_CACHE_DIR": str(home / "pip")}


class MakeLab:
    """make lab  in a clone, until it tells the URL."""

    def __init__(self, clone, env):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        self.process = subprocess.Popen(
            ["make", "lab", f"ARGS=--no-browser --ip=127.0.0.1 --port={port}"], cwd=clone, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True)
        said = []
        for line in self.process.stdout:
            said.append(line)
            if found := re.search(r"(http://127\.0\.0\.1:\d+)/lab\S*\?token=(\w+)", line):
                self.url, self.token = found.groups()
                return
        raise AssertionError("make lab has ended: " + "".join(said))

    def stop(self):
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.stdout.read()
        self.process.wait(30)


def quickstart(page, lab, began):
    """Opens the quickstart as a person does, and runs it; returns when JupyterLab, the first result and the last one were there."""
    times = {}
    kit.until(lambda: reachable(lab), 60, "JupyterLab answers", step=0.1)
    page.goto(f"{lab.url}/lab/tree/quickstart.ipynb?token={lab.token}&reset")
    page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=120_000)
    times["JupyterLab"] = time.monotonic() - began
    page.get_by_text("Go (Mobula)").first.wait_for(timeout=60_000)
    page.locator(".jp-Notebook .jp-CodeCell .cm-content").first.click()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    cells.nth(0).get_by_text("2 nodes").first.wait_for(timeout=400_000)
    times["cluster"] = time.monotonic() - began
    page.get_by_text("336776").first.wait_for(timeout=400_000)
    times["first result"] = time.monotonic() - began
    last = cells.count() - 1
    page.wait_for_function(
        "i => /\\[\\d+\\]/.test(document.querySelectorAll('.jp-Notebook .jp-CodeCell')[i]?.querySelector('.jp-InputPrompt')?.textContent ?? '')", arg=last, timeout=400_000)
    times["whole notebook"] = time.monotonic() - began
    assert page.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']").count() == 0
    return times


def reachable(lab):
    try:
        with socket.create_connection(("127.0.0.1", int(lab.url.rsplit(":", 1)[1])), timeout=1):
            return True
    except OSError:
        return False


@pytest.mark.timeout(1500)
def test_make_lab_and_the_quickstart(page, tmp_path):
    clone = tmp_path / "mobula"
    subprocess.run(["git", "clone", "--quiet", kit.ROOT, clone], check=True)
    (tmp_path / "home").mkdir()
    env = clean(tmp_path / "home")
    for what in ("cold", "warm"):
        began = time.monotonic()
        lab = MakeLab(clone, env)
        try:
            times = quickstart(page, lab, began)
        finally:
            lab.stop()
        print(what + ":", ", ".join(f"{name} {seconds:.1f} s" for name, seconds in times.items()))
        page.context.clear_cookies()
        subprocess.run(["git", "-C", clone, "checkout", "--quiet", "."], check=True)
    changed = [p for what in ("kernels", "labextensions") for p in (tmp_path / "home" / ".local/share/jupyter").glob(f"{what}/*")]
    assert not changed, "the kernel of make lab is for its environment alone"
