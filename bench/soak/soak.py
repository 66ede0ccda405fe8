"""A long session: N cells (three in five compiled, many redeclarations), then a random mix for some minutes under GOGC=5.

Fails where the last hundred cells of a kind take more than 1.5 times as long as the first, where a compiled cell costs more than 50 KB of
memory, or where any answer is wrong. The mix is drawn from a seed, which is printed. Prints JSON lines.
"""

import argparse
import json
import pathlib
import random
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "tests"))

import kit  # noqa: E402


def emit(name, **values):
    print(json.dumps({"name": name} | values), flush=True)


def check(kernel, code, want=None):
    """Runs a cell and returns its seconds; fails where its result is not want."""
    start = time.perf_counter()
    got = kernel.run(code, timeout=kit.PATIENCE).ok()
    took = time.perf_counter() - start
    assert want is None or got.result == want, f"{code}\ngave {got.result}, want {want}"
    return took


def memory(kernel):
    """Resident megabytes of the host after a collection."""
    kernel.run("debug.FreeOSMemory()").ok()
    return kernel.host().memory_info().rss / 1e6


def kernel_memory(kernel):
    """Resident megabytes of the kernel itself; it collects when it likes, so that this moves by some MB."""
    return kernel.process.memory_info().rss / 1e6


# The kinds of cells of the first part: every fifth and sixth cell is direct, the others compiled; f0..f19 and T are redeclared over and over.
def step(kernel, i):
    kind = i % 5
    if kind == 0:
        return "direct", check(kernel, f"n = {i}\nn + 1", str(i + 1))
    if kind == 1:
        return "direct", check(kernel, f"s = append(s, n)\nlen(s)")
    if kind == 2:
        return "function", check(kernel, f"func f{i % 20}(n int) int {{\n\tt := {i}\n\tfor i := range n {{\n\t\tt += i\n\t}}\n\treturn t\n}}\nf{i % 20}(10)", str(i + 45))
    if kind == 3:
        return "type", check(kernel, f"type T{i % 10} struct {{\n\tA int\n\tF{i} string\n}}\nfunc (t T{i % 10}) Get() int {{ return t.A + {i} }}\nT{i % 10}{{A: 1}}.Get()", str(i + 1))
    return "loop", check(kernel, f"sum := 0\nfor i := range 100 {{\n\tsum += i * {i}\n}}\nsum", str(4950 * i))


def like_cells(kernel, count, failures):
    kernel.run("n := 0\nvar s []int", timeout=kit.PATIENCE).ok()
    times, warm = {}, 20
    for i in range(warm):
        step(kernel, i)
    before, kernel_before, compiled = memory(kernel), kernel_memory(kernel), 0
    for i in range(warm, count):
        kind, took = step(kernel, i)
        times.setdefault(kind, []).append(took)
        compiled += kind != "direct"
    grown = 1000 * (memory(kernel) - before) / compiled
    emit("memory of a compiled cell", unit="KB", mobula=round(grown, 1), goal=50, cells=compiled)
    in_kernel = 1000 * (kernel_memory(kernel) - kernel_before) / compiled
    emit("memory of a compiled cell in the kernel", unit="KB", mobula=round(in_kernel, 1), cells=compiled)
    if grown > 50:
        failures.append(f"a compiled cell costs {grown:.1f} KB")
    for kind, samples in times.items():
        part = min(100, len(samples) // 2)
        first, last = statistics.median(samples[:part]), statistics.median(samples[-part:])
        emit(f"{kind} cells, last {part} beside first", unit="ms", first=round(1000 * first, 2), last=round(1000 * last, 2), ratio=round(last / first, 3), goal=1.5)
        if last > 1.5 * first:
            failures.append(f"{kind} cells slow down by {last / first:.2f}")


class Mix:
    """Random cells with known answers. model is what the session's variables hold."""

    def __init__(self, kernel, seed):
        self.kernel, self.random, self.n, self.live = kernel, random.Random(seed), 0, 0
        self.model = {}
        kernel.run("tree := map[int]*[]string{}\nticks := new(atomic.Int64)\nstopAll := make(chan bool)", timeout=kit.PATIENCE).ok()

    def redeclare(self):
        self.kernel.run(f"type R struct {{ A int; X{self.n} [{self.random.randint(1, 9)}]string }}\nr := R{{A: {self.n}}}").ok()
        check(self.kernel, "r.A", str(self.n))

    def function(self):
        k = self.random.randint(1, 50)
        check(self.kernel, f"func g{k}(n int) int {{ return n*{k} + {self.n} }}\ng{k}(2)", str(2 * k + self.n))

    def values(self):
        k = self.random.randint(0, 99)
        self.model[k] = self.n
        self.kernel.run(f'tree[{k}] = &[]string{{strings.Repeat("x", {self.n % 1000}), "v{self.n}"}}').ok()
        k = self.random.choice(list(self.model))
        check(self.kernel, f"(*tree[{k}])[1]", f'"v{self.model[k]}"')

    def goroutines(self):
        count = self.random.randint(1, 20)
        self.live += count
        self.kernel.run(f"for range {count} {{\n\tgo func() {{\n\t\tfor {{\n\t\t\tselect {{\n\t\t\tcase <-stopAll:\n\t\t\t\treturn\n\t\t\tcase <-time.After(10 * time.Millisecond):\n\t\t\t\tticks.Add(int64(len(fmt.Sprint(tree == nil))))\n\t\t\t}}\n\t\t}}\n\t}}()\n}}").ok()
        if self.live > 200:
            self.kernel.run("close(stopAll)\nstopAll = make(chan bool)").ok()
            self.live = 0

    def generic(self):
        k = self.random.randint(1, 30)
        self.kernel.run(f"type E{k} struct{{ v [{k}]int }}\nfunc last[T any](xs ...T) T {{ return xs[len(xs)-1] }}").ok()
        check(self.kernel, f"len(last(E{k}{{}}, E{k}{{}}).v)", str(k))

    def panic(self):
        assert self.kernel.run("func() {\n\tvar p *int\n\t*p = 1\n}()").content["status"] == "error"

    def interrupt(self):
        cell = self.kernel.send('fmt.Println("up")\nfor {\n}')
        self.kernel.seen(cell, "up")
        self.kernel.interrupt()
        assert self.kernel.outcome(cell).content["status"] == "error"
        self.live = 0

    def output(self):
        n = self.random.randint(1, 5000)
        got = self.kernel.run(f"for i := range {n} {{\n\tfmt.Println(i)\n}}").ok()
        assert got.text().count("\n") == n

    def garbage(self):
        check(self.kernel, 'garbage := 0\nfor i := range 2000 {\n\tgarbage += len(strings.Split(strings.Repeat("a,", i%50), ","))\n}\ngarbage')

    def run(self, minutes):
        kinds = [self.redeclare, self.function, self.values, self.values, self.goroutines, self.generic, self.panic, self.interrupt, self.output, self.garbage]
        deadline, host, counts = time.monotonic() + 60 * minutes, self.kernel.host().pid, {}
        while time.monotonic() < deadline:
            kind = self.random.choice(kinds)
            kind()
            self.n += 1
            counts[kind.__name__] = counts.get(kind.__name__, 0) + 1
            assert self.kernel.host().pid == host, f"the host was restarted after {self.n} cells, the last: {kind.__name__}"
            if self.n % 500 == 0:
                emit("mix so far", cells=self.n, rss_mb=round(self.kernel.host().memory_info().rss / 1e6, 1))
        emit("mix", minutes=minutes, cells=self.n, faults=0, rss_mb=round(memory(self.kernel), 1), kinds=counts)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    args = parser.parse_args()
    failures = []
    with tempfile.TemporaryDirectory() as prefix:
        path = kit.install(prefix)
        kernel = kit.Kernel(path)
        try:
            like_cells(kernel, args.cells, failures)
        finally:
            kernel.close()
        emit("mix begins", seed=args.seed)
        kernel = kit.Kernel(path, env={"GOGC": "5"})
        try:
            Mix(kernel, args.seed).run(args.minutes)
        finally:
            kernel.close()
    if failures:
        sys.exit("; ".join(failures))


if __name__ == "__main__":
    main()
