"""Ray's side of the benchmark: answers requests, a line of JSON each, as the Go program's side does. See main.go.

ray_side.py serve|first|nodes|apart FOLDER: folder is for Ray's files; its path must be short.
"""

import json
import os
import socket
import sys
import time

ANSWERS = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)  # what Ray prints does not mix with the answers

FOLDER = sys.argv[2]
os.makedirs(f"{FOLDER}/ray", exist_ok=True)
os.environ["RAY_TMPDIR"] = FOLDER

import numpy as np  # noqa: E402
import ray  # noqa: E402

MIB, GIB, MEGABYTE = 1 << 20, 1 << 30, 1_000_000
WORDS = GIB // 8
COARSE, FINE = 65_521, 1009  # see transfer.go
STORE = 3 << 30  # as the Go side's
CPUS = len(os.sched_getaffinity(0))
PID = os.getpid()
clock = time.perf_counter


def start():
    ray.init(num_cpus=CPUS, object_store_memory=STORE, include_dashboard=False, log_to_driver=False, logging_level="error")


def answer(i):
    return 3 * i + 1


class Makers:
    """Checks results, and collects who made them."""

    def __init__(self):
        self.seen = set()

    def check(self, stamp, want):
        value, pid = stamp
        if value != want:
            raise AssertionError(f"a result is {value}, and must be {want}")
        if not pid or pid == PID:
            raise AssertionError(f"the result {want} was made by process {pid}; the driver is {PID}")
        self.seen.add(pid)

    def answers(self, stamps, seed):
        for i, stamp in enumerate(stamps):
            self.check(stamp, answer(seed + i))

    def counters(self, stamps, seed, actors):
        sums = [0] * actors
        for i, stamp in enumerate(stamps):
            sums[i % actors] += i + 1
            self.check(stamp, seed + sums[i % actors])


def reply(makers=None, done=0, **samples):
    return {"samples": {k.replace("_", " "): v for k, v in samples.items()}, "done": done, "makers": sorted(makers.seen) if makers else []}


def of(key, makers, done, samples):
    return {"samples": {key: samples}, "done": done, "makers": sorted(makers.seen)}


def timed(action):
    """Microseconds, and what the action returned."""
    began = clock()
    value = action()
    return (clock() - began) * 1e6, value


@ray.remote
def noop(i):
    return answer(i), os.getpid()


@ray.remote
def after(before):
    return before[0] + 1, os.getpid()


@ray.remote
def nested_noops(seed, n):
    return ray.get(noops(seed, n))


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


@ray.remote
def remote_fib(n):
    return fib(n), os.getpid()


@ray.remote
def holder(i, path):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        if s.recv(1):
            raise AssertionError("the gate sent something")
    return answer(i), os.getpid()


@ray.remote(num_cpus=0)
class Counter:
    def __init__(self, start):
        self.n = start

    def add(self, i):
        self.n += i
        return self.n, os.getpid()


@ray.remote
def sum_of(data):
    return checksum(data), os.getpid()


@ray.remote
def word_of(data, at):
    return int(data[at]), os.getpid()


@ray.remote
def byte_of(data, at):
    return (int(data[at]) << 32) + len(data), os.getpid()


@ray.remote
def marked(at, mark):
    data = base().copy()
    data[at] = mark
    return data, os.getpid()


BASE = None


def base():
    global BASE
    if BASE is None:
        BASE = pattern(MEGABYTE, 0)
    return BASE


def noops(seed, n):
    return [noop.remote(seed + i) for i in range(n)]


def pattern(n, seed):
    i = np.arange(n, dtype=np.int64)
    return (i * 7 + (i >> 8) + seed).astype(np.uint8)


def place(i):
    return (i * 1_000_003 + 17) % WORDS


def checksum(data):
    return len(data) + int(data.astype(np.int64) @ (np.arange(len(data)) % 997))


class Side:
    def warm(self, q):
        makers = Makers()
        makers.answers(ray.get(noops(q["seed"], q["n"])), q["seed"])
        a = Counter.remote(q["seed"])
        makers.check(ray.get(a.add.remote(1)), q["seed"] + 1)
        return reply(makers, q["n"])

    def sync(self, q):
        makers, samples = Makers(), []
        for i in range(q["n"]):
            took, stamp = timed(lambda: ray.get(noop.remote(q["seed"] + i)))
            makers.check(stamp, answer(q["seed"] + i))
            samples.append(took)
        return reply(makers, q["n"], sync=samples)

    def asynchronous(self, q):
        makers = Makers()
        took, stamps = timed(lambda: ray.get(noops(q["seed"], q["n"])))
        makers.answers(stamps, q["seed"])
        return of("async", makers, q["n"], [q["n"] / took * 1e6])

    def wait_each(self, q):
        refs = rest = noops(q["seed"], q["n"])
        began = clock()
        while rest:
            ready, rest = ray.wait(rest, num_returns=1)
            assert len(ready) == 1
        took = 1000 * (clock() - began)
        makers = Makers()
        makers.answers(ray.get(refs), q["seed"])
        return of("wait each", makers, q["n"], [took])

    def wait_ready(self, q):
        refs = noops(q["seed"], q["n"])
        makers = Makers()
        makers.answers(ray.get(refs), q["seed"])
        samples = []
        for _ in range(20):
            took, (ready, _) = timed(lambda: ray.wait(refs, num_returns=len(refs)))
            assert len(ready) == len(refs)
            samples.append(took)
        return of("wait ready", makers, q["n"], samples)

    def chain(self, q):
        def run():
            r = noop.remote(q["seed"])
            for _ in range(q["n"]):
                r = after.remote(r)
            return ray.get(r)

        makers = Makers()
        took, stamp = timed(run)
        makers.check(stamp, answer(q["seed"]) + q["n"])
        return of("chain", makers, q["n"], [took / 1000])

    def nested(self, q):
        makers = Makers()
        took, stamps = timed(lambda: ray.get(nested_noops.remote(q["seed"], q["n"])))
        makers.answers(stamps, q["seed"])
        return of("nested", makers, q["n"], [took / 1000])

    def fib(self, q):
        makers = Makers()
        took, stamp = timed(lambda: ray.get(remote_fib.remote(q["n"])))
        a, b = 0, 1
        for _ in range(q["n"]):
            a, b = b, a + b
        makers.check(stamp, a)
        return of("fib", makers, 1, [took / 1000])

    def hold(self, q):
        self.warm({"seed": q["seed"], "n": 50})
        path = f"{FOLDER}/gate"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            self.holders = [holder.remote(i, path) for i in range(CPUS)]
            self.gates = [listener.accept()[0] for _ in self.holders]
        os.unlink(path)
        return reply()

    def fill(self, q):
        """Submits what it expects to have run in the time given, by the rate of a first part that runs."""
        for gate in self.gates:
            gate.close()
        ray.get(self.holders)
        probe = 3000
        took, _ = timed(lambda: ray.get(noops(0, probe)))
        self.count = q["n"] if not q["seconds"] else min(q["n"], int(0.6 * q["seconds"] * probe / took * 1e6) // 1000 * 1000)
        self.hold(q)
        took, self.refs = timed(lambda: noops(q["seed"], self.count))
        self.filled = took / 1e6
        assert not ray.wait(self.refs, num_returns=1, timeout=0)[0], "a task is ready, and should wait"
        return reply(None, self.count, submitted=[self.count / self.filled])

    def drain(self, q):
        def run():
            for gate in self.gates:
                gate.close()
            return ray.get(self.refs)

        makers = Makers()
        took, stamps = timed(run)
        makers.answers(stamps, q["seed"])
        makers.answers(ray.get(self.holders), 0)
        return reply(makers, self.count, drained=[self.count / took * 1e6], seconds=[self.filled + took / 1e6])

    def call_sync(self, q):
        a = Counter.remote(q["seed"])
        ray.get(a.add.remote(0))
        samples, stamps, makers = [], [], Makers()
        for i in range(q["n"]):
            took, stamp = timed(lambda: ray.get(a.add.remote(i + 1)))
            samples.append(took)
            stamps.append(stamp)
        makers.counters(stamps, q["seed"], 1)
        return of("call sync", makers, q["n"], samples)

    def calls(self, q, count):
        actors = [Counter.remote(q["seed"]) for _ in range(count)]
        ray.get([a.add.remote(0) for a in actors])
        makers = Makers()
        took, stamps = timed(lambda: ray.get([actors[i % count].add.remote(i + 1) for i in range(q["n"])]))
        makers.counters(stamps, q["seed"], count)
        return of(q["do"], makers, q["n"], [q["n"] / took * 1e6])

    def make(self, q):
        """Makes actors until there are n, or the time or the machine's memory is over."""
        self.actors, makers, began, step = [], Makers(), clock(), 2 * CPUS
        while len(self.actors) < q["n"] and clock() - began < q["seconds"] and available() > 5 * GIB:
            first = len(self.actors)
            self.actors += [Counter.remote(q["seed"] + first + i) for i in range(min(step, q["n"] - first))]
            stamps = ray.get([a.add.remote(first + i) for i, a in enumerate(self.actors[first:])])
            for i, stamp in enumerate(stamps, first):
                makers.check(stamp, q["seed"] + 2 * i)
        took = clock() - began
        return reply(makers, len(self.actors), made=[len(self.actors) / took], seconds=[took])

    def put(self, q, size):
        samples, makers = [], Makers()
        for i in range(q["n"]):
            data = pattern(size, q["seed"] + i)
            took, ref = timed(lambda: ray.put(data))
            samples.append(took)
            if i % 10 == 0:
                makers.check(ray.get(sum_of.remote(ref)), checksum(data))
        return of(q["do"], makers, q["n"], samples)

    def put_large(self, q):
        first = not hasattr(self, "large")
        if first:
            self.large = np.arange(WORDS, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        at = place(q["seed"])
        self.large[at] = q["seed"]
        self.ref = None
        took, self.ref = timed(lambda: ray.put(self.large))
        makers = Makers()
        makers.check(ray.get(word_of.remote(self.ref, at)), q["seed"])
        return of("first" if first else "later", makers, 1, [GIB / 1e3 / took])

    def get_large(self, q):
        gets, sums = [], []
        want = int(np.sum(self.large))
        for i in range(q["n"]):
            took, v = timed(lambda: ray.get(self.ref))
            gets.append(took)
            at = place(q["seed"] + i)
            assert len(v) == WORDS and v[at] == self.large[at]
            read, total = timed(lambda: int(np.sum(v)))
            sums.append((took + read) / 1000)
            assert total == want
        return reply(None, q["n"], get=gets, sum=sums)

    def read_large(self, q):
        samples, makers = [], Makers()
        for i in range(q["n"]):
            at = place(q["seed"] + i)
            took, stamp = timed(lambda: ray.get(word_of.remote(self.ref, at)))
            makers.check(stamp, int(self.large[at]))
            samples.append(took)
        return of("read 1 GiB", makers, q["n"], samples)

    def argument(self, q):
        samples, makers = [], Makers()
        data = pattern(MEGABYTE, q["seed"])
        for i in range(q["n"]):
            at = place(q["seed"] + i) % MEGABYTE
            data[at] += 1
            took, stamp = timed(lambda: ray.get(byte_of.remote(data, at)))
            makers.check(stamp, (int(data[at]) << 32) + len(data))
            samples.append(took)
        return of("argument", makers, q["n"], samples)

    def result(self, q):
        samples, makers, want = [], Makers(), pattern(MEGABYTE, 0)
        for i in range(q["n"]):
            at, mark = place(q["seed"] + i) % MEGABYTE, (q["seed"] + i) % 256
            took, (data, pid) = timed(lambda: ray.get(marked.remote(at, mark)))
            samples.append(took)
            before = want[at]
            want[at] = mark
            assert np.array_equal(data, want), "the result differs from what its task made"
            want[at] = before
            makers.check((0, pid), 0)
        return of("result", makers, q["n"], samples)

    ACTIONS = {
        "warm": warm, "sync": sync, "async": asynchronous, "wait each": wait_each, "wait ready": wait_ready, "chain": chain, "nested": nested, "fib": fib,
        "hold": hold, "fill": fill, "drain": drain, "call sync": call_sync, "call async": lambda s, q: s.calls(q, 1), "call four": lambda s, q: s.calls(q, 4),
        "make": make, "put 100 B": lambda s, q: s.put(q, 100), "put 1 MiB": lambda s, q: s.put(q, MIB), "put 1 GiB": put_large, "get 1 GiB": get_large,
        "read 1 GiB": read_large, "argument": argument, "result": result,
    }


def byte_at(i, seed):
    """What is at byte i of a transferred object: i is an array."""
    within = i % MIB
    return ((within >> 12 ^ within) + i // MIB + seed).astype(np.uint8)


def fill_bytes(data, seed):
    block = byte_at(np.arange(MIB), seed)
    for k in range(GIB // MIB):
        data[k * MIB : (k + 1) * MIB] = block
        block += 1


def sample_sum(data, step, seed):
    part = data[seed % 1000 :: step].astype(np.int64)
    return int(part @ (np.arange(len(part)) % 251 + 1))


@ray.remote(resources={"other": 0.001})
def there(seed):
    return answer(seed), os.getpid()


@ray.remote(resources={"other": 0.001})
def read_there(data, step, seed):
    return sample_sum(data, step, seed), os.getpid()


class Nodes:
    """Two nodes on this machine; the driver is at the first."""

    done = 0

    def __init__(self):
        from ray.cluster_utils import Cluster

        common = {"num_cpus": CPUS, "object_store_memory": STORE}
        self.cluster = Cluster(initialize_head=True, head_node_args=common | {"include_dashboard": False})
        self.cluster.add_node(resources={"other": 1}, **common)
        ray.init(address=self.cluster.address, log_to_driver=False, logging_level="error")
        self.data = np.empty(GIB, dtype=np.uint8)

    def transfer(self, q):
        makers, seed = Makers(), q["seed"]
        self.ref = None
        fill_bytes(self.data, seed)
        makers.check(ray.get(there.remote(seed)), answer(seed))
        self.ref = ray.put(self.data)
        took, stamp = timed(lambda: ray.get(read_there.remote(self.ref, COARSE, seed)))
        makers.check(stamp, sample_sum(self.data, COARSE, seed))
        makers.check(ray.get(read_there.remote(self.ref, FINE, seed)), sample_sum(self.data, FINE, seed))
        self.done += 1
        return of("first" if self.done == 1 else "later", makers, 1, [GIB / 1e3 / took])

    ACTIONS = {"transfer": transfer}


def available():
    with open("/proc/meminfo") as info:
        return next(int(line.split()[1]) * 1024 for line in info if line.startswith("MemAvailable:"))


def tell(value):
    print(json.dumps(value), file=ANSWERS, flush=True)


def serve(side):
    tell(reply())  # it is ready
    for text in sys.stdin:
        q = json.loads(text)
        try:
            tell(side.ACTIONS[q["do"]](side, q))
        except Exception as err:
            tell(reply() | {"error": f"{type(err).__name__}: {str(err)[:500]}"})


def first():
    makers = Makers()
    makers.check(ray.get(noop.remote(PID)), answer(PID))
    tell(reply(makers, 1))


if __name__ == "__main__":
    if sys.argv[1] in ("nodes", "apart"):  # Ray does not tell them apart
        serve(Nodes())
    else:
        start()
        if sys.argv[1] == "first":
            first()
        else:
            serve(Side())
    ray.shutdown()
