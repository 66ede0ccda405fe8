"""Interrupts: each leaves the state usable, answers within 300 ms, and the host idle a second later."""

import time

import psutil
import pytest

import kit

ANSWER = 0.3 * kit.SLOW  # seconds from the interrupt to the cell's reply
IDLE = 2.0 * kit.SLOW  # percent of a core

CASES = {
    "for": "for {\n}",
    "for with work": "n := 0\nfor {\n\tn++\n}",
    "loop in a called function": "func spin(n int) int {\n\tfor n >= 0 {\n\t\tn = n*3/2 + 1\n\t\tn &= 1 << 20\n\t}\n\treturn n\n}\nspin(1)",
    "recursion": "func down(n int) int {\n\tif n == 0 {\n\t\treturn 0\n\t}\n\treturn down(n-1) + down(n-1)\n}\ndown(60)",
    "a goroutine's loop": "go func() {\n\tfor {\n\t}\n}()\nselect {}",
    "a loop with recover": "for {\n\tfunc() {\n\t\tdefer func() { recover() }()\n\t\tfor {\n\t\t}\n\t}()\n}",
    "sleep": "time.Sleep(time.Hour)",
    "sleep in a function": "func nap() { time.Sleep(time.Hour) }\nnap()",
    "receive": "<-make(chan int)",
    "nil channel": "var never chan int\n<-never",
    "send": "make(chan int) <- 1",
    "range over a channel": "for range make(chan int) {\n}",
    "mutex": "var mu sync.Mutex\nmu.Lock()\nmu.Lock()",
    "rwmutex": "var rw sync.RWMutex\nrw.Lock()\nrw.RLock()",
    "wait group": "var wg sync.WaitGroup\nwg.Add(1)\nwg.Wait()",
    "cond": "cond := sync.NewCond(&sync.Mutex{})\ncond.L.Lock()\ncond.Wait()",
    "select": "a, b := make(chan int), make(chan int)\nselect {\ncase <-a:\ncase <-b:\n}",
    "empty select": "select {}",
    "timer": "<-time.After(time.Hour)",
    "allocation": "var keep [][]byte\nfor {\n\tkeep = append(keep[:0], make([]byte, 1<<16))\n}",
    "printing": 'for {\n\tfmt.Print(".")\n}',
    "standard library call": "for {\n\tstrings.Repeat(\"x\", 1000)\n}",
    "a child process": 'exec.Command("sleep", "3600").Run()',
    "network": 'l, _ := net.Listen("tcp", "127.0.0.1:0")\nl.Accept()',
    "shell magic": "!sleep 3600",
}


def usable(kernel, kept):
    got = kernel.run("kept + 1", timeout=30)
    assert got.content["status"] == "ok" and got.result == str(kept + 1), got.content


def stop(kernel, cell):
    """Interrupts, waits for the cell's reply, checks the time that took and what was shown."""
    start = time.monotonic()
    asked = kernel.client.session.msg("interrupt_request", {})
    kernel.client.control_channel.send(asked)
    reply = kernel.reply(cell, timeout=30)
    took = time.monotonic() - start
    kernel.reply(asked["header"]["msg_id"], "control", timeout=10)
    assert reply["content"]["status"] == "error"
    assert "interrupt" in (reply["content"]["ename"] + reply["content"]["evalue"]).lower(), reply["content"]
    assert took <= ANSWER, f"the reply came {took * 1000:.0f} ms after the interrupt"
    return reply


@pytest.mark.parametrize("name", CASES)
def test_interrupt(kernel, name):
    kernel.run("kept := 41").ok()
    host = kernel.host().pid
    marked = CASES[name] if CASES[name].startswith("!") else 'fmt.Println("up")\n' + CASES[name]
    cell = kernel.send(marked)
    if marked is not CASES[name]:
        kernel.seen(cell, "up")
    else:
        kit.until(lambda: kit.named(kernel.tree(), "sleep"), 20, "the command to start")
    time.sleep(0.05)  # into the loop or the wait
    stop(kernel, cell)
    time.sleep(1)  # "a second later", as promised
    used = kit.cpu_share(kernel.host())
    assert used < IDLE, f"the host still uses {used:.1f} % of a core"
    assert kernel.host().pid == host, "the host was not restarted"
    usable(kernel, 41)


def test_fifty_milliseconds_after_the_cell(kernel):
    kernel.run("kept := 41").ok()
    for i in range(5):
        cell = kernel.send(f"func quick{i}() {{\n\tfor {{\n\t}}\n}}\nquick{i}()")
        time.sleep(0.05)  # the case itself: the cell may still be compiled
        stop(kernel, cell)
    usable(kernel, 41)


def test_at_once_after_the_cell(kernel):
    kernel.run("kept := 41").ok()
    cell = kernel.send("for {\n}")
    kernel.outcome(kernel.request_async("control", "interrupt_request"), "control")
    # It may have come before the cell: then the cell runs, and the next one must stop it.
    try:
        kernel.reply(cell, timeout=1)
    except Exception:
        stop(kernel, cell)
    usable(kernel, 41)


def test_while_idle_it_does_nothing(kernel):
    kernel.run("kept := 41").ok()
    assert kernel.interrupt().content["status"] == "ok"
    usable(kernel, 41)


def test_by_signal(kernel):
    kernel.run("kept := 41").ok()
    cell = kernel.send('fmt.Println("up")\nfor {\n}')
    kernel.seen(cell, "up")
    kernel.manager.signal_kernel(2)
    assert kernel.reply(cell, timeout=10)["content"]["status"] == "error"
    usable(kernel, 41)
    kernel.manager.signal_kernel(2)
    # Nothing tells when a signal has come: it may still meet the next cell, and no other.
    kit.until(lambda: kernel.run("kept + 1").content["status"] == "ok", 10, "a signal while idle to do nothing lasting")
    usable(kernel, 41)


def test_during_go_build(kernel, tmp_path):
    """A build of many packages is ended, and its processes with it."""
    kernel.run("kept := 41").ok()
    (tmp_path / "go.mod").write_text("module slow\ngo 1.26\n")
    (tmp_path / "main.go").write_text('package main\nimport _ "net/http"\nfunc main() {}\n')
    cell = kernel.send(f"%%bash\ncd {tmp_path} && GOCACHE={tmp_path}/cache go build -a -o {tmp_path}/x .")
    building = lambda: kit.named(kernel.tree(), "compile", "asm", "go")
    kit.until(building, 60, "the build to start")
    processes = building()
    stop(kernel, cell)
    kit.gone(processes, 5, "the build to end")
    usable(kernel, 41)


def test_all_of_a_cells_goroutines_stop(kernel):
    kernel.run("kept := 41").ok()
    cell = kernel.send('fmt.Println("up")\nfor range 50 {\n\tgo func() {\n\t\tfor {\n\t\t}\n\t}()\n}\nselect {}')
    kernel.seen(cell, "up")
    stop(kernel, cell)
    time.sleep(1)
    assert kit.cpu_share(kernel.host()) < IDLE
    usable(kernel, 41)


def test_deferred_calls_run(kernel):
    cell = kernel.send('fmt.Println("up")\nfunc() {\n\tdefer fmt.Println("deferred")\n\tfor {\n\t}\n}()')
    kernel.seen(cell, "up")
    stop(kernel, cell)
    assert kernel.run("1 + 1", timeout=10).ok().result == "2"


def test_queued_cells_are_aborted(kernel):
    cells = [kernel.send('fmt.Println("up")\nfor {\n}'), kernel.send("queued := 1")]
    kernel.seen(cells[0], "up")
    stop(kernel, cells[0])
    assert kernel.outcome(cells[1]).content["status"] == "aborted"


def test_a_busy_loop_in_a_module(kernel, tmp_path):
    """Code of a module that computes without end: stopped, or the host is restarted within seconds, and it says so."""
    mod = tmp_path / "spin"
    mod.mkdir()
    (mod / "go.mod").write_text("module example.com/spin\n\ngo 1.26\n")
    (mod / "spin.go").write_text("package spin\n\nfunc Forever() {\n\tfor {\n\t}\n}\n")
    kernel.run(f"%go mod edit -require=example.com/spin@v0.0.0 -replace=example.com/spin={mod}").ok()
    kernel.run("kept := 41").ok()
    host = kernel.host().pid
    cell = kernel.send('import "example.com/spin"\nfmt.Println("up")\nspin.Forever()')
    kernel.seen(cell, "up")
    kernel.interrupt()
    kernel.reply(cell, timeout=10)
    deadline = time.monotonic() + 7
    while kernel.host().pid == host and kit.cpu_share(kernel.host(), 0.2) > IDLE:
        assert time.monotonic() < deadline, "the host spins on"
    if kernel.host().pid == host:
        usable(kernel, 41)
    else:
        got = kernel.run("kept")
        assert got.content["status"] == "error" and "restart" in str(got.messages).lower()
    assert kernel.run("1 + 1").ok().result == "2"


def test_a_loop_in_c(kernel):
    """A wait in C is left behind; a busy loop in C ends the host within seconds, and it says so."""
    kernel.run("/*\n#include <unistd.h>\nstatic void spin(volatile int *stop) { while (!*stop); }\nstatic void nap(void) { sleep(20); }\n*/\nimport \"C\"\nfunc nap() { C.nap() }\nfunc spin() {\n\tvar stop C.int\n\tC.spin(&stop)\n}\nkept := 7", timeout=kit.PATIENCE).ok()
    cell = kernel.send('fmt.Println("up")\nnap()')
    kernel.seen(cell, "up")
    start = time.monotonic()
    kernel.interrupt()
    assert kernel.outcome(cell).content["status"] == "error"
    assert time.monotonic() - start < 2 * kit.SLOW
    assert kernel.run("kept").ok().result == "7"
    host = kernel.host().pid
    cell = kernel.send('fmt.Println("up")\nspin()')
    kernel.seen(cell, "up")
    kernel.interrupt()
    assert kernel.outcome(cell).content["status"] == "error"
    kit.until(lambda: not psutil.pid_exists(host), 10 * kit.SLOW, "the end of the host that spins in C")
    lost = kernel.run("kept")
    assert lost.content["status"] == "error"
    assert "cell[" in lost.text("stderr") and "restarted" in lost.text("stderr"), lost.messages
    assert kernel.run("1 + 1").ok().result == "2"
