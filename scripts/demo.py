"""Runs a notebook with nbclient and prints every cell with what it shows."""

import sys

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError


def show(output):
    """Returns one output as plain text."""
    if output.output_type == "stream":
        return output.text
    if output.output_type == "error":
        return "\n".join(output.traceback) + "\n"
    data = output.get("data", {})
    rich = [m for m in data if m != "text/plain"]
    note = f"   [{', '.join(rich)}]" if rich else ""
    return data.get("text/plain", "") + note + "\n"


def main(path):
    book = nbformat.read(path, as_version=4)
    client = NotebookClient(book, timeout=300, kernel_name="mobula")
    failed = None
    try:
        client.execute()
    except CellExecutionError as err:
        failed = err
    for cell in book.cells:
        if cell.cell_type == "markdown":
            print(f"\n{cell.source}\n")
            continue
        print("\n".join("  | " + line for line in cell.source.splitlines()))
        sys.stdout.writelines(show(o) for o in cell.outputs)
    if failed:
        sys.exit(f"\n{path}: a cell failed: {failed.ename}: {failed.evalue}")


if __name__ == "__main__":
    main(sys.argv[1])
