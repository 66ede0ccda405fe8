"""Mobula beside ipykernel, in turn, in one run, through jupyter_client. Prints JSON lines, a ratio above 1 = Mobula better.

The programs' peer is the same program built by `go build`: there the ratio's goal is near 1. Lines whose peer is null
have none; their goal is in "goal". Progress goes to stderr.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "tests"))

import kit  # noqa: E402

LANGUAGES = {
    # what the two kernels are given for the same thing
    "mobula": {
        "setup": "x := 42",
        "compiled": lambda i: f"func f{i}(n int) int {{\n\ts := {i}\n\tfor i := range n {{\n\t\ts += i * i\n\t}}\n\treturn s\n}}\nf{i}(1000)",
        "lines": "for i := range 100000 {\n\tfmt.Println(i)\n}",
        "complete": ("strings.Has", 11),
        "inspect": ("strings.HasPrefix", 14),
    },
    "python3": {
        "setup": "x = 42",
        "compiled": lambda i: f"def f{i}(n):\n    s = {i}\n    for i in range(n):\n        s += i * i\n    return s\nf{i}(1000)",
        "lines": "for i in range(100000):\n    print(i)",
        "complete": ("import string; string.asc", 25),
        "inspect": ("import string; string.capwords", 25),
    },
}


def emit(name, unit, mobula, peer=None, goal=None, lower=True):
    """Prints one line; lower says that less is better."""
    ratio = None
    if peer is not None and mobula:
        ratio = peer / mobula if lower else mobula / peer
    line = {"name": name, "unit": unit, "mobula": round(mobula, 4), "peer": peer and round(peer, 4), "ratio": ratio and round(ratio, 3)}
    print(json.dumps(line | ({"goal": goal} if goal else {})), flush=True)


def timed(action):
    start = time.perf_counter()
    value = action()
    return 1000 * (time.perf_counter() - start), value


def percentile(samples, share):
    return sorted(samples)[min(len(samples) - 1, int(share * len(samples)))]


def p50(samples):
    return statistics.median(samples)


class Pair:
    """Both kernels, measured in turn so that a change of the machine's load meets both."""

    def __init__(self, jupyter_path):
        self.jupyter_path = jupyter_path
        self.kernels = {}

    def start(self, name, env=None):
        return kit.Kernel(self.jupyter_path, kernel=name, env=env)

    def open(self):
        for name in LANGUAGES:
            self.kernels[name] = self.start(name)
            self.kernels[name].run(LANGUAGES[name]["setup"], timeout=kit.PATIENCE).ok()

    def close(self):
        for kernel in self.kernels.values():
            kernel.close()

    def turns(self, count, action):
        """Calls action(kernel, language, i) for each kernel in turn, count times; returns samples by kernel."""
        samples = {name: [] for name in LANGUAGES}
        for i in range(count):
            for name, kernel in self.kernels.items():
                samples[name].append(timed(lambda: action(kernel, LANGUAGES[name], i))[0])
        return samples


def start_to_ready(pair, count):
    samples = {name: [] for name in LANGUAGES}
    for _ in range(count):
        for name in LANGUAGES:
            took, kernel = timed(lambda: pair.start(name))
            samples[name].append(took)
            kernel.close()
    emit("start to ready", "ms", p50(samples["mobula"]), p50(samples["python3"]))


def start_to_first_result(pair, count):
    samples = {name: [] for name in LANGUAGES}
    for _ in range(count):
        for name, language in LANGUAGES.items():

            def first():
                kernel = pair.start(name)
                kernel.run(language["compiled"](0), timeout=kit.PATIENCE).ok()
                return kernel

            took, kernel = timed(first)
            samples[name].append(took)
            kernel.close()
    emit("start to the result of a first function", "ms", p50(samples["mobula"]), p50(samples["python3"]))


def trivial(pair, count):
    samples = pair.turns(count, lambda k, lang, i: k.run("x").ok())
    for name, share, goal in (("p50", 0.5, 2), ("p95", 0.95, None)):
        emit(f"trivial cell {name}", "ms", percentile(samples["mobula"], share), percentile(samples["python3"], share), goal=goal)


def compiled(pair, count):
    samples = pair.turns(count, lambda k, lang, i: k.run(lang["compiled"](i), timeout=kit.PATIENCE).ok())
    emit("compiled cell p50", "ms", p50(samples["mobula"]), p50(samples["python3"]), goal=60)
    emit("compiled cell p95", "ms", percentile(samples["mobula"], 0.95), percentile(samples["python3"], 0.95))


def long_notebook(pair, count):
    """The compiled cell again, as the 200th of a notebook of a thousand lines."""
    kernel = pair.kernels["mobula"]
    for i in range(200):
        kernel.run(f"func long{i}(n int) int {{\n\tif n == 0 {{\n\t\treturn {i}\n\t}}\n\treturn n + long{max(0, i - 1)}(n-1)\n}}").ok()
    samples = [timed(lambda: kernel.run(LANGUAGES["mobula"]["compiled"](10_000 + i)).ok())[0] for i in range(count)]
    emit("compiled cell p50 after 200 cells of 1,000 lines", "ms", p50(samples), goal=60)


def lines(pair, count):
    samples, messages = {n: [] for n in LANGUAGES}, {n: [] for n in LANGUAGES}
    for _ in range(count):
        for name, kernel in pair.kernels.items():
            took, got = timed(lambda: kernel.run(LANGUAGES[name]["lines"], timeout=kit.PATIENCE).ok())
            assert got.text().count("\n") == 100_000
            samples[name].append(took)
            messages[name].append(len(got.of("stream")))
    emit("100,000 lines", "ms", p50(samples["mobula"]), p50(samples["python3"]))
    emit("100,000 lines, messages", "messages", p50(messages["mobula"]), p50(messages["python3"]), goal=200)


def asking(pair, count):
    """Completion and inspection: the first answer and the later ones."""
    for kind in ("complete", "inspect"):

        def ask(kernel, language, i):
            code, cursor = language[kind]
            content = {"code": code, "cursor_pos": cursor, "detail_level": 0}
            assert kernel.request("shell", f"{kind}_request", content).content["status"] == "ok"

        samples = pair.turns(count, ask)
        emit(f"{kind}, first", "ms", samples["mobula"][0], samples["python3"][0])
        emit(f"{kind} p50", "ms", p50(samples["mobula"][1:]), p50(samples["python3"][1:]), goal=30)


def memory(pair, count):
    """Resident memory of the kernel and all its processes; shared pages count for each."""
    rss = lambda k: sum(p.memory_info().rss for p in k.tree()) / 1e6
    pss = lambda k: sum(p.memory_full_info().pss for p in k.tree()) / 1e6
    fresh = {name: pair.start(name) for name in LANGUAGES}
    try:
        for name, kernel in fresh.items():
            kernel.run("1", timeout=kit.PATIENCE).ok()
            time.sleep(3)  # at rest: builds and collections have ended
        emit("memory at rest, RSS of the tree", "MB", rss(fresh["mobula"]), rss(fresh["python3"]), goal=100)
        emit("memory at rest, proportional", "MB", pss(fresh["mobula"]), pss(fresh["python3"]))
        for i in range(100):
            for name, kernel in fresh.items():
                kernel.run(LANGUAGES[name]["compiled"](i)).ok()
        emit("memory after 100 cells, RSS of the tree", "MB", rss(fresh["mobula"]), rss(fresh["python3"]))
    finally:
        for kernel in fresh.values():
            kernel.close()


TIMER = "\nfunc main() {\n\trun()\n\tbest := time.Duration(1 << 62)\n\tfor range 5 {\n\t\tstart := time.Now()\n\t\trun()\n\t\tbest = min(best, time.Since(start))\n\t}\n\tprintln(int(best / time.Microsecond))\n}\n"


def native(path):
    """Milliseconds of run() in the program built by go build: the best of five."""
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "main.go"
        source.write_text(path.read_text().replace("package main\n", 'package main\n\nimport "time"\n', 1) + TIMER)
        subprocess.run(["go", "build", "-o", f"{folder}/x", source], check=True, cwd=folder)
        return int(subprocess.run([f"{folder}/x"], check=True, capture_output=True, text=True).stderr) / 1000


def in_cell(kernel, path):
    """Milliseconds of run() in the kernel: the best of five."""
    body = path.read_text().split("package main\n", 1)[1]
    kernel.run(body).ok()
    kernel.run("run()", timeout=kit.PATIENCE).ok()
    code = "best := time.Duration(1 << 62)\nfor range 5 {\n\tstart := time.Now()\n\trun()\n\tbest = min(best, time.Since(start))\n}\nint(best / time.Microsecond)"
    return int(kernel.run(code, timeout=kit.PATIENCE).ok().result) / 1000


def programs(pair, count):
    for path in sorted((HERE / "testdata").glob("*.go")):
        kernel = pair.start("mobula")
        try:
            built, cell = [], []
            for _ in range(max(1, count // 100)):
                built.append(native(path))
                cell.append(in_cell(kernel, path))
            emit(f"{path.stem}, beside go build", "ms", min(cell), min(built), goal=f"ratio {1 / 1.1 if path.stem == 'fib' else 1 / 1.3:.2f}")
        finally:
            kernel.close()


def cold(pair, count):
    """The first compiled cell of a machine that has built nothing yet: the host and the standard library's archives too."""
    cache = tempfile.mkdtemp()
    try:
        kernel = pair.start("mobula", env={"GOCACHE": f"{cache}/go", "XDG_CACHE_HOME": f"{cache}/xdg"})
        try:
            emit("first compiled cell, empty build cache", "ms", timed(lambda: kernel.run(LANGUAGES["mobula"]["compiled"](0), timeout=600).ok())[0])
        finally:
            kernel.close()
    finally:
        shutil.rmtree(cache, ignore_errors=True)


# name: (function, samples)
SUITES = {
    "start": (start_to_ready, 5), "first": (start_to_first_result, 3), "trivial": (trivial, 200), "compiled": (compiled, 30), "lines": (lines, 3),
    "asking": (asking, 50), "memory": (memory, 1), "long": (long_notebook, 30), "programs": (programs, 300), "cold": (cold, 1),
}
OWN_KERNELS = {"start", "first", "memory", "programs", "cold"}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=SUITES, default=list(SUITES))
    parser.add_argument("--quick", action="store_true", help="a tenth of the samples")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as prefix:
        pair = Pair(kit.install(prefix))
        failed = []
        for name in args.only:
            suite, count = SUITES[name]
            print(f"# {name}; load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
            try:
                if name not in OWN_KERNELS:
                    pair.open()
                suite(pair, max(2, count // 10) if args.quick else count)
            except Exception as err:  # the other measurements are still worth having
                print(f"# {name} failed: {err!r}", file=sys.stderr, flush=True)
                failed.append(name)
            finally:
                pair.close()
                pair.kernels.clear()
    if failed:
        sys.exit(f"without a result: {', '.join(failed)}")


if __name__ == "__main__":
    main()
