"""Crashes: what Go can recover keeps the state; what it cannot costs the host and never the kernel."""

import os
import pathlib
import signal

import psutil
import pytest

import kit

KEPT = {
    "nil dereference": ("var p *struct{ X int }\nfmt.Println(p.X)", "nil pointer"),
    "index": ("s := []int{}\ni := 3\n_ = s[i]", "index out of range [3]"),
    "division": ("zero := 0\n_ = 1 / zero", "divide by zero"),
    "map": ("var m map[string]int\nm[\"a\"] = 1", "nil map"),
    "assertion": ("var a any = 1\n_ = a.(string)", "interface conversion"),
    "closed channel": ("c := make(chan int)\nclose(c)\nclose(c)", "close of closed channel"),
    "panic": ('panic(fmt.Errorf("wrapped: %w", io.EOF))', "wrapped: EOF"),
    "panic in a function": ("func bad(n int) {\n\tif n == 0 {\n\t\tpanic(\"deep\")\n\t}\n\tbad(n - 1)\n}\nbad(3)", "deep"),
    "negative make": ("n := -1\n_ = make([]int, n)", "len out of range"),
}


@pytest.mark.parametrize("name", KEPT)
def test_state_is_kept(kernel, name):
    kernel.run("kept := []int{1}").ok()
    code, want = KEPT[name]
    got = kernel.run(code)
    assert got.content["status"] == "error"
    assert want in got.content["evalue"], got.content["evalue"]
    assert f"cell[{got.content['execution_count']}]:" in got.content["evalue"] + "\n".join(got.content["traceback"])
    assert kernel.run("append(kept, 2)").ok().result == "[]int{1, 2}"


def test_frames_are_the_users_own(kernel):
    got = kernel.run('func inner(xs []int) {\n\tslices.SortFunc(xs, func(a, b int) int { panic("cmp") })\n}\nfunc outer() {\n\tinner([]int{2, 1})\n}\nouter()')
    text, number = "\n".join(got.content["traceback"]), got.content["execution_count"]
    for name, line in (("inner", 2), ("outer", 5)):
        assert name in text and f"cell[{number}]:{line}" in text, text
    for internal in ("runtime/", "reflect", "interp/", "cell_", "۰"):
        assert internal not in text


LOST = {
    "os.Exit": ("os.Exit(3)", ["exit", "3"]),
    "stack overflow": ("func deeper(n int) int { return deeper(n+1) + 1 }\ndeeper(0)", ["stack"]),
    "concurrent map write": (
        "m := map[int]int{}\nvar wg sync.WaitGroup\nfor i := range 8 {\n\twg.Go(func() {\n\t\tfor j := range 10_000_000 {\n\t\t\tm[j%64] = i\n\t\t}\n\t})\n}\nwg.Wait()",
        ["concurrent map"],
    ),
    "killed": ("p, _ := os.FindProcess(os.Getpid())\np.Kill()\nselect {}", ["kill"]),
    "segfault outside of Go": ("p := (*int)(unsafe.Pointer(uintptr(0xdead0000)))\ndebug.SetPanicOnFault(false)\nfmt.Println(*p)", ["fault"]),
}


def lost(kernel, code, words):
    """Runs a cell that takes the host along; checks that it is told and that the kernel goes on."""
    kernel.run("kept := 1").ok()
    got = kernel.run(code)
    shown = (got.content["evalue"] + "\n".join(got.content["traceback"]) + str(got.of("stream"))).lower()
    assert got.content["status"] == "error"
    for word in words:
        assert word in shown, shown
    assert "variables" in shown, "it says that the variables are gone"
    assert "goroutine 1 [" not in "\n".join(got.content["traceback"]), "no raw crash dump"
    assert f"cell[{got.content['execution_count']}]" in shown, "it says which cell did it"
    assert kernel.run("1 + 1").ok().result == "2"
    assert kernel.run("kept").content["status"] == "error"


@pytest.mark.parametrize("name", LOST)
def test_the_kernel_lives(kernel, name):
    before = kernel.process.pid
    lost(kernel, *LOST[name])
    assert kernel.process.pid == before


def test_out_of_memory(jupyter_path, tmp_path):
    """The host's address space is limited, so that the machine's memory is not at stake."""
    kernel = kit.Kernel(jupyter_path, env={"TMPDIR": str(tmp_path)})
    try:
        kernel.run("1").ok()
        import resource

        psutil.Process(kernel.host().pid).rlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
        lost(kernel, "var hoard [][]byte\nfor {\n\tb := make([]byte, 64<<20)\n\thoard = append(hoard, b)\n}", ["memory"])
    finally:
        kernel.close()


def test_more_memory_than_allowed(jupyter_path):
    kernel = kit.Kernel(jupyter_path, env={"MOBULA_MEMORY_LIMIT": "600MiB"})
    try:
        kernel.run("1").ok()
        lost(kernel, "var hoard [][]byte\nfor {\n\tb := make([]byte, 16<<20)\n\tfor i := range b {\n\t\tb[i] = 1\n\t}\n\thoard = append(hoard, b)\n\ttime.Sleep(10 * time.Millisecond)\n}", ["out of memory", "mobula_memory_limit is 600 mib"])
    finally:
        kernel.close()


def test_a_fault_in_c(kernel):
    lost(kernel, "/*\nstatic void crash(void) { *(volatile int *)8 = 1; }\n*/\nimport \"C\"\nC.crash()", ["sig"])


def test_exit_in_a_later_goroutine_names_its_cell(kernel):
    cell = kernel.send("leave := make(chan bool)\ngo func() { <-leave; os.Exit(7) }()")
    number = kernel.outcome(cell).ok().content["execution_count"]
    got = kernel.run("close(leave)\nselect {}")
    assert got.content["status"] == "error"
    assert f"cell[{number}]" in got.content["evalue"] + "\n".join(got.content["traceback"])


def test_panics_on_many_goroutines(kernel):
    kernel.run("kept := 41").ok()
    kernel.run('var wg sync.WaitGroup\nfor i := range 100 {\n\twg.Add(1)\n\tgo func() {\n\t\tdefer wg.Done()\n\t\tpanic(i)\n\t}()\n}\nwg.Wait()').ok()
    assert kernel.run("kept + 1").ok().result == "42"


def leftovers(folder):
    return [str(p) for p in pathlib.Path(folder).rglob("*")]


@pytest.mark.parametrize("how", ["idle", "busy", "building"])
def test_sigkill_leaves_nothing(own, tmp_path, how):
    own.run("x := 1").ok()
    if how == "busy":
        cell = own.send('fmt.Println("up")\nexec.Command("sleep", "3600").Start()\nfor {\n}')
        own.seen(cell, "up")
    if how == "building":
        own.send(f"%%bash\nGOCACHE={tmp_path}/gocache go build -a std")
        kit.until(lambda: kit.named(own.tree(), "compile"), 60, "the build to start")
    children = own.tree()[1:]
    assert children
    os.kill(own.process.pid, signal.SIGKILL)
    kit.gone(children, 2 * kit.SLOW, "host and builds to end after the kernel's SIGKILL")
    if how != "building":  # there the user's own build writes to TMPDIR
        kit.until(lambda: not leftovers(tmp_path), 2 * kit.SLOW, f"nothing left in TMPDIR: {leftovers(tmp_path)}")


@pytest.mark.parametrize("restart", [False, True])
def test_a_host_that_is_killed_while_idle(kernel, restart):
    kernel.run("kept := 1").ok()
    os.kill(kernel.host().pid, signal.SIGKILL)
    if restart:
        kernel.request("control", "kernel_info_request")
    got = kernel.run("kept")
    assert got.content["status"] == "error"
    assert kernel.run("1 + 1").ok().result == "2"
