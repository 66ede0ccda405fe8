"""Mobula's widgets and cluster panel in JupyterLab: live while a cell is busy, after a reload, in a notebook that is not trusted."""

import json
import re

import pytest
from playwright.sync_api import expect

behind_a_hub = pytest.mark.parametrize("lab", ["/user/alice/"], ids=["hub"], indirect=True)

SLOW_TASKS = """refs := mobula.TryMap(make([]int, 300), func(ctx context.Context, _ int) (int, error) {
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(100 * time.Millisecond):
		return 1, nil
	}
})
done, _, _ := mobula.Wait(context.Background(), refs, len(refs))
len(done)"""

FLOOD = """c := widgets.NewChart(widgets.Chart{Title: "loss <img src=x onerror=window.hacked=1>", X: widgets.Axis{Label: "step"}, Y: widgets.Axis{Label: "loss", Log: true}})
for i := range 1500 {
	c.Add("train", float64(i), 1/float64(i+1))
	c.Add("test <b>", float64(i), 2/float64(i+1))
	time.Sleep(2 * time.Millisecond)
}
c.Done()"""


def no_errors(page):
    bad = [s for s in page.said if s.startswith(("error", "page error")) and "favicon" not in s]
    assert not bad, bad


def test_progress_is_live_and_cancels(book):
    b = book("progress.ipynb", ["%cluster start --cpus 2", SLOW_TASKS])
    b.run_all()
    progress = b.page.locator(".mob-progress")
    expect(progress).to_have_attribute("data-state", "running", timeout=60_000)
    meter = progress.locator("progress")
    first = meter.evaluate("e => e.value")
    b.page.wait_for_function("n => document.querySelector('.mob-progress progress').value > n + 4", arg=first)
    expect(b.cell(1).locator(".jp-InputPrompt")).to_have_text("[*]:")
    expect(progress.locator(".mob-figures")).to_have_text(re.compile(r"\d+/300, .*/s, .* left"))
    b.shot("progress-running")
    progress.get_by_role("button", name="Cancel").click()
    expect(progress).to_have_attribute("data-state", "cancelled")
    b.finished(1)
    expect(progress.locator(".mob-figures")).to_contain_text("cancelled")
    expect(progress.get_by_role("button", name="Cancel")).to_be_hidden()
    b.shot("progress-canceled")
    no_errors(b.page)


@behind_a_hub
def test_a_flood_of_updates(book):
    """500 points a second of each of two lines: few redraws, and the page stays usable."""
    b = book("flood.ipynb", [FLOOD])
    b.page.evaluate("""() => { window.lag = 0; let last = performance.now();
        setInterval(() => { const now = performance.now(); window.lag = Math.max(window.lag, now - last - 50); last = now; }, 50); }""")
    b.run_all()
    chart = b.page.locator(".mob-chart")
    expect(chart.locator("canvas")).to_be_visible(timeout=60_000)
    b.page.evaluate("window.lag = 0")  # what follows is drawing alone: uPlot is loaded
    before = int(chart.get_attribute("data-draws"))
    start = b.page.evaluate("performance.now()")
    b.finished(0)
    spent = (b.page.evaluate("performance.now()") - start) / 1000
    draws = int(chart.get_attribute("data-draws")) - before
    assert draws <= 10 * spent + 2, (draws, spent)
    assert b.page.evaluate("window.lag") < 300
    expect(chart.locator("figcaption")).to_have_text("loss <img src=x onerror=window.hacked=1>")
    expect(chart.locator("details td").nth(1)).to_have_text("1500")
    assert b.page.evaluate("window.hacked") is None
    b.shot("chart")
    b.page.evaluate("window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
    b.page.wait_for_function("document.body.dataset.jpThemeLight === 'false'")
    expect(b.page.locator("#jupyterlab-splash")).to_have_count(0)
    b.shot("chart-dark")
    b.page.evaluate("window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Light'})")
    no_errors(b.page)


@behind_a_hub
def test_a_saved_notebook_shows_the_last_state(book, lab, page):
    cells = [
        'c := widgets.NewChart(widgets.Chart{Title: "waves"})\nfor i := range 50 { c.Add("sine", float64(i), math.Sin(float64(i)/6)) }\nc.Done()',
        'widgets.Table{Title: "rays", Columns: []widgets.Column{{Name: "name"}, {Name: "span", Numeric: true}}, Rows: [][]string{{"manta", "7"}, {"mobula", "5.2"}, {"eagle", "30"}}}',
    ]
    b = book("saved.ipynb", cells)
    b.run_all()
    b.finished(1)
    expect(page.locator(".mob-chart figcaption")).to_have_text("waves")
    b.page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    path = lab.work / "saved.ipynb"
    b.page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    saved = json.loads(path.read_text())
    html = "".join(saved["cells"][0]["outputs"][0]["data"]["text/html"])
    assert "data:image/svg+xml" in html and "<svg" not in html
    saved["cells"][0]["outputs"][0]["metadata"]["touched"] = True  # the signature does not match any more
    path.write_text(json.dumps(saved))
    page.goto("about:blank")
    from conftest import Book

    again = Book(page, lab, "saved.ipynb")
    expect(page.locator(".mob-chart canvas")).to_be_visible()
    table = page.locator(".mob-table")
    table.get_by_role("button", name="span").click()
    expect(table.locator("tbody tr td:first-child").first).to_have_text("mobula")
    table.get_by_role("button", name="span").click()
    expect(table.locator("tbody tr td:first-child").first).to_have_text("eagle")
    again.shot("saved-untrusted")
    no_errors(page)


@behind_a_hub
def test_the_cluster_panel(book):
    b = book("panel.ipynb", ["1"])
    b.command("mobula:show-cluster")
    panel = b.page.locator("#mobula-cluster")
    expect(panel).to_contain_text("No cluster yet")
    panel.get_by_role("button", name="Connect").click()
    expect(panel).to_contain_text("cluster of this notebook, 1 node", timeout=60_000)
    panel.get_by_role("button", name="Add a node").click()
    expect(panel).to_contain_text("2 nodes", timeout=60_000)
    b.shot("panel")
    panel.get_by_role("button", name="Remove a node").click()
    expect(panel).to_contain_text("1 node", timeout=60_000)
    panel.get_by_role("button", name="Stop").click()
    expect(panel).to_contain_text("No cluster yet")
    no_errors(b.page)
