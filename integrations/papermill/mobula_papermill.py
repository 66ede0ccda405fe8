"""Parameters of notebooks in Go for papermill: importing this module registers the translator, and papermill imports it by the entry point."""

import json
import pathlib
import shutil
import subprocess
import tempfile

import nbformat
from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from papermill.engines import NBClientEngine
from papermill.exceptions import PapermillException
from papermill.models import Parameter
from papermill.translators import Translator, papermill_translators


def _binary():
    """The binary of the installed kernel, else the first one in PATH."""
    try:
        return KernelSpecManager().get_kernel_spec("mobula").argv[0]
    except NoSuchKernel:
        found = shutil.which("mobula")
        if not found:
            raise PapermillException("the Mobula kernel is not installed: run  mobula kernel install") from None
        return found


def _mobula(*args):
    done = subprocess.run([_binary(), "notebook", *map(str, args)], capture_output=True, text=True)
    if done.returncode:
        reason = done.stderr.strip().splitlines()
        raise PapermillException("\n".join(line for line in reason if not line.startswith("Run  ")))
    return done.stdout


class GoTranslator(Translator):
    """Writes the cell of parameters as  mobula notebook run  does, which knows their types from the cell tagged parameters."""

    _declared = None  # the source of that cell: papermill inspects it before it asks for code

    @classmethod
    def _notebook(cls, directory, source):
        book = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "mobula", "language": "go", "display_name": "Go"}})
        if source is not None:
            book.cells.append(nbformat.v4.new_code_cell(source, metadata={"tags": ["parameters"]}))
        path = pathlib.Path(directory) / "notebook.ipynb"
        nbformat.write(book, path)
        return path

    @classmethod
    def inspect(cls, parameters_cell):
        cls._declared = parameters_cell["source"]
        with tempfile.TemporaryDirectory() as directory:
            found = json.loads(_mobula("parameters", cls._notebook(directory, cls._declared), "--output", "json"))
        return [Parameter(p["name"], p["type"] or "None", p["default"], p["help"]) for p in found]

    @classmethod
    def codify(cls, parameters, comment="Parameters"):
        declared, cls._declared = cls._declared, None
        with tempfile.TemporaryDirectory() as directory:
            book, out = cls._notebook(directory, declared), pathlib.Path(directory) / "out.ipynb"
            values = pathlib.Path(directory) / "parameters.json"
            values.write_text(json.dumps(parameters))
            try:
                _mobula("run", book, "-f", values, "--inject-only", "-o", out)
            except PapermillException as e:
                raise PapermillException(str(e).replace(f"{book}: ", "").replace("mobula: notebook run: ", "")) from None
            cells = nbformat.read(out, as_version=4).cells
        (injected,) = [c.source for c in cells if "injected-parameters" in c.metadata.get("tags", [])]
        return injected.replace("// Parameters", f"// {comment}", 1) + "\n"


papermill_translators.register("go", GoTranslator)


class Engine(NBClientEngine):
    """papermill's own engine, by the name mobula."""
