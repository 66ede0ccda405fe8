"""The main job, five ways: the quickstart in JupyterLab, by nbclient, by  mobula notebook run , as an exported static program, and as a job of a cluster of
three nodes. Its results are the same."""

import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient

import kit

QUICKSTART = kit.ROOT / "notebooks" / "quickstart.ipynb"
TABLE, CHART = "application/vnd.mobula.table.v1+json", "application/vnd.mobula.chart.v1+json"


@pytest.fixture(autouse=True)
def pip_on_path(monkeypatch):
    monkeypatch.setenv("PATH", f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}")


def results(book):
    """The table, the last state of the chart, and the number of flights."""
    outputs = [o for c in book.cells if c.cell_type == "code" for o in c.outputs]
    assert not [o for o in outputs if o.output_type == "error"]
    table = next(o.data[TABLE] for o in outputs if TABLE in o.get("data", {}))
    chart = next(o.data[CHART] for o in outputs if CHART in o.get("data", {}))
    assert chart["state"] == "done"
    flights = [o.data["text/plain"] for o in outputs if o.get("data", {}).get("text/plain", "").isdigit()]
    return table["rows"], [(s["name"], s["x"], s["y"]) for s in chart["series"]], flights


@pytest.fixture(scope="module")
def by_nbclient(tmp_path_factory, jupyter_path):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(jupyter_path))
        patch.setenv("PATH", f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}")
        book = nbformat.read(QUICKSTART, as_version=4)
        NotebookClient(book, timeout=120, kernel_name="mobula", resources={"metadata": {"path": tmp_path_factory.mktemp("nbclient")}}).execute()
    table, chart, flights = results(book)
    assert len(table) == 16 and flights == ["336776"]
    return table, chart, flights


def test_jupyterlab(page, lab, open_book, by_nbclient):
    shutil.copy(QUICKSTART, lab.work / "quickstart.ipynb")
    book = open_book("quickstart.ipynb")
    book.run_all()
    book.finished(page.locator(".jp-Notebook .jp-CodeCell").count() - 1)

    def saved():
        page.evaluate("() => window.jupyterapp.shell.currentWidget.context.save()")
        read = nbformat.read(lab.work / "quickstart.ipynb", as_version=4)
        return read if all(c.execution_count for c in read.cells if c.cell_type == "code" and c.source.strip()) else None

    assert results(kit.until(saved, 30, "the notebook is saved", step=0.5)) == by_nbclient


def test_batch(tmp_path, by_nbclient):
    subprocess.run([kit.BINARY, "notebook", "run", QUICKSTART, "-o", tmp_path / "out.ipynb", "--cwd", tmp_path], check=True, timeout=kit.PATIENCE)
    assert results(nbformat.read(tmp_path / "out.ipynb", as_version=4)) == by_nbclient


def test_program(tmp_path, by_nbclient):
    subprocess.run([kit.BINARY, "notebook", "export", QUICKSTART, "-o", tmp_path / "module"], check=True, timeout=kit.PATIENCE)
    program = tmp_path / "flights"
    subprocess.run(["go", "build", "-C", tmp_path / "module", "-o", program], check=True, timeout=600,
                   env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOPROXY": "off"})
    elsewhere = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG") or k.startswith("PIP_") or k.lower().endswith("_proxy")}
    said = subprocess.run([program], cwd=tmp_path, env=elsewhere, check=True, capture_output=True, text=True, timeout=kit.PATIENCE).stdout
    table, chart, flights = by_nbclient
    assert [line.split() for line in said.splitlines() if line[:2] in {row[0] for row in table}] == table
    assert set(flights) <= set(said.split("\n"))
    ((_, x, y),) = chart
    # The text of a chart tells its last point, and its range, in five digits.
    assert f"{len(x)} points, last {y[-1]:.5g}, from {min(y):.5g} to {max(y):.5g}" in said, said


@contextlib.contextmanager
def cluster(directory):
    """A head with a node, and two nodes more, all of them on this machine."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    where = ["--address", f"127.0.0.1:{port}", "--token", str(directory / "head" / "user-token")]
    env = {**os.environ, "TMPDIR": str(directory)}
    nodes = []

    def start(name, *args):
        log = (directory / f"{name}.log").open("w")
        nodes.append(subprocess.Popen([kit.BINARY, "start", "--node-name", name, *args], stdout=log, stderr=subprocess.STDOUT, env=env, cwd=directory))

    def alive():
        asked = subprocess.run([kit.BINARY, "list", "nodes", "--filter", "state=alive", "-o", "json", *where], capture_output=True, text=True)
        return len(json.loads(asked.stdout)) if asked.returncode == 0 else 0

    try:
        start("first", "--head", "--host", "127.0.0.1", "--port", str(port), "--dir", directory / "head", "--dashboard", "off")
        kit.until(lambda: alive() == 1, 60, "the head answers")
        for name in ("second", "third"):
            start(name, "--address", f"127.0.0.1:{port}", "--token", directory / "head" / "join-token")
        kit.until(lambda: alive() == 3, 60, "three nodes are there")
        yield where
    finally:
        for n in nodes[::-1]:
            n.terminate()
        for n in nodes:
            n.wait(timeout=30)


def test_job(tmp_path, by_nbclient):
    with cluster(tmp_path) as where:
        submit = subprocess.run([kit.BINARY, "job", "submit", "--id", "flights", *where, QUICKSTART], capture_output=True, text=True, timeout=kit.PATIENCE)
        assert submit.returncode == 0, submit.stdout + submit.stderr
        subprocess.run([kit.BINARY, "job", "output", "flights", *where, "--dir", tmp_path / "out"], check=True)
        (out,) = (tmp_path / "out").glob("*.ipynb")
        assert results(nbformat.read(out, as_version=4)) == by_nbclient
