"""What a person does in JupyterLab. The pictures are in shots/ for a person to look at."""

import json

from playwright.sync_api import expect

from conftest import AT_HUB, AT_ROOT

TABLE = 'type row struct {\n\tName string\n\tSpan float64\n}\n[]row{{"manta", 7}, {"mobula", 5.2}}'
IMAGE = "img := image.NewRGBA(image.Rect(0, 0, 200, 100))\nfor x := range 200 {\n\tfor y := range 100 {\n\t\timg.Set(x, y, color.RGBA{uint8(x), 80, uint8(2 * y), 255})\n\t}\n}\nimg"


def test_run_all(book):
    b = book("all.ipynb", ["x := 6 * 7", 'fmt.Println("x is", x)', "x"])
    b.run_all()
    b.finished(2)
    expect(b.output(1)).to_have_text("x is 42")
    expect(b.output(2)).to_contain_text("42")
    b.shot("run-all")


@AT_ROOT
def test_an_error_with_its_line(book):
    b = book("error.ipynb", ["a := []int{1}\ni := 4\na[i]", "x := 1\ny := nothere"])
    b.run_all()
    b.finished(0)
    expect(b.output(0)).to_contain_text("index out of range [4] with length 1")
    expect(b.output(0)).to_contain_text("cell[1]:3")
    b.command("notebook:move-cursor-down")
    b.cell(1).locator(".cm-content").click()
    b.page.keyboard.press("Shift+Enter")
    expect(b.output(1)).to_contain_text("undefined: nothere")
    expect(b.output(1)).to_contain_text("cell[2]:2")
    b.shot("error")


def test_tab_completes(book):
    b = book("complete.ipynb", ["type Ray struct{ Wings int }\nfunc (Ray) Glide() {}\nmanta := Ray{}", ""])
    b.run_all()
    b.finished(0)
    b.type(1, "manta.")
    b.page.keyboard.press("Tab")
    menu = b.page.locator(".jp-Completer")
    expect(menu).to_contain_text("Glide")
    expect(menu).to_contain_text("Wings")
    b.shot("complete")
    b.page.keyboard.press("Escape")
    b.page.keyboard.press("Control+a")
    b.page.keyboard.press("Delete")
    b.type(1, "strings.HasPre")
    b.page.keyboard.press("Tab")
    expect(menu).to_contain_text("HasPrefix")
    b.page.keyboard.press("Enter")
    expect(b.cell(1).locator(".cm-content")).to_contain_text("strings.HasPrefix")


@AT_ROOT
def test_shift_tab_inspects(book):
    b = book("inspect.ipynb", ["", "1"])
    b.type(0, "strings.HasPrefix")
    b.page.keyboard.press("Shift+Tab")
    tip = b.page.locator(".jp-Tooltip")
    expect(tip).to_contain_text("HasPrefix(s")
    expect(tip).to_contain_text("begins with prefix")
    b.shot("inspect")


@AT_HUB
def test_the_stop_button(book):
    b = book("stop.ipynb", ["kept := 41", 'fmt.Println("up")\nfor {\n}', "kept + 1"])
    b.run_all()
    expect(b.output(1)).to_contain_text("up")
    b.page.locator("button[data-command='notebook:interrupt-kernel'], jp-button[data-command='notebook:interrupt-kernel']").first.click()
    b.finished(1)
    expect(b.output(1).last).to_contain_text("nterrupt")
    b.ready()
    b.cell(2).locator(".cm-content").click()
    b.page.keyboard.press("Shift+Enter")
    expect(b.output(2)).to_contain_text("42")
    b.shot("stop")


@AT_HUB
def test_restart(book):
    b = book("restart.ipynb", ["gone := 1", "gone"])
    b.run_all()
    b.finished(1)
    expect(b.output(1)).to_contain_text("1")
    b.command("kernelmenu:restart")
    b.page.locator(".jp-Dialog button.jp-mod-accept").click()
    b.page.wait_for_selector(".jp-Dialog", state="detached")
    b.ready()
    b.cell(1).locator(".cm-content").click()
    b.page.keyboard.press("Shift+Enter")
    expect(b.output(1)).to_contain_text("undefined: gone")
    b.finished(1, 1)


@AT_ROOT
def test_an_image_and_a_table(book):
    b = book("rich.ipynb", [TABLE, IMAGE])
    b.run_all()
    b.finished(1)
    table = b.cell(0).locator(".jp-RenderedHTML table")
    expect(table).to_contain_text("mobula")
    expect(table.locator("tr")).to_have_count(3)
    picture = b.cell(1).locator(".jp-RenderedImage img")
    expect(picture).to_be_visible()
    assert picture.evaluate("i => [i.naturalWidth, i.naturalHeight]") == [200, 100]
    # Into view, so that the picture that is kept shows both.
    table.scroll_into_view_if_needed()
    b.shot("image-and-table")


@AT_ROOT
def test_sanitised_output_keeps_its_look(book, page, lab):
    """A notebook from elsewhere is not trusted: JupyterLab strips scripts and styles from its HTML, and ours must still show."""
    b = book("untrusted.ipynb", [TABLE])
    b.run_all()
    b.finished(0)
    before = b.cell(0).locator(".jp-RenderedHTML table").inner_text()
    b.command("docmanager:save")
    path = lab.work / "untrusted.ipynb"
    page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    saved = json.loads(path.read_text())
    saved["cells"][0]["outputs"][0]["data"]["text/plain"] = ["changed, so that the signature does not fit"]
    lab.notebook("elsewhere.ipynb", [])
    (lab.work / "elsewhere.ipynb").write_text(json.dumps(saved))
    again = type(b)(page, lab, "elsewhere.ipynb")
    expect(again.cell(0).locator(".jp-RenderedHTML table")).to_be_visible()
    assert again.cell(0).locator(".jp-RenderedHTML table").inner_text() == before


@AT_HUB
def test_progress(book):
    b = book("live.ipynb", ["for i := range display.ProgressN(20) {\n\t_ = i\n\ttime.Sleep(20 * time.Millisecond)\n}\nfmt.Println(\"done\")"])
    b.run_all()
    expect(b.output(0).last).to_contain_text("done", timeout=60_000)
    b.shot("progress")
