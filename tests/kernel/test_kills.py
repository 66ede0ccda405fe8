"""Kills at random while cells run tasks: each outcome as docs/failures.md says.

MOBULA_KILLS is the number of kills, MOBULA_KILLS_SEED the seed.
"""

import os
import pathlib
import random
import tempfile

import psutil

import kit

ROUNDS = int(os.environ.get("MOBULA_KILLS", "4"))
SEED = int(os.environ.get("MOBULA_KILLS_SEED", "1"))

DECLARED = """func work(n int) int {
	for t := time.Now(); time.Since(t) < 10*time.Millisecond; {
	}
	return 2 * n
}"""
LOAD = """for i := range 30 {
	fmt.Println("at", i)
	if got := mobula.Values(mobula.Map([]int{1, 2, 3}, work)); !slices.Equal(got, []int{2, 4, 6}) {
		panic(got)
	}
}
"done\""""
CHECK = "[]int{mobula.Go(func() int { return work(kept) }).Value(), kept}"


def declare(kernel, variables_only=False):
    if not variables_only:
        kernel.run(DECLARED, timeout=kit.PATIENCE).ok()
    kernel.run("kept := 21").ok()


def shown(got):
    return got.text("stderr") + "\n".join(got.content.get("traceback", []))


def worker(kernel, cell, rng):
    """The cell does not notice."""
    node = kernel.cluster()[1]
    victims = node.children()
    if victims:
        rng.choice(victims).kill()
    assert kernel.outcome(cell).ok().result == '"done"'


def host(kernel, cell, _):
    """The cell says so; functions are there again, variables are not, and the cluster is the same."""
    cluster, before = kernel.cluster()[:2], kernel.host()
    before.kill()
    assert "restarted" in shown(kernel.outcome(cell))
    assert "undefined" in shown(kernel.run("kept"))
    assert kernel.cluster()[:2] == cluster and kernel.host() != before
    declare(kernel, variables_only=True)


def cluster(kernel, cell, rng):
    """The cell fails; variables stay, and a later cell's task starts another cluster."""
    processes = kernel.cluster()
    rng.choice(processes[:2]).kill()
    assert "has gone" in shown(kernel.outcome(cell))
    kit.gone(processes, 5 * kit.SLOW, "all of the cluster ends")
    kit.until(lambda: "No cluster yet" in kernel.run("%cluster").text(), 5 * kit.SLOW, "the kernel notices")
    assert "cluster is gone" in shown(kernel.run("mobula.Go(func() int { return 1 }).Value()").ok())


def jupyter(kernel, _cell, _rng):
    """All ends; Jupyter starts another."""
    processes = kernel.tree()
    kernel.process.kill()
    kit.gone(processes, 2 * kit.SLOW, "host, cluster and workers end with the kernel")
    kernel.restart()
    declare(kernel)


def in_turns(rng, kinds, n):
    """n kinds, each as often as the others, in random order."""
    turns = []
    while len(turns) < n:
        turns += rng.sample(kinds, len(kinds))
    return turns[:n]


def of(folder):
    """The processes whose temporary files are in folder."""
    found = []
    for p in psutil.process_iter():
        try:
            if p.status() != psutil.STATUS_ZOMBIE and p.environ().get("TMPDIR") == folder:
                found.append(p)
        except psutil.Error:
            continue  # it has just ended, or is another user's
    return found


def one(kernel, kill, rng):
    cell = kernel.send(LOAD)
    kernel.seen(cell, f"at {rng.randrange(8)}\n")
    kill(kernel, cell, rng)
    assert kernel.run(CHECK).ok().result == "[]int{42, 21}"


def test_kills(jupyter_path):
    rng = random.Random(SEED)
    with tempfile.TemporaryDirectory(prefix="kills-", dir="/tmp") as folder:  # sockets are in there: their paths are bounded
        kernel = kit.Kernel(jupyter_path, env={"TMPDIR": folder})
        try:
            declare(kernel)
            files = {}
            for number, kill in enumerate(in_turns(rng, [worker, host, cluster, jupyter], ROUNDS)):
                try:
                    one(kernel, kill, rng)
                except BaseException as e:
                    e.add_note(f"round {number} with seed {SEED}: {kill.__name__} is killed")
                    raise
                process = kernel.process
                assert process.num_fds() <= files.setdefault(process.pid, process.num_fds()) + 10, "files leak"
            assert {p.pid for p in of(folder)} == {p.pid for p in kernel.tree()}, "processes leak"
        finally:
            kernel.close()
        kit.until(lambda: not of(folder), 5 * kit.SLOW, "all processes end")
        left = lambda: sorted(str(p) for p in pathlib.Path(folder).rglob("*"))
        try:
            kit.until(lambda: not left(), 5 * kit.SLOW, "no files are left")
        except AssertionError as e:
            e.add_note("\n".join(left()))
            raise
