"""mobula notebook run: a notebook as a batch job."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib

import nbformat
import pytest

import kit


def make(path, *cells):
    """A notebook of code cells; a tuple is a cell with its tags."""
    book = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "mobula", "language": "go", "display_name": "Go (Mobula)"}})
    for c in cells:
        source, *tags = (c,) if isinstance(c, str) else c
        book.cells.append(nbformat.v4.new_code_cell(source, metadata={"tags": tags} if tags else {}))
    nbformat.write(book, path)
    return path


def mobula(*args, **options):
    return subprocess.run([kit.BINARY, "notebook", *map(str, args)], capture_output=True, text=True, timeout=kit.PATIENCE, **options)


def read(path):
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    return book


def printed(cell):
    return "".join(o.get("text", "") or o.get("data", {}).get("text/plain", "") for o in cell.outputs)


def test_parameters_tags_and_outputs(tmp_path):
    book = make(
        tmp_path / "in.ipynb",
        ("lr := 0.1 // learning rate\nname := \"first\"\nlayers := []int{1}", "parameters"),
        'fmt.Print("a"); fmt.Println("b"); fmt.Print("50%\\r"); fmt.Println("100%")\nlr * 2',
        ("panic(name)", "raises-exception"),
        ("panic(2)", "skip-execution"),
        'h := display.Live(display.Markdown("*one*")); h.Update(display.Markdown("*two*"))\nlen(layers)',
        'os.Stderr.WriteString("err\\n"); dir, _ := os.Getwd(); dir',
        "",
    )
    params = tmp_path / "params.yaml"
    params.write_text("name: from the file\nlayers: [64, 32]\nlr: 3\n")
    done = mobula("run", book, "-f", params, "-p", "lr=0.25", "-o", tmp_path / "out.ipynb")
    assert done.returncode == 0, done.stderr
    out = read(tmp_path / "out.ipynb")
    given = out.cells[1]
    assert given.metadata.tags == ["injected-parameters"]
    assert given.source == '// Parameters\nname = "from the file"\nlayers = []int{64, 32}\nlr = 0.25'
    assert printed(out.cells[2]) == "ab\n100%\n0.5"
    assert out.cells[3].outputs[0].output_type == "error" and "from the file" in out.cells[3].outputs[0].evalue
    assert out.cells[4].execution_count is None and not out.cells[4].outputs
    assert out.cells[5].outputs[0].data["text/markdown"] == "*two*" and printed(out.cells[5]).endswith("2")
    assert [o.get("name") for o in out.cells[6].outputs] == ["stderr", None] and str(tmp_path) in printed(out.cells[6])
    assert out.cells[7].execution_count is None
    assert [c.execution_count for c in out.cells[:4]] == [1, 2, 3, 4]
    pm = out.metadata.papermill
    assert pm.parameters == {"name": "from the file", "layers": [64, 32], "lr": 0.25} and pm.exception is None and pm.duration > 0
    assert {c.metadata.papermill.status for c in out.cells} == {"completed"}
    again = mobula("run", tmp_path / "out.ipynb", "-p", "lr=1", "-o", tmp_path / "out.ipynb", "--log-output")
    assert again.returncode == 0 and "ab\n" in again.stdout and "cell 1 of " in again.stderr
    assert read(tmp_path / "out.ipynb").cells[1].source == "// Parameters\nlr = 1" and len(read(tmp_path / "out.ipynb").cells) == len(out.cells)


def test_wrong_parameters_run_nothing(tmp_path):
    book = make(tmp_path / "in.ipynb", ("lr := 0.1", "parameters"), "panic(1)")
    done = mobula("run", book, "-p", "lr=abc", "-p", "rate=1", cwd=tmp_path)
    assert done.returncode == 2 and "parameter lr is of type float64" in done.stderr and "there is no parameter rate" in done.stderr
    assert not (tmp_path / "in.out.ipynb").exists()
    prepared = mobula("run", book, "-p", "lr=2", "--inject-only", cwd=tmp_path)
    assert prepared.returncode == 0 and read(tmp_path / "in.out.ipynb").cells[1].source == "// Parameters\nlr = 2"


def test_a_failing_cell_keeps_the_notebook(tmp_path):
    book = make(tmp_path / "in.ipynb", "a := []int{1}\nlen(a)", 'fmt.Println("before")\na[len(a)]', "a")
    done = mobula("run", book, "-o", tmp_path / "out.ipynb")
    assert done.returncode == 1
    assert "cell 2 failed" in done.stderr and "index out of range [1] with length 1" in done.stderr and "cell[2]:2" in done.stderr
    out = read(tmp_path / "out.ipynb")
    assert printed(out.cells[0]) == "1" and printed(out.cells[1]) == "before\n" and out.cells[1].outputs[-1].output_type == "error"
    assert [c.metadata.papermill.status for c in out.cells] == ["completed", "failed", "pending"] and out.metadata.papermill.exception is True


def test_nobody_can_be_asked(tmp_path):
    done = mobula("run", make(tmp_path / "in.ipynb", '_, err := display.Input("who? ")\nif err != nil { panic(err) }'), "-o", tmp_path / "out.ipynb")
    assert done.returncode == 1 and "nobody can be asked" in done.stderr


def test_a_cell_may_take_so_long(tmp_path):
    book = make(tmp_path / "in.ipynb", 'fmt.Println("begun")\nfor { }')
    done = mobula("run", book, "-o", tmp_path / "out.ipynb", "--timeout", "2s")
    assert done.returncode == 1 and "stopped after 2s" in done.stderr
    assert printed(read(tmp_path / "out.ipynb").cells[0]) == "begun\n"


@pytest.mark.parametrize("sent, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)], ids=["SIGINT", "SIGTERM", "SIGKILL"])
def test_a_run_that_is_ended_leaves_a_whole_notebook(tmp_path, sent, code):
    begun = tmp_path / "begun"
    book = make(tmp_path / "in.ipynb", 'fmt.Println("kept")', f'os.WriteFile("{begun}", nil, 0o600)\nselect {{}}', "3")
    run = subprocess.Popen([kit.BINARY, "notebook", "run", book, "-o", tmp_path / "out.ipynb"], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + kit.PATIENCE
    while not begun.exists():
        assert run.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    run.send_signal(sent)
    _, said = run.communicate(timeout=kit.PATIENCE)
    assert run.returncode == code, said
    out = read(tmp_path / "out.ipynb")
    assert printed(out.cells[0]) == "kept\n" and out.cells[2].execution_count is None
    if code > 0:
        assert out.cells[1].outputs[-1].ename == "interrupted" and out.cells[1].metadata.papermill.status == "failed"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["begun", "in.ipynb", "out.ipynb"]


@pytest.fixture(scope="module")
def papermill(tmp_path_factory, jupyter_path):
    """papermill with the plug-in, which is found by its entry point, as after pip install."""
    site = tmp_path_factory.mktemp("site")
    plugin = kit.ROOT / "integrations" / "papermill"
    shutil.copy(plugin / "mobula_papermill.py", site)
    points = tomllib.loads((plugin / "pyproject.toml").read_text())["project"]["entry-points"]["papermill.engine"]
    info = site / "mobula_papermill-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mobula-papermill\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[papermill.engine]\n" + "".join(f"{k} = {v}\n" for k, v in points.items()))
    env = dict(os.environ, PYTHONPATH=str(site), JUPYTER_PATH=str(jupyter_path))

    def run(*command_lines):
        """Runs command lines of papermill, in one process since it takes long to start, and returns what each of them raised, "" for nothing."""
        lines = [["--no-progress-bar", *map(str, line)] for line in command_lines]
        done = subprocess.run([sys.executable, "-c", PAPERMILL, json.dumps(lines)], capture_output=True, text=True, env=env, timeout=kit.PATIENCE)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


PAPERMILL = """
import json, sys
from papermill.cli import papermill
raised = []
for line in json.loads(sys.argv[1]):
    try:
        papermill(line, standalone_mode=False)
        raised.append("")
    except Exception as e:
        raised.append(str(e))
print()
print(json.dumps(raised))
"""


def test_papermill_gives_typed_parameters(tmp_path, papermill):
    book = make(tmp_path / "in.ipynb", ('lr := 1.5 // learning rate\nname := "a"\nlayers := []int{}', "parameters"), 'fmt.Printf("%T %q %v", lr, name, layers)')
    wrong, raised = papermill(
        [book, tmp_path / "wrong.ipynb", "-p", "lr", "abc"],
        [book, tmp_path / "out.ipynb", "-p", "lr", "2", "-p", "name", "b c", "-y", "layers: [64, 32]"],
    )
    assert "parameter lr is of type float64" in wrong and not (tmp_path / "wrong.ipynb").exists()
    assert not raised
    ours = mobula("run", book, "-p", "lr=2", "-p", "name=b c", "-p", "layers=[64, 32]", "-o", tmp_path / "ours.ipynb")
    assert ours.returncode == 0, ours.stderr
    theirs, ours = read(tmp_path / "out.ipynb"), read(tmp_path / "ours.ipynb")
    assert printed(theirs.cells[2]) == printed(ours.cells[2]) == 'float64 "b c" [64 32]'
    assert sorted(theirs.cells[1].source.split("\n")[1:]) == sorted(ours.cells[1].source.split("\n")[1:] + [""])
    assert theirs.cells[1].metadata.tags == ours.cells[1].metadata.tags
    assert theirs.metadata.papermill.parameters == ours.metadata.papermill.parameters
    assert theirs.metadata.papermill.keys() == ours.metadata.papermill.keys()
    assert theirs.cells[2].metadata.papermill.keys() == ours.cells[2].metadata.papermill.keys()
