"""Controls of cells, drawn by ipywidgets and anywidget in a real JupyterLab: what the user does reaches Go, and what Go does reaches the page."""

from playwright.sync_api import expect

from conftest import AT_HUB
from test_widgets import busy, no_errors

CONTROLS = """n := controls.IntSlider(controls.Range{Max: 10}, "alpha")
colour := controls.Dropdown([]string{"red", "green <b>"}, "colour")
name := controls.Text("name")
sure := controls.Checkbox("sure?")
run := controls.Button("Go")
said := controls.Label("nothing")
area := controls.Output()
n.OnChange(func(v int) { said.Set(fmt.Sprint("alpha is ", v)) })
colour.OnChange(func(v string) { said.Set("colour is " + v) })
name.OnChange(func(v string) { said.Set("name is " + v) })
sure.OnChange(func(v bool) { said.Set(fmt.Sprint("sure is ", v)) })
run.OnClick(func() {
	area.Capture(func() { fmt.Println("clicked with", n.Value(), colour.Value(), name.Value(), sure.Value()) })
	n.Set(9)
	name.Set("by Go")
	colour.Set("red")
	run.SetLabel("Again")
})
type counter struct {
	Clicks int `json:"clicks"`
}
own := controls.Any(controls.Module{ESM: `export default { render({ model, el }) {
	const b = document.createElement("button");
	const show = () => { b.textContent = "clicks: " + model.get("clicks"); };
	b.onclick = () => { model.set("clicks", model.get("clicks") + 1); model.save_changes(); };
	model.on("change:clicks", show);
	show();
	el.append(b);
} }`}, counter{})
own.OnChange(func(s counter) { own.Set(counter{10 * s.Clicks}) })
controls.VBox(n, controls.HBox(colour, name), sure, run, said, area, own)"""


@AT_HUB
def test_controls(book, page):
    b = book("controls.ipynb", [CONTROLS, 'fmt.Println("up")\nselect {}'])
    b.run_all()
    shown = b.cell(0).locator(".jp-OutputArea-output").first
    expect(b.output(1)).to_contain_text("up", timeout=60_000)
    slider, readout = shown.get_by_role("slider"), shown.locator(".widget-readout")
    expect(shown.get_by_text("nothing", exact=True)).to_be_visible()

    # While a cell is busy, each change of the user's reaches its handler, and what that does the page.
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(shown.get_by_text("alpha is 1", exact=True)).to_be_visible()
    shown.locator("select").select_option(label="green <b>")
    expect(shown.get_by_text("colour is green <b>", exact=True)).to_be_visible()
    shown.locator("input[type=text]").fill("Ada")
    expect(shown.get_by_text("name is Ada", exact=True)).to_be_visible()
    shown.locator("input[type=checkbox]").check()
    expect(shown.get_by_text("sure is true", exact=True)).to_be_visible()
    shown.get_by_role("button", name="Go").click()
    area = shown.locator(".jp-OutputArea")
    expect(area).to_have_text("clicked with 1 green <b> Ada true\n")
    expect(readout).to_have_text("9")
    expect(shown.locator("input[type=text]")).to_have_value("by Go")
    expect(shown.locator("select")).to_have_value("red")
    shown.get_by_role("button", name="clicks: 0").click()
    expect(shown.get_by_role("button", name="clicks: 10")).to_be_visible()
    busy(page)
    b.shot("controls")
    b.command("notebook:interrupt-kernel")
    b.finished(1)

    # The page is loaded again: the state is the kernel's, and the controls go on.
    b.command("docmanager:save")
    page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    page.reload()
    expect(readout).to_have_text("9", timeout=60_000)
    expect(area).to_have_text("clicked with 1 green <b> Ada true\n")
    shown.get_by_role("button", name="Again").click()
    expect(area).to_contain_text("clicked with 9 red by Go true")
    expect(shown.get_by_role("button", name="clicks: 10")).to_be_visible()
    no_errors(page)
