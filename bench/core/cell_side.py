"""The cells' side of the benchmark: answers requests, a line of JSON each, by cells of the real kernel. See main.go.

cell_side.py serve|first FOLDER: the folder has the text of the cell that declares what requests need, and is for the kernel's files.
"""

import json
import os
import pathlib
import sys
import time

ANSWERS = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)  # what the kernel prints does not mix with the answers

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "tests"))

import kit  # noqa: E402

PATIENCE = 240  # the other sides' too
FOLDER = pathlib.Path(sys.argv[2])
ASK = "answerAll(strings.NewReader({}), os.Stdout, func(q request) (reply, error) {{ return d.act(context.Background(), q) }})"


class Side:
    """A kernel whose cells answer. Its session host is the driver."""

    def __init__(self):
        self.kernel = kit.Kernel(kit.install(FOLDER / "jupyter"))
        self.run((FOLDER / "cell.txt").read_text())
        self.run("d := newDriver()")
        self.driver = self.kernel.host().pid

    def run(self, code):
        return self.kernel.run(code, timeout=PATIENCE).ok()

    def ask(self, q):
        """Has a cell answer: a Go string literal is one of JSON here."""
        answer = json.loads(self.run(ASK.format(json.dumps(json.dumps(q)))).text().splitlines()[-1]) | {"driver": self.driver}
        if q["do"] == "sync" and answer["samples"]:
            answer["samples"]["first"] = answer["samples"]["sync"][:1]
        return answer

    def start(self, q):
        """Milliseconds from %cluster connect until a cell has the result of a first task."""
        self.run("%cluster stop")
        began = time.perf_counter()
        self.run("%cluster connect")
        answer = self.ask({"do": "sync", "n": 1, "seed": q["seed"]})
        took = time.perf_counter() - began
        return answer | {"samples": {"start": [1000 * took]}}

    def close(self):
        processes = self.kernel.tree()
        self.run("%cluster stop")
        self.kernel.close()
        kit.gone(processes, 10, "the kernel and its processes end")


def tell(value):
    print(json.dumps(value), file=ANSWERS, flush=True)


def serve(side):
    tell({})  # it is ready
    for text in sys.stdin:
        q = json.loads(text)
        try:
            tell(side.start(q) if q["do"] == "start" else side.ask(q))
        except Exception as err:  # the failure of a cell is the answer
            tell({"error": f"{type(err).__name__}: {str(err)[:500]}"})


if __name__ == "__main__":
    side = Side()
    try:
        if sys.argv[1] == "serve":
            side.run("mobula.Connect(context.Background(), mobula.Config{Store: storeBytes})")
        serve(side)
    finally:
        side.close()
