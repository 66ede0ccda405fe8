"""Tasks of cells on a cluster: closures, session variables, actors, errors, output, interrupts, ends."""

import json
import os
import re
import signal
import subprocess
import time

import psutil
import pytest

import kit

COUNTER = "type Counter struct{ n int }\nhits := mobula.NewActor(func() *Counter { return &Counter{} })"


@pytest.fixture(scope="module")
def shared(jupyter_path):
    """One kernel with a cluster of its own."""
    kernel = kit.Kernel(jupyter_path)
    kernel.run("%cluster connect", timeout=kit.PATIENCE).ok()
    kernel.run("mobula.Go(func() int { return 1 }).Value()").ok()
    yield kernel
    kernel.close()


def value(kernel, code):
    return kernel.run(code).ok().result


def failure(kernel, code):
    """What is shown of a cell that must fail."""
    got = kernel.run(code)
    assert got.content["status"] == "error", got.messages
    return re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(got.content["traceback"]))


def test_first_task_after_connect(own):
    """A task of the first cell behind %cluster connect ends within a second."""
    own.run("1", timeout=kit.PATIENCE).ok()
    card = own.run("%cluster connect").ok().of("display_data")[0]["data"]
    assert re.search(r"CPUs +\d+ of \d+ free", card["text/plain"]) and "<table" in card["text/html"]
    start = time.monotonic()
    assert value(own, "mobula.Go(func() int { return 6 * 7 }).Value()") == "42"
    assert time.monotonic() - start < kit.SLOW


def test_the_first_task_connects_by_itself(own):
    own.run("1", timeout=kit.PATIENCE).ok()
    assert "No cluster yet" in own.run("%cluster").ok().text()
    assert value(own, "mobula.Go(func() int { return os.Getpid() }).Value() != os.Getpid()") == "true"

    def card():
        return own.run("%cluster").ok().of("display_data")[0]["data"]["text/plain"]

    assert "workers" in card()
    kit.until(lambda: re.search("tasks +1 finished", card()), 10 * kit.SLOW, "the card counts the task")


def test_functions_and_variables_of_earlier_cells(kernel):
    kernel.run("threshold := 0.5\ntype Row struct {\n\tName  string\n\tscore float64\n}").ok()
    kernel.run("func keep(r Row) bool { return r.score > threshold }").ok()
    kernel.run('files := map[string][]Row{"a": {{"x", 0.4}, {"y", 0.6}}, "b": {{"z", 0.9}, {"w", 0.7}}}').ok()
    kernel.run(
        "func scan(name string) (kept []string) {\n\tfor _, r := range files[name] {\n\t\tif keep(r) {\n\t\t\tkept = append(kept, r.Name)\n\t\t}\n\t}\n\treturn kept\n}"
    ).ok()
    assert value(kernel, 'mobula.Values(mobula.Map([]string{"a", "b"}, scan))') == '[][]string{[]string{"y"}, []string{"z", "w"}}'


def test_two_values_of_a_session_variable_side_by_side(kernel):
    kernel.run("threshold := 1\nfunc over(n int) bool { return n > threshold }").ok()
    code = """low := mobula.Go(func() []any { return []any{over(3), os.Getpid()} })
threshold = 5
high := mobula.Go(func() []any { return []any{over(3), os.Getpid()} })
a, b := low.Value(), high.Value()
fmt.Println(a[0], b[0], a[1] != b[1])"""
    assert kernel.run(code).ok().text() == "true false true\n"


def test_values_of_literals_travel_with_the_task(kernel):
    """Session variables that a literal mentions are captured: no process of its own for each value."""
    code = """var pids []int
for i := range 20 {
	weight := i
	pids = append(pids, mobula.Go(func() int {
		if weight != i {
			panic(weight)
		}
		return os.Getpid()
	}).Value())
}
size := 1
first := mobula.Go(func() []int { return []int{size, os.Getpid()} })
size = 2
second := mobula.Go(func() []int { return []int{size, os.Getpid()} })
fmt.Println(len(slices.Compact(pids)), first.Value()[0], second.Value()[0], first.Value()[1] == second.Value()[1])"""
    assert kernel.run(code).ok().text() == "1 1 2 true\n"


def test_refs_and_actors_in_session_variables(kernel):
    kernel.run("parts := mobula.Map([]int{1, 2, 3}, func(i int) []int { return make([]int, i*100_000) })").ok()
    kernel.run("func count() (n int) {\n\tfor _, p := range mobula.Values(parts) {\n\t\tn += len(p)\n\t}\n\treturn n\n}").ok()
    assert value(kernel, "mobula.Go(count).Value()") == "600000", "read by a function"
    assert value(kernel, "mobula.Go(func() int { return len(parts[1].Value()) + len(parts[2].Value()) }).Value()") == "500000", "in the literal"
    kernel.run(COUNTER).ok()
    kernel.run("func hit(by int) int {\n\treturn mobula.Call(hits, func(c *Counter) int {\n\t\tc.n += by\n\t\treturn c.n\n\t}).Value()\n}").ok()
    kernel.run("_ = mobula.Values(mobula.Map([]int{1, 2, 3}, hit))").ok()
    assert value(kernel, "hit(0)") == "6"
    kernel.run('bad := mobula.Go(func() int { panic("broken") })').ok()
    assert "broken" in failure(kernel, "mobula.Go(func() int { return bad.Value() }).Value()")


def test_session_variables_that_share_memory(kernel):
    kernel.run("type Node struct {\n\tname string\n\tnext *Node\n}\nroot := &Node{name: \"root\"}\ncurrent := &Node{\"current\", root}").ok()
    kernel.run("func shared() bool { return current.next == root && root.next == nil }").ok()
    assert value(kernel, "mobula.Go(shared).Value()") == "true"


def test_function_values(kernel):
    """In a map, a struct, a slice; recursive; a method value; from an earlier cell."""
    kernel.run('factor := 3\ntype Op struct {\n\tName string\n\tf    func(int) int\n}\nfunc (o Op) Run(n int) int { return o.f(n) }').ok()
    kernel.run('ops := map[string]Op{"triple": {"triple", func(n int) int { return n * factor }}}\nvar fact func(int) int\nfact = func(n int) int {\n\tif n < 2 {\n\t\treturn 1\n\t}\n\treturn n * fact(n-1)\n}').ok()
    kernel.run('run := ops["triple"].Run').ok()
    assert value(kernel, 'mobula.Go(func() []int { return []int{ops["triple"].f(2), run(5), fact(6)} }).Value()') == "[]int{6, 15, 720}"
    kernel.run("func counter() func() int {\n\tn := 10\n\treturn func() int {\n\t\tn++\n\t\treturn n\n\t}\n}\nnext := counter()\nnext()").ok()
    assert value(kernel, "[]int{mobula.Go(next).Value(), mobula.Go(next).Value(), next()}") == "[]int{12, 12, 12}", "captured variables are copied"


def test_generic_functions(kernel):
    kernel.run("type Score float64\nfunc (s Score) Label() string { return fmt.Sprintf(\"%.1f!\", float64(s)) }").ok()
    kernel.run(
        "func Label[T interface{ Label() string }](list []T) func() []string {\n\treturn func() (out []string) {\n\t\tfor _, v := range list {\n\t\t\tout = append(out, v.Label())\n\t\t}\n\t\treturn out\n\t}\n}"
    ).ok()
    assert value(kernel, "mobula.Go(Label([]Score{1.5, 2})).Value()") == '[]string{"1.5!", "2.0!"}'
    assert value(kernel, "mobula.Values(mobula.Map([]Score{1, 2}, func(s Score) Score { return 2 * s }))") == "[]Score{2, 4}"


def test_local_types_and_interfaces(kernel):
    kernel.run(
        "type Shape interface{ area() float64 }\nfunc shapes() []Shape {\n\treturn []Shape{square{2}, &circle{1}}\n}\ntype square struct{ side float64 }\nfunc (s square) area() float64 { return s.side * s.side }\ntype circle struct{ r float64 }\nfunc (c *circle) area() float64 { return 3 * c.r * c.r * unit }\nvar unit = 1.0"
    ).ok()
    kernel.run("unit = 2\nlist := shapes()").ok()
    assert value(kernel, "mobula.Go(func() (sum float64) {\n\tfor _, s := range list {\n\t\tsum += s.area()\n\t}\n\treturn sum\n}).Value()") == "10"
    kernel.run("func local() any {\n\ttype point struct{ X, Y int }\n\treturn point{1, 2}\n}").ok()
    assert value(kernel, 'mobula.Go(func() any { return local() }).Value() == local()') == "true"


def test_a_redefined_function_is_seen_by_the_next_task(kernel):
    kernel.run('func greet() string { return "old" }\ncall := func() string { return greet() }').ok()
    assert value(kernel, "mobula.Go(call).Value()") == '"old"'
    kernel.run('func greet() string { return "new" }').ok()
    assert value(kernel, "mobula.Go(call).Value()") == '"new"', "in code of an earlier cell too"
    assert value(kernel, "mobula.Go(greet).Value()") == '"new"'


def test_a_package_that_the_host_does_not_have(kernel):
    assert value(kernel, 'import "expvar"\nmobula.Go(func() string { return expvar.NewInt("hits").String() }).Value()') == '"0"'
    assert value(kernel, 'import "container/ring"\nmobula.Go(func() int { return ring.New(4).Len() }).Value()') == "4"


def test_hot_load_on_a_live_actor(kernel):
    kernel.run(COUNTER).ok()
    assert value(kernel, "mobula.Call(hits, func(c *Counter) int { c.n++; return c.n }).Value()") == "1"
    kernel.run("step := 10\nfunc (c *Counter) add() int { c.n += step; return c.n }").ok()
    assert value(kernel, "mobula.Call(hits, func(c *Counter) int { return c.add() }).Value()") == "11"
    kernel.run("step = 20").ok()
    shown = failure(kernel, "mobula.Call(hits, (*Counter).add).Value()")
    assert "session variable step" in shown and "another value" in shown, shown
    assert value(kernel, "mobula.Call(hits, func(c *Counter) int { return c.n }).Value()") == "11"


def test_a_second_terminal_sees_what_a_cell_has_done(kernel):
    kernel.run(COUNTER).ok()
    kernel.run("seen := func(c *Counter) int { c.n++; return c.n }\nfor range 3 { mobula.Call(hits, seen).Value() }").ok()
    node = re.search(r"address\s+(\S+)", kernel.run("%cluster").ok().of("display_data")[0]["data"]["text/plain"]).group(1)

    def told(*args):
        run = subprocess.run([kit.BINARY, *args, "--output", "json"], env=os.environ | {"MOBULA_ADDRESS": node}, capture_output=True, text=True, check=True, timeout=kit.PATIENCE)
        return json.loads(run.stdout)

    assert any(a["state"] == "alive" and a["class"].startswith("cell[") for a in told("list", "actors"))
    tasks = [t for t in told("list", "tasks", "--limit", "0") if t["name"].startswith("cell[")]
    running = [t for t in tasks if t["state"] not in ("finished", "failed", "canceled")]
    assert tasks and not running, running


def test_tasks_of_tasks(kernel):
    kernel.run("base := 100\nfunc leaf(n int) int { return base + n }").ok()
    code = "mobula.Go(func() int {\n\tsum := 0\n\tfor _, v := range mobula.Values(mobula.Map([]int{1, 2, 3}, leaf)) {\n\t\tsum += v\n\t}\n\treturn sum\n}).Value()"
    assert value(kernel, code) == "306"


def test_errors_at_the_line(kernel):
    kernel.run('ErrBusy := errors.New("busy")\nfunc work() (int, error) { return 0, fmt.Errorf("work: %w", ErrBusy) }').ok()
    assert kernel.run("_, err := mobula.Try(func(context.Context) (int, error) { return work() }).Get(context.Background())\nfmt.Println(errors.Is(err, ErrBusy))").ok().text() == "true\n"
    got = kernel.run("\nmobula.Try(func(context.Context) (int, error) { return work() }).Value()")
    number = got.content["execution_count"]
    assert got.content["ename"] == "task failed" and f"cell[{number}]:2" in got.content["evalue"] and "work: busy" in got.content["evalue"]


def test_a_panic_shows_the_frames_of_the_task(kernel):
    first = kernel.run("func inner(i int) int {\n\tvar list []int\n\treturn list[i]\n}").ok().content["execution_count"]
    shown = failure(kernel, "\nmobula.Go(func() int {\n\treturn inner(5)\n}).Value()")
    number = first + 1
    for place in (f"cell[{first}]:3  inner", f"cell[{number}]:3", f"cell[{number}]:4"):
        assert place in shown, shown
    assert "index out of range [5]" in shown and "mobula." not in shown, shown


CANNOT_LEAVE = {
    "a captured file": ('func make1() func() string {\n\tfile, _ := os.Open("/dev/null")\n\treturn func() string {\n\t\treturn file.Name()\n\t}\n}\nmobula.Go(make1()).Value()', r"captured variable file \(cell\[\d+\]:4:10\): \*os.File"),
    "a captured channel": ("ch := make(chan int)\nmobula.Go(func() int { return <-ch }).Value()", r"captured variable ch \(cell\[\d+\]:2:33\): chan int"),
    "a channel of the session": ("ch := make(chan int)\nfunc receive() int { return <-ch }\nmobula.Go(receive).Value()", r"session variable ch: chan int"),
    "an assignment": ("total := 0\nmobula.Go(func() int {\n\ttotal++\n\treturn total\n}).Value()", r"cell\[\d+\]:3:2: .*session variable total"),
    "an assignment in a function": ("count := 0\nfunc bump() {\n\tcount = 1\n}\nmobula.Go(func() int { bump(); return 1 }).Value()", r"cell\[\d+\]:3:2: .*session variable count"),
    "an assignment in a variable's function": ("var pair struct{ a, b string }\nset := func() int { pair = struct{ a, b string }{\"1\", \"2\"}; return 1 }\nmobula.Go(set).Value()", r"cell\[\d+\]:2:21 it assigns to the session variable pair"),
}


@pytest.mark.parametrize("name", CANNOT_LEAVE)
def test_what_cannot_leave_is_named(kernel, name):
    code, want = CANNOT_LEAVE[name]
    shown = failure(kernel, code)
    assert re.search(want, shown), shown


def test_a_killed_worker(kernel):
    """A task whose worker is killed is tried again in another; one that ends each of them says so."""
    first = int(value(kernel, "mobula.Go(os.Getpid).Value()"))
    code = f"first := {first}\nmobula.Go(func() int {{\n\tif p, _ := os.FindProcess(os.Getpid()); p.Pid == first {{\n\t\tp.Kill()\n\t\tselect {{}}\n\t}}\n\treturn os.Getpid()\n}}).Value()"
    second = int(value(kernel, code))
    assert second != first
    os.kill(second, signal.SIGKILL)
    kit.until(lambda: not psutil.pid_exists(second), 10, "the worker ends")
    assert int(value(kernel, "mobula.Go(os.Getpid).Value()")) not in (first, second)
    shown = failure(kernel, "mobula.Go(func() int {\n\tos.Exit(3)\n\treturn 1\n}, mobula.Retries(0)).Value()")
    assert "exited with status 3" in shown, shown


def test_prints_of_tasks(kernel):
    """Under the cell that submitted the task, with its name; what several tasks repeat is counted."""
    cell = kernel.send('func shout() int {\n\tfmt.Println("same words")\n\tfmt.Fprintln(os.Stderr, "to stderr")\n\treturn 1\n}\nvar all []mobula.Ref[int]\nfor range 10 {\n\tall = append(all, mobula.Go(shout))\n}\nlen(mobula.Values(all))')
    seen = {"stdout": "", "stderr": ""}

    def complete(m):
        if m["msg_type"] == "stream":
            seen[m["content"]["name"]] += m["content"]["text"]
        return all("(repeated 9x)" in text for text in seen.values())

    kernel.iopub(cell, complete, timeout=10 * kit.SLOW)
    assert seen["stdout"].splitlines() == ["(shout) same words", "(shout) same words  (repeated 9x)"]
    assert "(shout) to stderr" in seen["stderr"]
    kernel.reply(cell)
    assert kernel.run("1").ok().text() == ""


def test_many_lines_are_folded(kernel):
    cell = kernel.send("mobula.Go(func() int {\n\tfor i := range 3000 {\n\t\tfmt.Println(i)\n\t}\n\treturn 1\n}).Value()")
    text = ""

    def folded(m):
        nonlocal text
        if m["msg_type"] == "stream":
            text += m["content"]["text"]
        return "2000 more lines" in text

    kernel.iopub(cell, folded, timeout=10 * kit.SLOW)
    assert text.count("\n") < 1100
    kernel.reply(cell)


@pytest.mark.parametrize("wait", ["slow.Value()", "slow.Get(context.Background())", "mobula.Values([]mobula.Ref[int]{slow})", "mobula.Wait(context.Background(), []mobula.Ref[int]{slow}, 1)"])
def test_interrupting_a_wait(kernel, wait):
    kernel.run("slow := mobula.Go(func() int { time.Sleep(time.Hour); return 1 })").ok()
    cell = kernel.send(f'fmt.Println("waits")\n{wait}')
    kernel.seen(cell, "waits")
    start = time.monotonic()
    kernel.interrupt()
    got = kernel.outcome(cell)
    assert got.content["ename"] == "interrupted" and "left behind" not in got.content["evalue"], got.content
    assert time.monotonic() - start < 0.5 * kit.SLOW
    kernel.run("slow.Kill()").ok()
    assert value(kernel, "mobula.Go(func() int { return 5 }).Value()") == "5"


def test_stop_and_connect_again(own):
    own.run("%cluster connect", timeout=kit.PATIENCE).ok()
    own.run("kept := mobula.Put([]int{1, 2})").ok()
    cluster = own.cluster()
    assert "was stopped" in own.run("%cluster stop").ok().text()
    kit.gone(cluster, 5, "the cluster ends")
    assert "No cluster yet" in own.run("%cluster").ok().text()
    assert "There is no cluster" in own.run("%cluster stop").ok().text()
    assert value(own, "mobula.Go(func() int { return 2 }).Value()") == "2"
    assert "no such file" in failure(own, "%cluster connect /nowhere/node.sock --force")
    assert value(own, "mobula.Go(func() int { return 3 }).Value()") == "3", "the cluster in use stays"


def test_connecting_twice_keeps_refs(own):
    own.run("%cluster connect", timeout=kit.PATIENCE).ok()
    own.run("kept := mobula.Put([]int{1, 2})").ok()
    own.run("%cluster connect").ok()
    assert value(own, "kept.Value()") == "[]int{1, 2}"
    assert "is no address of a cluster" in failure(own, "%cluster connect localhost:10001")


def test_working_files(own, tmp_path):
    files = tmp_path / "files"
    files.mkdir()
    (files / "words.txt").write_text("for all")
    own.run("1", timeout=kit.PATIENCE).ok()
    own.run(f'mobula.Connect(context.Background(), mobula.Config{{WorkingDir: "{files}"}})').ok()
    assert value(own, 'mobula.Go(func() string {\n\ttext, _ := os.ReadFile("words.txt")\n\treturn string(text)\n}).Value()') == '"for all"'


def test_a_killed_kernel_takes_all_along(own):
    own.run("%cluster connect", timeout=kit.PATIENCE).ok()
    busy = own.send('mobula.Go(func() int {\n\tfmt.Println("busy")\n\tfor {\n\t}\n}).Value()')
    own.seen(busy, "busy")
    tree = own.tree()
    assert len(tree) >= 4, [p.cmdline() for p in tree]
    own.process.kill()
    kit.gone(tree, 3, "cluster and workers end with the kernel")


def test_a_killed_host_keeps_the_cluster(own):
    own.run("%cluster connect", timeout=kit.PATIENCE).ok()
    own.run("func seven() int { return 7 }").ok()
    assert value(own, "mobula.Go(seven).Value()") == "7"
    host = own.host()
    host.kill()
    kit.gone([host], 5, "the host ends")
    got = own.run("mobula.Go(seven).Value()")  # the kernel may notice the end before or in it
    assert "restarted" in got.text("stderr") + "".join(got.content.get("traceback", []))
    assert value(own, "mobula.Go(seven).Value()") == "7"


@pytest.mark.parametrize("which", ["the kernel's child", "the node"])
def test_a_killed_cluster_is_replaced(own, which):
    own.run("%cluster connect", timeout=kit.PATIENCE).ok()
    own.run("kept := 1\nold := mobula.Put(make([]byte, 1<<20))").ok()
    cluster = own.cluster()
    cluster[which == "the node"].kill()
    kit.gone(cluster, 5, "all of the cluster ends")
    kit.until(lambda: "No cluster yet" in own.run("%cluster").text(), 5, "the kernel notices")
    got = own.run("mobula.Go(func() int { return kept + 1 }).Value()").ok()
    assert got.result == "2" and "cluster is gone" in got.text("stderr"), got.messages
    assert "closed" in failure(own, "old.Value()")
    assert own.run("kept").ok().text("stderr") == "", "it is said once"
