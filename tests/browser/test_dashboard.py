"""The head's dashboard with a running cluster: at / by a user's token, and in JupyterLab through jupyter-server-proxy behind a prefix."""

import json
import os
import re
import subprocess
import tempfile

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

import kit
from conftest import AT_HUB, SHOTS

EVIL = "<img src=x onerror=document.title='hacked'>"
PAGES = ["Overview", "Nodes", "Jobs", "Tasks", "Actors", "Objects", "Logs", "Metrics"]
# What each page must show besides its heading, so that an empty one fails.
SHOWS = {
    "Overview": "Recent failures", "Nodes": "bay", "Jobs": "running", "Tasks": "score", "Actors": "tally", "Objects": "KiB", "Logs": "runs", "Metrics": "CPUs",
}
WORK = [
    'import "errors"',
    """scores := mobula.Map([]int{1, 2, 3, 4, 5, 6}, func(n int) int {
	fmt.Println("scored", n)
	return n * n
}, mobula.Name("score"))
mobula.Values(scores)""",
    f"""broken := mobula.Try(func(context.Context) (int, error) {{ return 0, errors.New(`{EVIL}`) }}, mobula.Name(`{EVIL}`))
_, why := broken.Get(context.Background())
why != nil""",
    """type Tally struct{ N int }
tally := mobula.NewActor(func() *Tally { return &Tally{} }, mobula.Name("tally"))
mobula.Call(tally, func(t *Tally) int { t.N++; return t.N }).Value()""",
    "kept := mobula.Put(make([]float64, 100_000))",
]


class Cluster:
    """A head with a node on this machine, as  mobula start --head  makes it."""

    def __init__(self, work):
        self.base = tempfile.TemporaryDirectory(prefix="mb")  # paths of sockets are short
        self.env = dict(os.environ, XDG_RUNTIME_DIR=self.base.name, XDG_STATE_HOME=self.base.name, MOBULA_ADDRESS="", MOBULA_TOKEN="")
        self.log = work / "head.log"
        self.process = subprocess.Popen(
            [kit.BINARY, "start", "--head", "--host", "127.0.0.1", "--port", "0", "--dashboard", "127.0.0.1:0", "--node-name", "bay", "--num-cpus", "2", "--log-level", "debug"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log.open("w"), text=True, env=self.env,
        )
        says = ""
        while "End it with" not in says:
            line = self.process.stdout.readline()
            assert line, self.log.read_text()
            says += line
        self.address = re.search(r"Dashboard +(\S+)", says)[1]
        self.socket = re.search(r"MOBULA_ADDRESS=(\S+)", says)[1]
        self.token = next((kit.pathlib.Path(self.base.name) / "mobula" / "head").glob("user-token")).read_text().strip()

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
        self.base.cleanup()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    yield cluster
    cluster.stop()


def to(page, name):
    """Goes to a page by its link, and waits for what it shows."""
    page.get_by_role("navigation", name="Pages").get_by_role("link", name=name).click()
    expect(page.locator("h1")).to_have_text(name)
    expect(page.locator("main")).to_contain_text(SHOWS[name])
    expect(page.locator("main")).not_to_contain_text("Loading")


def faults(page, *rules):
    """What axe-core finds, in words. With rules it looks for breaches of these alone."""
    only = {"type": "rule", "values": list(rules)} if rules else ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = Axe().run(page, options={"runOnly": only, "resultTypes": ["violations"]}).response["violations"]
    return [f"{v['id']}: {v['help']}: {[n['html'][:200] for n in v['nodes'][:3]]}" for v in found]


def shot(page, name):
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SHOTS / f"dashboard-{name}.png")


def quiet(page):
    """Whether the page has said nothing that is wrong, and nothing of what users named has run."""
    wrong = [m for m in page.said if not m.startswith(("log:", "info:", "debug:"))]
    return wrong == [] and "hacked" not in page.title(), wrong


def test_pages(cluster, page, jupyter_path):
    kernel = kit.Kernel(jupyter_path)
    try:
        kernel.run(f"%cluster connect {cluster.socket}", timeout=kit.PATIENCE).ok()
        for cell in WORK:
            kernel.run(cell, timeout=kit.PATIENCE).ok()
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(cluster.address)
        assert faults(page) == []
        page.get_by_label("User token").fill(cluster.token)
        shot(page, "sign-in")
        page.said.clear()  # that nobody was signed in is an error to the console
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        assert page.url == cluster.address
        for name in PAGES:
            to(page, name)
            if name == "Metrics":
                expect(page.locator("canvas").first).to_be_visible()
            found = {}
            for scheme, rules in (("light", ()), ("dark", ("color-contrast",))):
                page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                found[scheme] = faults(page, *rules)
                shot(page, f"{name.lower()}-{scheme}")
            assert found == {"light": [], "dark": []}, name
        # One task, by its table: its attempts, its error as text, and what it wrote.
        to(page, "Tasks")
        expect(page.get_by_role("status").filter(has_text="8 tasks")).to_be_visible()
        page.get_by_label("State").select_option("failed")
        page.get_by_role("region", name="Tasks").get_by_role("link").first.click()
        expect(page.locator("h1")).to_contain_text(EVIL)
        expect(page.locator("pre.error")).to_contain_text(EVIL)
        expect(page.get_by_role("region", name="Attempts")).to_be_visible()
        assert faults(page) == []
        shot(page, "task")
        # What happens is shown without anybody asking.
        to(page, "Tasks")
        more = kernel.send('mobula.Values(mobula.Map([]int{1, 2, 3}, func(n int) int { return n }, mobula.Name("later")))')
        expect(page.get_by_role("status").filter(has_text="11 tasks")).to_be_visible()
        expect(page.locator("main")).to_contain_text("later")
        kernel.outcome(more).ok()
        assert quiet(page) == (True, [])
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("User token")).to_be_visible()
    finally:
        kernel.close()


@AT_HUB
def test_in_jupyterlab_behind_a_prefix(cluster, book, page, lab):
    b = book("dashboard.ipynb", [f"%cluster connect {cluster.socket}", *WORK])
    b.run_all()
    b.finished(len(WORK))
    b.command("mobula:show-cluster")
    page.locator("#mobula-cluster").get_by_role("button", name="Dashboard").click()
    inside = page.frame_locator(".mobula-dashboard iframe")
    expect(inside.get_by_text("Live", exact=True)).to_be_visible()
    expect(inside.locator("h1")).to_have_text("Overview")
    port = cluster.address.rstrip("/").rsplit(":", 1)[1]
    frame = next(f for f in page.frames if "/proxy/" in f.url)
    assert frame.url.split("#")[0] == f"{lab.url}proxy/{port}/", "the code leaves the address"
    b.shot("dashboard-in-lab")
    page.evaluate("() => [...window.jupyterapp.shell.widgets('main')].find((w) => w.context?.path === 'dashboard.ipynb').context.save()")
    page.said.clear()
    page.goto(f"{lab.url}proxy/{port}/")
    for name in PAGES:
        to(page, name)
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    assert quiet(page) == (True, [])
    # The head ends: the page says so, and keeps what it shows.
    saved = (lab.work / "dashboard.ipynb").read_text()
    card = "".join(json.loads(saved)["cells"][0]["outputs"][0]["data"]["text/plain"])
    assert f"Dashboard: http://127.0.0.1:{port}/" in card or f"Dashboard: {lab.base}proxy/{port}/" in card
    for where, text in (("the notebook", saved), ("the server's log", lab.log.read_text()), ("the head's log", cluster.log.read_text())):
        assert cluster.token not in text and "mobula-join-" not in text, where
        assert not re.search(r"code=(?!\[secret\])", text), f"a code is in {where}"
    to(page, "Nodes")
    cluster.process.kill()
    expect(page.get_by_text("Connection lost: what is shown is old")).to_be_visible()
    expect(page.locator("main")).to_contain_text("bay")
    shot(page, "lost")
