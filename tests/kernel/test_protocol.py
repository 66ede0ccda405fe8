"""The protocol, bullet by bullet, with the real jupyter_client: requests, replies and what surrounds them."""

import re

import pytest

import kit


def test_kernel_info(kernel):
    for channel in ("shell", "control"):
        got = kernel.request(channel, "kernel_info_request")
        assert got.reply["msg_type"] == "kernel_info_reply"
        info = got.content
        assert info["status"] == "ok"
        assert info["protocol_version"] == "5.5"
        assert info["language_info"]["name"] == "go"
        assert "kernel subshells" in info["supported_features"]
        assert got.states == ["busy", "idle"]


def test_control_answers_on_control_while_a_cell_runs(kernel):
    cell = kernel.send("fmt.Println(\"up\"); time.Sleep(time.Hour)")
    kernel.seen(cell, "up")
    assert kernel.request("control", "kernel_info_request", timeout=10).content["status"] == "ok"
    assert kernel.interrupt(timeout=10).content["status"] == "ok"
    assert kernel.outcome(cell).content["status"] == "error"


@pytest.mark.parametrize(
    "kind, content",
    [
        ("kernel_info_request", {}),
        ("execute_request", {"code": "1", "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False, "stop_on_error": True}),
        ("complete_request", {"code": "fm", "cursor_pos": 2}),
        ("inspect_request", {"code": "fmt", "cursor_pos": 3, "detail_level": 0}),
        ("is_complete_request", {"code": "1"}),
        ("history_request", {"hist_access_type": "tail", "n": 1, "output": False, "raw": True}),
        ("comm_info_request", {}),
    ],
)
def test_busy_and_idle_surround_every_request(kernel, kind, content):
    got = kernel.request("shell", kind, content)
    assert got.content["status"] == ("complete" if kind == "is_complete_request" else "ok")
    assert got.messages[0]["content"] == {"execution_state": "busy"}
    assert got.messages[-1]["content"] == {"execution_state": "idle"}
    assert len(got.states) == 2
    assert all(m["parent_header"]["msg_type"] == kind for m in got.messages)


def test_execute_input_and_count(kernel):
    first, second = kernel.run("1"), kernel.run("2")
    assert second.content["execution_count"] == first.content["execution_count"] + 1
    assert second.of("execute_input") == [{"code": "2", "execution_count": second.content["execution_count"]}]
    assert second.of("execute_result")[0]["execution_count"] == second.content["execution_count"]


@pytest.mark.parametrize(
    "code, want",
    [
        ("6 * 7", "42"),
        ('"a" + "b"', '"ab"'),
        ("x := 5\nx + 1", "6"),
        ("[]int{1, 2}", "[]int{1, 2}"),
        ("x := 1", None),
        ("fmt.Sprint(1)", '"1"'),
        ("strconv.Atoi(\"12\")", "12"),
        ("func five() int { return 5 }\nfive()", "5"),
        ("// only a comment", None),
        ("", None),
    ],
)
def test_result_of_the_last_expression(kernel, code, want):
    got = kernel.run(code).ok()
    if want is None:
        assert got.result is None
    else:
        assert want in got.result


def test_silent(kernel):
    before = kernel.run("1").content["execution_count"]
    got = kernel.run('hidden := 7; fmt.Println("x"); hidden', silent=True)
    assert got.content["status"] == "ok"
    assert [m["msg_type"] for m in got.messages if m["msg_type"] in ("execute_input", "execute_result")] == []
    after = kernel.run("hidden").ok()
    assert after.result == "7"
    assert after.content["execution_count"] == before + 1


def test_store_history_off(kernel):
    marker = "1000 + 337"
    before = kernel.run("1").content["execution_count"]
    kernel.run(marker, store_history=False).ok()
    assert kernel.run("2").content["execution_count"] == before + 1
    tail = kernel.request("shell", "history_request", {"hist_access_type": "tail", "n": 5, "output": False, "raw": True})
    assert marker not in [h[2] for h in tail.content["history"]]


def test_user_expressions(kernel):
    got = kernel.run("n := 20", user_expressions={"twice": "n * 2", "text": '"é" + "x"', "bad": "nothere", "syntax": "1 +"}).ok()
    values = got.content["user_expressions"]
    assert values["twice"]["status"] == "ok" and values["twice"]["data"]["text/plain"] == "40"
    assert values["text"]["data"]["text/plain"] == '"éx"'
    for bad in ("bad", "syntax"):
        assert values[bad]["status"] == "error"
        assert values[bad]["ename"] and values[bad]["evalue"]
    assert "nothere" in values["bad"]["evalue"]


def test_stop_on_error_aborts_what_is_queued(kernel):
    ids = [kernel.send(c) for c in ('panic("first")', "aborted := 1", "fmt.Println(2)")]
    got = [kernel.outcome(i) for i in ids]
    assert [g.content["status"] for g in got] == ["error", "aborted", "aborted"]
    assert all(g.states == ["busy", "idle"] for g in got)
    assert kernel.run("aborted").content["status"] == "error"


def test_stop_on_error_off(kernel):
    ids = [kernel.send('panic("first")', stop_on_error=False), kernel.send("1 + 1")]
    got = [kernel.outcome(i) for i in ids]
    assert [g.content["status"] for g in got] == ["error", "ok"]


def test_errors_are_the_same_in_reply_and_on_iopub(kernel):
    got = kernel.run("a := 1\nb := []int{}\n_ = b[a]")
    assert got.content["status"] == "error"
    number = got.content["execution_count"]
    assert "index out of range" in got.content["evalue"]
    assert f"cell[{number}]:3" in got.content["evalue"]
    assert {k: got.content[k] for k in ("ename", "evalue", "traceback")} == {k: got.error[k] for k in ("ename", "evalue", "traceback")}
    assert "runtime." not in "\n".join(got.content["traceback"])


def test_all_compile_errors_at_once(kernel):
    got = kernel.run('var a int = "x"\nb := 1\nvar c string = 2\nundefinedThing()')
    number, text = got.content["execution_count"], "\n".join([got.content["evalue"], *got.content["traceback"]])
    assert got.content["status"] == "error"
    for line in (1, 3, 4):
        assert f"cell[{number}]:{line}:" in text, text
    assert kernel.run("b").content["status"] == "error", "a cell that did not compile declares nothing"


def test_unused_variables_and_imports_are_fine(kernel):
    assert kernel.run('import "os"\nunused := 1').ok().text("stderr") == ""


@pytest.mark.parametrize(
    "code, status, indent",
    [
        ("func f() {", "incomplete", True),
        ("for {\n\tif true {", "incomplete", True),
        ("1 +", "incomplete", None),
        ("x := `a", "incomplete", None),
        ("x := 1", "complete", None),
        ("func f() { }", "complete", None),
        ("%help", "complete", None),
        ("!echo x", "complete", None),
        ("x := ]", "invalid", None),
        ("func f) { }", "invalid", None),
    ],
)
def test_is_complete(kernel, code, status, indent):
    got = kernel.request("shell", "is_complete_request", {"code": code}).content
    assert got["status"] == status
    if status == "incomplete":
        assert got["indent"].strip() == ""
        if indent:
            assert got["indent"] != ""


def test_pager(kernel):
    got = kernel.run("?strings.HasPrefix").ok()
    (page,) = got.content["payload"]
    assert page["source"] == "page" and page["start"] == 0
    assert re.search(r"func (strings\.)?HasPrefix\(s( string)?, prefix string\) bool", page["data"]["text/plain"])


def test_completion_counts_code_points(kernel):
    code = '/* 日本語 🎉 */ s := "héé"; strings.HasPre'
    got = kernel.request("shell", "complete_request", {"code": code, "cursor_pos": len(code)}).content
    assert got["matches"] == ["HasPrefix"]
    assert (got["cursor_start"], got["cursor_end"]) == (len(code) - len("HasPre"), len(code))
    assert got["metadata"]["_jupyter_types_experimental"][0]["type"] == "function"


def test_completion_of_session_names(kernel):
    kernel.run("type Ray struct{ Wings, tail int }\nfunc (r Ray) Glide() {}\nmanta := Ray{}").ok()
    for code, want in (("man", {"manta"}), ("manta.", {"Wings", "tail", "Glide"}), ("%hel", {"%help"}), ('import "encoding/js', {"encoding/json"})):
        got = kernel.request("shell", "complete_request", {"code": code, "cursor_pos": len(code)}).content
        assert want <= set(got["matches"]), (code, got["matches"])


def test_inspection(kernel):
    kernel.run("// Glide moves.\nfunc Glide(metres int) error { return nil }").ok()
    code = '"🎉"; Glide(1)'
    got = kernel.request("shell", "inspect_request", {"code": code, "cursor_pos": code.index("lide"), "detail_level": 0}).content
    assert got["found"]
    assert "func Glide(metres int) error" in got["data"]["text/plain"] and "Glide moves." in got["data"]["text/plain"]
    assert {"text/plain", "text/markdown", "text/html"} <= set(got["data"])
    none = kernel.request("shell", "inspect_request", {"code": "nothere", "cursor_pos": 3, "detail_level": 0}).content
    assert none["status"] == "ok" and not none["found"]


def test_comms(kernel):
    opened = kernel.request_async("shell", "comm_open", {"comm_id": "c1", "target_name": "no.such.target", "data": {}})
    closed = kernel.iopub(opened, lambda m: m["msg_type"] == "comm_close", timeout=10)
    assert closed[-1]["content"]["comm_id"] == "c1"
    info = kernel.request("shell", "comm_info_request", {}).content
    assert "c1" not in info["comms"]
    for kind in ("comm_msg", "comm_close"):  # of a comm that is not there: ignored, not fatal
        kernel.request_async("shell", kind, {"comm_id": "none", "data": {}})
    kernel.run("1").ok()


def test_unknown_request_kinds_do_no_harm(kernel):
    for channel in ("shell", "control"):
        kernel.request_async(channel, "no_such_request", {})
    kernel.run("1").ok()


def test_subshells(kernel):
    made = kernel.request("control", "create_subshell_request").content
    assert made["status"] == "ok"
    sub = made["subshell_id"]
    assert sub in kernel.request("control", "list_subshell_request").content["subshell_id"]
    cell = kernel.send('fmt.Println("busy"); time.Sleep(time.Hour)')
    kernel.seen(cell, "busy")
    info = kernel.request("shell", "comm_info_request", {}, timeout=10, subshell_id=sub)
    assert info.content["status"] == "ok", "a subshell answers while a cell runs"
    kernel.interrupt()
    kernel.outcome(cell)
    assert kernel.request("control", "delete_subshell_request", {"subshell_id": sub}).content["status"] == "ok"
    assert sub not in kernel.request("control", "list_subshell_request").content["subshell_id"]
    assert kernel.request("control", "delete_subshell_request", {"subshell_id": sub}).content["status"] == "error"


def answer(kernel, cell, text):
    """Answers the next input request of a cell and returns the request."""
    asked = kernel.client.get_stdin_msg(timeout=kit.ANSWER)
    assert asked["parent_header"]["msg_id"] == cell
    kernel.client.input(text)
    return asked["content"]


@pytest.mark.parametrize("call, password", [("Input", False), ("Password", True)])
def test_input(kernel, call, password):
    cell = kernel.send(f'name, err := display.{call}("who? ")\nfmt.Println("hello", name, err)', allow_stdin=True)
    assert answer(kernel, cell, "Zoë") == {"prompt": "who? ", "password": password}
    assert kernel.outcome(cell).ok().text() == "hello Zoë <nil>\n"


def test_reading_stdin_asks_too(kernel):
    cell = kernel.send('var n int\n_, err := fmt.Scanln(&n)\nfmt.Println(n + 1, err)', allow_stdin=True)
    answer(kernel, cell, "41")
    assert kernel.outcome(cell).ok().text() == "42 <nil>\n"


def test_input_where_none_is_allowed(kernel):
    got = kernel.run('_, err := display.Input("who? ")\nfmt.Println(err != nil)', allow_stdin=False).ok()
    assert got.text() == "true\n"


def test_interrupt_ends_a_wait_for_input(kernel):
    cell = kernel.send('display.Input("who? ")', allow_stdin=True)
    kernel.client.get_stdin_msg(timeout=kit.ANSWER)
    kernel.interrupt()
    assert kernel.outcome(cell, timeout=10).content["status"] == "error"
