"""jupyter_kernel_test's own classes, all of their tests configured."""

import os
import unittest

import jupyter_kernel_test as jkt
import pytest


@pytest.fixture(scope="module", autouse=True)
def on_jupyter_path(jupyter_path):
    """The classes start kernels by name, so the name must be on the Jupyter path."""
    before = os.environ.get("JUPYTER_PATH")
    os.environ["JUPYTER_PATH"] = str(jupyter_path)
    yield
    if before is None:
        del os.environ["JUPYTER_PATH"]
    else:
        os.environ["JUPYTER_PATH"] = before


class TestConformance(jkt.KernelTests):
    kernel_name = "mobula"
    language_name = "go"
    file_extension = ".go"
    code_hello_world = 'fmt.Println("hello, world")'
    code_stderr = 'fmt.Fprintln(os.Stderr, "oops")'
    completion_samples = [
        {"text": "strings.HasPre", "matches": {"HasPrefix"}},
        {"text": "fmt.Fprintl", "matches": {"Fprintln"}},
    ]
    complete_code_samples = ["1", "x := 1", "fmt.Println(1)", "func f() int {\n\treturn 1\n}", "type T struct{ A int }", "`raw`", "/* note */ 1"]
    incomplete_code_samples = ["func f() {", "for i := range 3 {", "fmt.Println(", "x := `raw", "x := 1 +", "/* note", 'm := map[string]int{"a": 1,']
    invalid_code_samples = ["x := )", "func 1() {}", "a b c", '"open', "}"]
    code_page_something = "?fmt.Println"
    code_generate_error = 'panic("broken")'
    code_execute_result = [
        {"code": "6 * 7", "result": "42"},
        {"code": "1 + 1", "result": "2"},
        {"code": "len([]int{1, 2, 3})", "result": "3"},
        {"code": 'strings.ToUpper("go")', "result": '"GO"'},
    ]
    code_display_data = [
        {"code": 'display.Show(display.HTML("<b>bold</b>"))', "mime": "text/html"},
        {"code": 'display.Show(display.Markdown("*x*"))', "mime": "text/markdown"},
    ]
    code_history_pattern = "1 +*"
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "fmt.Println"
    code_clear_output = "display.Clear(false)"


class TestIopubWelcome(jkt.IopubWelcomeTests):
    kernel_name = "mobula"
    support_iopub_welcome = True


def test_nothing_is_skipped():
    """Every sample that jupyter_kernel_test looks at is given, so that none of its tests skips itself."""
    for name in vars(jkt.KernelTests):
        if name.startswith(("code_", "completion_", "complete_", "incomplete_", "invalid_", "supported_")):
            assert getattr(TestConformance, name), name
    assert issubclass(TestConformance, unittest.TestCase)
