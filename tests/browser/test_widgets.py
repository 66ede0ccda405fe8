"""Widgets and the cluster panel in a real JupyterLab, and in Notebook 7. The pictures are in shots/ for a person to look at."""

import json
import re

import nbformat
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import expect

import kit
from conftest import AT_HUB, AT_ROOT, SHOTS, TOKEN
from test_views import EVIL, GOLDEN, kind

PROGRESS = "application/vnd.mobula.progress.v1+json"

SLOW_TASKS = """refs := mobula.TryMap(make([]int, 600), func(ctx context.Context, _ int) (int, error) {
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(100 * time.Millisecond):
		return 1, nil
	}
})
done, _, _ := mobula.Wait(context.Background(), refs, len(refs))
len(done)"""

# 500 updates a second, for three seconds.
LIVE = """chart := widgets.NewChart(widgets.Chart{Title: "<b>loss</b>", X: widgets.Axis{Label: "step"}, Y: widgets.Axis{Label: "loss"}})
bar := widgets.NewProgress(widgets.Progress{Title: "steps", Counts: widgets.Counts{Total: 1500}})
for i := range 1500 {
	chart.Add("train", float64(i), math.Exp(-float64(i)/400))
	chart.Add("valid", float64(i), math.Exp(-float64(i)/500)+0.1)
	bar.Add(1)
	time.Sleep(2 * time.Millisecond)
}
chart.Done()
bar.Done()"""
TABLE = 'display.Show(widgets.TableOf([]struct{ Name, Span string }{{"manta", "<i>7</i>"}}))'

WATCH = """() => {
    window.lag = 0; window.drawn = [];
    let tick = performance.now();
    setInterval(() => { const now = performance.now(); window.lag = Math.max(window.lag, now - tick - 20); tick = now; }, 20);
    setInterval(() => { drawn.push([performance.now(), ...[...document.querySelectorAll('.mobula-widget')].map((w) => Number(w.dataset.redraws || 0))]); }, 500);
}"""


def busy(page):
    """Waits until the page takes the kernel for busy: what it answers beside a cell makes it look idle for a moment."""
    page.wait_for_function("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'busy'", timeout=10_000)


def no_errors(page):
    """The console has no errors of ours, and no uncaught ones."""
    bad = [t for t in page.said if t.startswith(("error", "page error")) or "mobula-lab" in t]
    # What JupyterLab itself says: of files that it looks for and that need not be there.
    assert [t for t in bad if "Failed to load resource" not in t] == []


def saved(b):
    b.command("docmanager:save")
    b.page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    return json.loads((b.lab.work / b.name).read_text())


@AT_HUB
def test_live_in_a_busy_cell(book, lab, page):
    b = book("widgets.ipynb", [LIVE, TABLE])
    page.evaluate(WATCH)
    b.run_all()
    words = b.cell(0).locator(".mobula-bar-words")
    expect(words).to_contain_text("/1500,", timeout=kit.PATIENCE * 1000)
    busy(page)
    expect(b.cell(0).locator("canvas")).to_be_visible()
    first = words.text_content()
    expect(words).not_to_have_text(first)
    busy(page)
    page.evaluate("() => { window.lag = 0; }")  # what follows is drawing alone: all is loaded
    expect(words).to_contain_text("left")
    expect(words).to_contain_text("1500/1500, done in", timeout=60_000)
    expect(b.cell(0).locator("figcaption").first).to_have_text("<b>loss</b>: loss by step, done")
    rates = page.evaluate("() => drawn.slice(1).map((now, i) => Math.max(...now.slice(1).map((n, j) => (n - (drawn[i][j + 1] || n)) / (now[0] - drawn[i][0]) * 1000)))")
    assert 2 < max(rates) <= 11, rates
    assert page.evaluate("() => lag") < 300 * kit.SLOW
    expect(b.cell(1).locator("td")).to_have_text(["manta", "<i>7</i>"])
    b.finished(1)
    b.shot("widgets-live")

    # Saved and opened anew, the last state is there; then the theme changes.
    book_file = saved(b)
    page.reload()
    expect(words).to_contain_text("1500/1500, done in", timeout=60_000)
    expect(b.cell(0).locator("canvas")).to_be_visible()
    b.ready()
    before = page.evaluate("() => document.querySelector('.mobula-chart canvas').toDataURL()")
    page.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', { theme: 'JupyterLab Dark' })")
    page.wait_for_function("before => document.querySelector('.mobula-chart canvas').toDataURL() !== before", arg=before)
    expect(page.locator("#jupyterlab-splash")).to_have_count(0)
    b.shot("widgets-dark")
    page.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', { theme: 'JupyterLab Light' })")
    no_errors(page)

    # What others see who have not the extension: nbconvert takes the HTML.
    body, _ = HTMLExporter().from_notebook_node(nbformat.reads(json.dumps(book_file), 4))
    assert "&lt;b&gt;loss&lt;/b&gt;: loss by step, done" in body and "1500/1500, done in" in body and 'src="data:image/svg+xml;base64,' in body


def foreign(lab, name, bundles):
    """A notebook from elsewhere: not trusted, with a kernel that is not here."""
    lab.notebook(name, [""] * len(bundles))
    path = lab.work / name
    content = json.loads(path.read_text())
    content["metadata"]["kernelspec"] = {"name": "not-here", "display_name": "not here"}
    for cell, bundle in zip(content["cells"], bundles):
        cell["outputs"] = [{"output_type": "display_data", "metadata": {}, "data": bundle}]
    path.write_text(json.dumps(content))


def without_kernel(page):
    """Answers the question for a kernel."""
    dialog = page.locator(".jp-Dialog")
    dialog.locator("select").first.select_option(label="No Kernel")
    dialog.locator("button.jp-mod-accept").click()
    dialog.wait_for(state="detached")


@AT_ROOT
def test_a_notebook_from_elsewhere(page, lab):
    """Not trusted, without a kernel: the widgets show their last state; without the extension, the sanitised HTML does."""
    names = ["cluster", "progress", "chart", "timeline", "table", "actors", "objects"]
    plain = [{k: v for k, v in GOLDEN[n].items() if k.startswith("text/")} for n in names]
    foreign(lab, "foreign.ipynb", [GOLDEN[n] for n in names] + plain)
    page.goto(f"{lab.url}lab/workspaces/auto-foreign/tree/foreign.ipynb?token={TOKEN}")
    without_kernel(page)
    outputs = page.locator(".jp-Notebook .jp-CodeCell")
    expect(outputs).to_have_count(2 * len(names))
    for i, name in enumerate(names):
        outputs.nth(i).scroll_into_view_if_needed()
        expect(outputs.nth(i).locator(f".mobula-widget[data-kind={kind(name)}] figure")).to_be_visible()
    outputs.nth(1).scroll_into_view_if_needed()
    expect(outputs.nth(1).get_by_text("run the cell to reconnect")).to_be_visible()
    expect(outputs.nth(1).get_by_role("button", name="Cancel")).to_be_disabled()
    page.screenshot(path=SHOTS / "widgets-elsewhere.png")
    for i, name in enumerate(names, len(names)):
        output = outputs.nth(i)
        output.scroll_into_view_if_needed()
        html = output.locator(".jp-RenderedHTML")
        expect(html).to_be_visible()
        assert output.locator("script, iframe, svg, [onerror]").count() == 0
        assert html.locator("progress").count() == (3 if name == "progress" else 0), html.inner_html()
        for picture in html.locator("img").all():
            assert picture.evaluate("i => i.decode().then(() => i.naturalWidth)") == 640
            assert len(picture.get_attribute("alt")) > 20
        if name in ("chart", "timeline"):
            assert html.locator("img").count() == 1 and html.locator("details table").count() == 1
            page.screenshot(path=SHOTS / f"html-{name}.png")
    assert EVIL in outputs.nth(2 * len(names) - 1).text_content() and page.title() != "hacked"
    no_errors(page)


# From the second click on, the answer to the button of the dashboard is an error; all else is the kernel's.
NO_DASHBOARD = """error => {
    let clicks = 0;
    const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
    const make = kernel.createComm.bind(kernel);
    kernel.createComm = (...args) => {
        const comm = make(...args);
        const send = comm.send.bind(comm);
        comm.send = (m, ...rest) => (m.op === 'dashboard' && ++clicks > 1 ? setTimeout(() => comm.onMsg({ content: { data: { seq: m.seq, error } } })) : send(m, ...rest));
        return comm;
    };
}"""


@AT_ROOT
def test_the_panel_and_the_dashboard(book, page):
    b = book("panel.ipynb", ["1"])
    page.evaluate(NO_DASHBOARD, "this cluster has no <b>dashboard</b>")
    b.command("mobula:show-cluster")
    panel = page.locator("#mobula-cluster")
    status = panel.locator("p[role=status]")
    expect(status).to_contain_text("No cluster yet")
    expect(panel).to_contain_text("panel.ipynb")
    panel.get_by_role("button", name="Connect").click()
    expect(status).to_have_text("Connected.", timeout=60_000)
    expect(panel.locator("summary")).to_have_text("1 node")
    expect(panel.locator("dt", has_text="version")).to_be_visible()
    panel.get_by_role("spinbutton").fill("2")
    panel.get_by_role("button", name="Scale").click()
    expect(panel.locator("summary")).to_contain_text("2 nodes", timeout=60_000)
    expect(status).to_have_text("Connected.")
    b.shot("panel")
    button = panel.get_by_role("button", name="Dashboard")
    button.click()
    expect(page.frame_locator(".mobula-dashboard iframe").locator("h1")).to_have_text("Overview")
    assert "code" not in page.locator(".mobula-dashboard a").get_attribute("href")
    b.shot("dashboard")
    page.locator("#jp-main-dock-panel .lm-TabBar-tab", has_text="Mobula dashboard").locator(".lm-TabBar-tabCloseIcon").click()
    expect(button).to_be_enabled()
    button.click()
    expect(panel.get_by_role("alert")).to_have_text("this cluster has no <b>dashboard</b>")
    expect(button).to_be_disabled()
    expect(button).to_have_attribute("title", "this cluster has no <b>dashboard</b>")
    panel.get_by_role("button", name="Stop").click()
    page.locator(".jp-Dialog button.jp-mod-accept").click()
    expect(status).to_contain_text("No cluster yet", timeout=60_000)
    no_errors(page)


@AT_ROOT
def test_progress_of_tasks_lives_past_a_reload_and_ends_with_its_kernel(book, page):
    b = book("progress.ipynb", ["%cluster start --cpus 2", SLOW_TASKS])
    b.run_all()
    progress = b.cell(1).locator(".mobula-progress")
    words = progress.locator(".mobula-bar-words").first
    expect(words).to_have_text(re.compile(r"\d+/600, .*/s, .* left"), timeout=60_000)
    busy(page)
    b.shot("progress-running")
    assert saved(b)["cells"][1]["outputs"][0]["data"][PROGRESS]["state"] == "running"
    page.reload()
    expect(words).to_be_visible(timeout=60_000)
    first = words.text_content()
    expect(words).not_to_have_text(first)
    expect(words).to_have_text(re.compile(r"\d+/600, .*/s, .* left"))
    progress.get_by_role("button", name="Cancel").click()
    expect(words).to_contain_text(", cancelled after")
    expect(progress.get_by_role("button", name="Cancel")).to_be_hidden()
    b.shot("progress-cancelled")
    b.ready()

    # The kernel is restarted while tasks run: the page does not hear what it says then.
    b.cell(1).locator(".cm-content").click()
    b.command("notebook:run-cell")
    expect(words).to_have_text(re.compile(r"\d+/600, .*/s, .* left"), timeout=60_000)
    b.command("kernelmenu:restart")
    page.locator(".jp-Dialog button.jp-mod-accept").click()
    expect(words).to_contain_text(", stopped after", timeout=60_000)
    b.ready()
    expect(words).to_contain_text(", stopped after")
    expect(progress.get_by_role("button", name="Cancel")).to_be_hidden()
    data = saved(b)["cells"][1]["outputs"][0]["data"]
    assert data[PROGRESS]["state"] == "stopped" and "stopped after" in str(data["text/html"]) and "stopped after" in str(data["text/plain"]), data
    b.shot("progress-stopped")
    no_errors(page)


@AT_HUB
def test_notebook_7(page, lab):
    lab.notebook("seven.ipynb", [LIVE])
    page.goto(f"{lab.url}notebooks/seven.ipynb?token={TOKEN}")
    page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=60_000)
    page.wait_for_function("() => window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'", timeout=kit.PATIENCE * 1000)
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    words = page.locator(".mobula-bar-words")
    expect(words).to_contain_text("/1500,", timeout=60_000)
    busy(page)
    expect(words).to_contain_text("1500/1500, done in", timeout=60_000)
    expect(page.locator(".mobula-chart canvas")).to_be_visible()
    page.screenshot(path=SHOTS / "notebook-7.png")
    page.said = [t for t in page.said if "mobula-lab" in t]  # Notebook has errors of its own
    no_errors(page)
