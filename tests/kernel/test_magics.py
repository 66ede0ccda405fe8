"""Magics as a person types them."""

import pytest

import kit


def test_help_lists_the_magics(kernel):
    got = kernel.run("%help").ok()
    shown = got.text() + str(got.of("display_data")) + str(got.content["payload"])
    for name in ("%help", "%engine", "%time", "%%time", "%who", "%reset", "%cd", "%env", "%go", "%%bash", "%%writefile", "%load", "%history"):
        assert name in shown, name


def test_time(kernel):
    got = kernel.run("%time 6 * 7").ok()
    assert got.result == "42"
    cell = kernel.run("%%time\nn := 0\nfor i := range 1000 {\n\tn += i\n}\nn").ok()
    assert cell.result == "499500"
    for outcome in (got, cell):
        assert "s" in outcome.text() + outcome.text("stderr")


def test_who(kernel):
    kernel.run("answer := 42\nname := \"x\"").ok()
    got = kernel.run("%who").ok()
    shown = got.text() + str(got.of("display_data"))
    assert "answer" in shown and "int" in shown and "name" in shown


def test_reset(kernel):
    kernel.run("gone := 1").ok()
    kernel.run("%reset -f").ok()
    assert kernel.run("gone").content["status"] == "error"


def test_reset_asks_first(kernel):
    kernel.run("kept := 1").ok()
    assert kernel.run("%reset").content["status"] == "error", "nobody can be asked"
    cell = kernel.send("%reset", allow_stdin=True)
    kernel.client.get_stdin_msg(timeout=kit.ANSWER)
    kernel.client.input("n")
    kernel.outcome(cell)
    assert kernel.run("kept").ok().result == "1"


def test_cd_and_env(kernel, tmp_path):
    before = kernel.run("os.Getwd()").ok().result
    kernel.run(f"%cd {tmp_path}").ok()
    assert str(tmp_path) in kernel.run("os.Getwd()").ok().result
    assert kernel.run("!pwd").ok().text().strip() == str(tmp_path)
    kernel.run("%env WING=span").ok()
    assert kernel.run('os.Getenv("WING")').ok().result == '"span"'
    assert kernel.run("!echo $WING").ok().text() == "span\n"
    kernel.run("%cd " + before.split('"')[1]).ok()


def test_shell(kernel):
    assert kernel.run("!echo a; echo b >&2").ok().text() == "a\n"
    assert kernel.run("x := 1\n!echo mixed\nx + 1").ok().result == "2"
    assert kernel.run("%%bash\nfor i in 1 2; do echo $i; done").ok().text() == "1\n2\n"
    assert kernel.run("!exit 3").content["status"] == "error"


def test_writefile_and_load(kernel, tmp_path):
    kernel.run(f"%%writefile {tmp_path}/f.go\nfunc loaded() int {{ return 9 }}").ok()
    assert (tmp_path / "f.go").read_text().startswith("func loaded()")
    got = kernel.run(f"%load {tmp_path}/f.go").ok()
    assert "func loaded() int" in str(got.content["payload"]), "the cell is replaced by the file"


def test_history_magic(kernel):
    kernel.run("marker := 12345").ok()
    assert "marker := 12345" in kernel.run("%history").ok().text()


@pytest.mark.parametrize("wrong, near", [("%tme 1", "%time"), ("%%bsh\nls", "%%bash"), ("%hlep", "%help")])
def test_a_misspelt_magic_says_which_is_near(kernel, wrong, near):
    got = kernel.run(wrong)
    assert got.content["status"] == "error"
    assert near in got.content["evalue"] + "".join(got.content["traceback"])


def test_lines_keep_their_numbers_under_magics(kernel):
    got = kernel.run("%env A=1\n\n!echo x\nundefinedThing()")
    assert f"cell[{got.content['execution_count']}]:4:" in got.content["evalue"] + "".join(got.content["traceback"])


@pytest.mark.parametrize("mode", ["auto", "native"])
def test_engine(kernel, mode):
    kernel.run(f"%engine {mode}").ok()
    try:
        assert kernel.run("x := 20\nx + 1").ok().result == "21"
        got = kernel.run("%engine").ok()
        assert mode in got.text() + str(got.of("display_data"))
    finally:
        kernel.run("%engine auto").ok()


def test_go_get_of_a_module(kernel):
    kernel.run("%go get golang.org/x/text@v0.15.0", timeout=120).ok()
    got = kernel.run('import (\n\t"golang.org/x/text/cases"\n\t"golang.org/x/text/language"\n)\ncases.Title(language.English).String("manta ray")')
    assert got.content["status"] == "ok", got.content
    assert got.result == '"Manta Ray"'
