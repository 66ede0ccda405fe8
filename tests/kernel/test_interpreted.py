"""The kernel on a machine without a Go toolchain, and %engine yaegi on one that has it."""

import kit
import pytest


@pytest.fixture(scope="module")
def bare(jupyter_path):
    kernel = kit.Kernel(jupyter_path, env={"MOBULA_GO": "none"})
    yield kernel
    kernel.close()


def test_it_says_what_is_missing_and_keeps_state(bare):
    got = bare.run("x := 40\nx + 1").ok()
    assert got.result == "41"
    said = got.text("stderr")
    assert "go.dev/dl" in said and "pip install" in said
    got = bare.run("x + 2").ok()
    assert got.result == "42" and got.text("stderr") == ""


def test_newer_syntax_is_lowered(bare):
    assert bare.run("n := 0\nfor i := range 5 {\n\tn += min(i, 3)\n}\nn").ok().result == "9"


def test_what_it_cannot_do_names_the_toolchain(bare):
    got = bare.run("func count(yield func(int) bool) { yield(1) }\nfor i := range count {\n\tfmt.Println(i)\n}")
    assert got.content["status"] == "error"
    assert "toolchain" in "\n".join(got.content["traceback"])


def test_errors_point_at_the_line(bare):
    got = bare.run("a := 1\nnothere(a)")
    assert "]:2:1: undefined: nothere" in got.content["evalue"]


def test_an_endless_loop_is_interrupted(bare):
    bare.run("kept := 41").ok()
    cell = bare.send('fmt.Println("up")\nfor {\n}')
    bare.seen(cell, "up")
    bare.manager.interrupt_kernel()
    assert bare.outcome(cell).content["status"] == "error"
    assert bare.run("kept + 1").ok().result == "42"


def test_engine_yaegi_has_variables_of_its_own(own):
    own.run("x := 1").ok()
    own.run("%engine yaegi").ok()
    assert own.run("x").content["status"] == "error"
    assert own.run("y := 2\ny").ok().result == "2"
    own.run("%engine auto").ok()
    assert own.run("x").ok().result == "1"
