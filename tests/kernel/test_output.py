"""What cells show: streams, their order and number, late goroutines, rich display, display ids."""

import base64
import json

import pytest

import kit


def test_streams_are_told_apart(kernel):
    got = kernel.run('fmt.Println("out"); fmt.Fprintln(os.Stderr, "err"); println("built in")').ok()
    assert got.text("stdout") == "out\n"
    assert got.text("stderr") == "err\nbuilt in\n"


def test_a_hundred_thousand_lines(kernel):
    """Few messages, nothing lost, in order, the reply after all of it."""
    got = kernel.run("for i := range 100000 {\n\tfmt.Println(i)\n}", timeout=60).ok()
    assert got.text() == "".join(f"{i}\n" for i in range(100000))
    assert len(got.of("stream")) < 200


def test_utf8_is_not_cut(kernel):
    got = kernel.run('for range 20000 {\n\tfmt.Print("é🎉")\n}').ok()
    assert got.text() == "é🎉" * 20000


def test_output_shows_while_the_cell_runs(kernel):
    cell = kernel.send('fmt.Print("early"); <-make(chan int)')
    kernel.seen(cell, "early", timeout=20)
    kernel.interrupt()
    kernel.outcome(cell)


def test_a_late_goroutine_shows_under_its_cell(kernel):
    first = kernel.send('gate := make(chan bool)\ngo func() { <-gate; fmt.Println("late") }()')
    kernel.outcome(first)
    second = kernel.run("close(gate)").ok()
    kernel.seen(first, "late", timeout=10)
    assert second.text() == ""


def test_goroutines_of_two_cells_are_told_apart(kernel):
    code = 'go{n} := make(chan bool)\ngo func() {{ <-go{n}; for range 100 {{ fmt.Println("from {n}") }} }}()'
    ids = [kernel.send(code.format(n=n)) for n in (1, 2)]
    for i in ids:
        kernel.outcome(i).ok()
    kernel.run("close(go1); close(go2)").ok()
    for n, i in enumerate(ids, 1):
        text = ""
        while text.count("\n") < 100:
            text += kernel.iopub(i, lambda m: m["msg_type"] == "stream", timeout=10)[-1]["content"]["text"]
        assert text == f"from {n}\n" * 100


def test_output_of_child_processes(kernel):
    got = kernel.run('c := exec.Command("echo", "child")\nc.Stdout = os.Stdout\nc.Run()').ok()
    assert got.text() == "child\n"


def test_printing_from_another_cells_writer(kernel):
    kernel.run("out := os.Stdout").ok()
    assert kernel.run('fmt.Fprint(out, "by a variable")').ok().text() == "by a variable"


BUNDLES = [
    ('display.Text("plain")', "text/plain", "plain"),
    ('display.HTML("<i>h</i>")', "text/html", "<i>h</i>"),
    ('display.Markdown("**m**")', "text/markdown", "**m**"),
    ('display.LaTeX("$x^2$")', "text/latex", "$x^2$"),
    ('display.JSON(map[string]int{"a": 1})', "application/json", {"a": 1}),
]


@pytest.mark.parametrize("expression, mime, want", BUNDLES)
def test_rich_results(kernel, expression, mime, want):
    shown = kernel.run(f"display.Show({expression})").ok().of("display_data")
    assert [s["data"][mime] for s in shown] == [want]
    assert kernel.run(expression).ok().of("execute_result")[0]["data"][mime] == want


def test_svg(kernel):
    got = kernel.run('display.SVG("<svg xmlns=\\"http://www.w3.org/2000/svg\\"/>")').ok()
    assert "<svg" in got.of("execute_result")[0]["data"]["image/svg+xml"]


def test_image(kernel):
    got = kernel.run("m := image.NewRGBA(image.Rect(0, 0, 3, 2))\nm").ok()
    png = base64.b64decode(got.of("execute_result")[0]["data"]["image/png"])
    assert png.startswith(b"\x89PNG") and png[16:24] == bytes([0, 0, 0, 3, 0, 0, 0, 2])


def test_vega_lite(kernel):
    got = kernel.run('display.VegaLite(map[string]any{"mark": "bar"})').ok()
    (mime,) = [m for m in got.of("execute_result")[0]["data"] if m.startswith("application/vnd.vegalite")]
    assert got.of("execute_result")[0]["data"][mime]["mark"] == "bar"


def test_table_of_structs(kernel):
    kernel.run("type Row struct {\n\tName string\n\tN    int\n}").ok()
    data = kernel.run('[]Row{{"<b>", 1}, {"two", 2}}').ok().of("execute_result")[0]["data"]
    assert "<table" in data["text/html"] and "&lt;b&gt;" in data["text/html"]
    assert "two" in data["text/plain"]


def test_a_type_shows_itself(kernel):
    kernel.run('type Card struct{ title string }\nfunc (c Card) Display() display.Bundle { return display.Bundle{"text/html": "<h1>" + c.title + "</h1>"} }').ok()
    shown = kernel.run('Card{"me"}')
    assert shown.content["status"] == "ok", shown.content
    assert shown.of("execute_result")[0]["data"]["text/html"] == "<h1>me</h1>"


def test_live_handle_updates_in_place(kernel):
    got = kernel.run('h := display.Live(display.Text("one"))\nh.Update(display.Text("two"))').ok()
    (first,) = got.of("display_data")
    (update,) = got.of("update_display_data")
    assert first["transient"]["display_id"] == update["transient"]["display_id"] != ""
    assert (first["data"]["text/plain"], update["data"]["text/plain"]) == ("one", "two")
    later = kernel.run('h.Update(display.Text("three"))').ok()
    assert later.of("update_display_data")[0]["transient"] == first["transient"]


@pytest.mark.parametrize("wait", [True, False])
def test_clear_output(kernel, wait):
    got = kernel.run(f'fmt.Print("a"); display.Clear({str(wait).lower()}); fmt.Print("b")').ok()
    kinds = [m["msg_type"] for m in got.messages if m["msg_type"] in ("stream", "clear_output")]
    assert kinds == ["stream", "clear_output", "stream"], "text before is flushed before"
    assert got.of("clear_output") == [{"wait": wait}]


def test_order_of_text_and_display(kernel):
    got = kernel.run('fmt.Print("1"); display.Show(display.Text("2")); fmt.Print("3"); display.Show(display.Text("4"))').ok()
    seen = []
    for m in got.messages:
        if m["msg_type"] == "stream":
            seen.append(m["content"]["text"])
        elif m["msg_type"] == "display_data":
            seen.append(m["content"]["data"]["text/plain"])
    assert seen == ["1", "2", "3", "4"]


def test_big_values_are_shortened(kernel):
    data = kernel.run("make([]int, 10_000_000)").ok().of("execute_result")[0]["data"]
    assert len(json.dumps(data)) < 200_000


def test_goroutine_panic_is_reported_under_its_cell(kernel):
    kernel.run("kept := 41").ok()
    cell = kernel.send('stop := make(chan bool)\ngo func() { <-stop; panic("in a goroutine") }()')
    kernel.outcome(cell).ok()
    kernel.run("close(stop)").ok()
    shown = kernel.iopub(cell, lambda m: "in a goroutine" in str(m["content"]), timeout=10)
    assert shown[-1]["msg_type"] in ("stream", "error", "display_data")
    assert kernel.run("kept + 1").ok().result == "42"
