"""The JupyterLab extension without JupyterLab: its modules in a bare page, drawing the golden files of package widgets."""

import json
import mimetypes
import re

import pytest
from playwright.sync_api import expect

import kit
from conftest import SHOTS

WIDGETS = kit.ROOT / "widgets"
GOLDEN = {p.stem: json.loads(p.read_text()) for p in sorted((WIDGETS / "testdata").glob("*.json"))}
SITE = "http://views.test/"
PAGE = """<!doctype html><meta charset=utf-8><title>views</title><style>:root { color-scheme: light dark } body { background: Canvas }</style>
<link rel=icon href=data:,><link rel=stylesheet href=/labextension/static/style.css><body><div id=place class=mobula-widget></div>"""
EVIL = """<img src=x onerror="document.title='hacked'"><script>document.title='hacked'</script>&'\""""


def kind(name):
    return name.split("-")[0]


def data(name):
    return GOLDEN[name][f"application/vnd.mobula.{kind(name)}.v1+json"]


@pytest.fixture(scope="module")
def site(browser):
    """A page that can import the modules, and what it says."""
    said = []
    context = browser.new_context(viewport={"width": 1100, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(15_000)
    page.on("console", lambda m: said.append(f"{m.type}: {m.text}"))
    page.on("pageerror", lambda e: said.append(f"page error: {e}"))

    def answer(route):
        path = route.request.url.removeprefix(SITE).split("?")[0]
        if path == "":
            route.fulfill(body=PAGE, content_type="text/html")
        elif (WIDGETS / path).is_file():
            route.fulfill(path=WIDGETS / path, content_type=mimetypes.guess_type(path)[0] or "text/plain")
        else:
            route.fulfill(status=404)

    page.route(SITE + "**", answer)
    yield page, said
    context.close()


@pytest.fixture
def bare(site):
    """The page, loaded anew; the test fails where it says anything."""
    page, said = site
    said.clear()
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.goto(SITE)
    yield page
    assert not said
    assert page.title() == "views"


# A kernel connection as JupyterLab has it, whose other end is the test's function answer(message, comm); comms are kept in window.comms.
KERNEL = """() => {
window.comms = [];
window.makeKernel = (answer, language = 'go') => {
  const listeners = new Set();
  return {
    isDisposed: false, spec: Promise.resolve({ language }),
    statusChanged: { connect: (f) => listeners.add(f), disconnect: (f) => listeners.delete(f) },
    status(s) { listeners.forEach((f) => f(this, s)); },
    createComm(target) {
      const comm = { target, sent: [], closed: false, isDisposed: false, open() {}, close() { this.closed = true; }, dispose() { this.isDisposed = true; },
        send(m) { this.sent.push(m); setTimeout(() => answer(m, comm), 0); },
        say(m) { if (this.onMsg) this.onMsg({ content: { data: m } }); } };
      comms.push(comm);
      return comm;
    },
  };
};
window.answering = (m, comm) => { if (m.seq) comm.say({ seq: m.seq, ok: true }); };
}"""


def draw(page, name, kernel="null"):
    """Draws a golden file; the view is then window.view."""
    page.evaluate(
        """async ([kind, data, kernel]) => {
            const { loadView, hostOf } = await import('/labextension/static/mime.js');
            const { setFinder } = await import('/labextension/static/control.js');
            window.kernel = eval(kernel);
            setFinder(() => window.kernel);
            const place = document.getElementById('place');
            window.view = (await loadView(kind))(hostOf(place));
            place.replaceChildren(view.node);
            view.update(data);
            if (view.attached) view.attached();
            if (view.ready) await view.ready();
        }""",
        [kind(name), data(name), kernel],
    )


def update(page, name=None, **changes):
    page.evaluate("d => view.update(d)", {**data(name or "progress"), **changes})


def texts(value):
    """All texts in data."""
    if isinstance(value, dict):
        return [t for v in value.values() for t in texts(v)]
    if isinstance(value, list):
        return [t for v in value for t in texts(v)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("name", GOLDEN)
def test_golden(bare, name, request):
    draw(bare, name)
    for part in bare.locator("details").all():
        part.evaluate("d => d.open = true")
    place = bare.locator("#place")
    assert place.locator("img, script, iframe, style").count() == 0
    shown = place.evaluate("p => p.textContent + [...p.querySelectorAll('[aria-label]')].map((e) => e.getAttribute('aria-label')).join(' ')")
    if EVIL in texts(data(name)):
        assert EVIL in shown
    # Each control and picture has a name.
    assert place.evaluate("p => [...p.querySelectorAll('button, [role=img], [role=meter], [role=progressbar], [role=region]')].filter((e) => e.checkVisibility() && !e.textContent.trim() && !e.getAttribute('aria-label')).map((e) => e.outerHTML)") == []
    if "chart" in name and data(name)["series"]:
        expect(place.locator("canvas")).to_be_visible()
        assert place.locator("canvas").evaluate("c => { const empty = document.createElement('canvas'); empty.width = c.width; empty.height = c.height; return c.toDataURL() !== empty.toDataURL(); }")
    # A second update changes what is there in place.
    bare.evaluate("() => { window.first = [...document.querySelectorAll('#place *')].length; window.node = document.querySelector('#place figure'); }")
    bare.evaluate("d => view.update(d)", data(name))
    assert bare.evaluate("() => node.isConnected && document.querySelectorAll('#place *').length === first")


def test_numbers_are_those_of_the_plain_text(bare):
    for name, node in [("progress", ".mobula-bar-words"), ("progress-done", ".mobula-bar-words"), ("progress-unknown", ".mobula-bar-words")]:
        draw(bare, name)
        says = bare.locator(node).first.text_content()
        assert says.split(", last update")[0] in GOLDEN[name]["text/plain"], (says, GOLDEN[name]["text/plain"])
    draw(bare, "cluster")
    for words in bare.locator(".mobula-meter-words").all_text_contents():
        assert words in GOLDEN["cluster"]["text/plain"]
    draw(bare, "timeline")
    assert bare.locator("figcaption").text_content() in GOLDEN["timeline"]["text/plain"]


def test_a_table_is_sorted_and_searched_by_keyboard(bare):
    draw(bare, "table")
    rows = [[f"ray {i}", str((i * 7) % 30 - 5), "x"] for i in range(300)]
    update(bare, "table", rows=rows, columns=[{"name": "name"}, {"name": "n", "numeric": True}, {"name": "c"}])
    column = "() => [...document.querySelectorAll('#place tbody tr')].slice(0, 4).map((r) => r.children[%d].textContent)"
    bare.get_by_role("button", name="n", exact=True).focus()
    bare.keyboard.press("Enter")
    assert bare.evaluate(column % 1) == ["-5", "-5", "-5", "-5"]
    expect(bare.locator("th").nth(1)).to_have_attribute("aria-sort", "ascending")
    bare.keyboard.press("Space")
    assert bare.evaluate(column % 1) == ["24", "24", "24", "24"]
    bare.keyboard.press("Enter")
    assert bare.evaluate(column % 0) == ["ray 0", "ray 1", "ray 2", "ray 3"]
    bare.get_by_role("button", name="name", exact=True).click()
    bare.get_by_role("button", name="name", exact=True).click()
    assert bare.evaluate(column % 0)[0] == "ray 299"
    expect(bare.locator("tbody tr")).to_have_count(200)
    bare.get_by_role("button", name="Show all 300 rows").click()
    expect(bare.locator("tbody tr")).to_have_count(300)
    bare.get_by_role("searchbox").fill("RAY 29")
    expect(bare.locator("tbody tr")).to_have_count(11)
    expect(bare.locator(".mobula-grid .mobula-quiet").first).to_have_text("11 rows of 300")
    # An update keeps what the reader has chosen, and the focus.
    update(bare, "table", rows=rows[:295], columns=[{"name": "name"}, {"name": "n", "numeric": True}, {"name": "c"}])
    expect(bare.locator("tbody tr")).to_have_count(6)
    expect(bare.get_by_role("searchbox")).to_be_focused()


def test_what_goes_on_is_stopped_as_the_kernel_does_it(bare):
    for name in ("progress", "chart"):
        got = bare.evaluate("async (bundle) => (await import('/labextension/static/stopped.js')).stopped(bundle, '2026-11-27T21:00:05Z')", GOLDEN[name])
        want = GOLDEN[f"{name}-stopped"]
        mime = f"application/vnd.mobula.{name}.v1+json"
        assert got[mime] == want[mime]
        assert ("stopped after 5s" if name == "progress" else ", stopped") in got["text/plain"]
        for text in (got["text/plain"], got["text/html"]):
            assert "stopped" in text and "running" not in text and "s left" not in text
        assert "<img src=x" not in got["text/html"]
        assert bare.evaluate("async (bundle) => (await import('/labextension/static/stopped.js')).stopped(bundle, '')", want) is None


def test_csv(bare):
    got = bare.evaluate("async () => (await import('/labextension/static/format.js')).csv([['a', 'b'], ['x,\"y\"', '=1+1'], ['-5', '-cmd'], [null, 7]])")
    assert got == 'a,b\r\n"x,""y""",\'=1+1\r\n-5,\'-cmd\r\n,7\r\n'


def test_attributes_that_hold_code_are_refused(bare):
    for name in ["onclick", "href", "src", "innerHTML", "xlink:href", "srcdoc"]:
        assert bare.evaluate("async (name) => { const { h } = await import('/labextension/static/dom.js'); try { h('a', { [name]: 'x' }); return false; } catch (e) { return true; } }", name)


def test_at_most_ten_redraws_a_second(bare):
    """500 updates a second; the last one is drawn, and the page answers meanwhile."""
    got = bare.evaluate("""async () => {
        const { limited } = await import('/labextension/static/schedule.js');
        let n = 0, drawn = 0, last = -1, lag = 0;
        const ask = limited(() => { drawn++; last = n; });
        const begin = performance.now();
        let tick = begin;
        await new Promise((done) => {
            const timer = setInterval(() => {
                lag = Math.max(lag, performance.now() - tick);
                tick = performance.now();
                for (let i = 0; i < 5; i++) { n++; ask(); }
                if (performance.now() - begin > 1500) { clearInterval(timer); done(); }
            }, 10);
        });
        const spent = (performance.now() - begin) / 1000;
        await new Promise((done) => setTimeout(done, 400));
        return { rate: drawn / spent, asked: n, last, lag };
    }""")
    assert got["asked"] > 200 and got["last"] == got["asked"] and 2 <= got["rate"] <= 11 and got["lag"] < 300, got


def test_silence(bare):
    """Clocks of kernel and reader may differ by minutes: once an update has come, only the reader's counts."""
    got = bare.evaluate("""async () => {
        const { silence } = await import('/labextension/static/views/progress.js');
        let now = Date.parse('2026-11-27T21:00:00Z');
        const s = silence(() => now), said = [];
        const at = (seconds) => { now += seconds * 1000; said.push(s.says().replace(/update .*\\d{4}.*/, 'update at a time')); };
        s.note('2026-11-27T20:59:50Z'); at(0); // a state of ten seconds ago
        s.note('2026-11-27T20:50:00Z'); at(4); at(1); at(600); // its clock is behind
        s.note('2026-11-27T23:00:00Z'); at(0); at(6); // ahead
        const t = silence(() => now);
        t.note('2026-11-28T00:00:00Z');
        said.push(t.says());
        return said;
    }""")
    assert got == ["last update 10 s ago", "", "last update 5 s ago", "last update at a time", "", "last update 6 s ago", ""]


def test_the_bar_says_when_nothing_comes(bare):
    bare.evaluate("() => { window.real = Date.now; window.ahead = 0; Date.now = () => real() + ahead; }")
    draw(bare, "progress")
    update(bare, updated="2026-11-27T21:00:05Z")
    expect(bare.locator(".mobula-quiet").last).to_be_empty()
    bare.evaluate("() => { ahead = 42000; }")
    expect(bare.get_by_text(re.compile("last update 4[2-5] s ago"))).to_be_visible()
    update(bare, updated="2026-11-27T21:00:06Z")
    expect(bare.get_by_text("last update")).to_have_count(0)
    update(bare, state="done", updated="2026-11-27T21:00:07Z")
    bare.evaluate("() => { ahead = 99000; }")
    expect(bare.get_by_text("last update")).to_have_count(0)


def test_state_changes_are_announced_and_ticks_are_not(bare):
    draw(bare, "progress")
    said = bare.locator("#place > figure > [role=status]")
    update(bare, done=60)
    expect(said).to_be_empty()
    update(bare, done=98, running=0, queued=0, state="done", ended="2026-11-27T21:00:09Z")
    expect(said).to_have_text("cell 3 100/100, done in 9s, 2 failed, 3 retried")


def test_cancel(bare):
    bare.evaluate(KERNEL)
    draw(bare, "progress", "makeKernel((m, comm) => { if (m.op !== 'cancel') answering(m, comm); })")
    button = bare.get_by_role("button", name="Cancel")
    expect(button).to_be_enabled()
    button.focus()
    bare.keyboard.press("Enter")
    expect(button).to_have_text("Cancelling…")
    expect(button).to_be_focused()
    bare.keyboard.press("Enter")  # once will do
    sent = bare.evaluate("() => comms[0].sent.filter((m) => m.op === 'cancel')")
    assert [{**m, "seq": 0} for m in sent] == [{"op": "cancel", "id": "widget-1", "seq": 0}]
    bare.evaluate("seq => comms[0].say({ seq, error: 'there is <b>nothing</b> to cancel' })", sent[0]["seq"])
    expect(bare.get_by_role("alert")).to_have_text("Not cancelled: there is <b>nothing</b> to cancel")
    expect(button).to_have_text("Cancel")
    update(bare, state="cancelled", id=None)
    expect(button).to_be_hidden()
    assert bare.evaluate("() => comms.length === 1 && comms[0].closed")


@pytest.mark.parametrize("answer", ["() => {}", "(m, comm) => comm.onClose()"], ids=["silent", "closed"])
def test_no_answer(bare, answer):
    """The button is off within two seconds, and on again when a cell has run on a kernel that answers."""
    bare.evaluate(KERNEL)
    bare.evaluate(f"() => {{ window.answer = {answer}; }}")
    draw(bare, "progress", "makeKernel((m, comm) => answer(m, comm))")
    expect(bare.get_by_text("run the cell to reconnect")).to_be_visible(timeout=4000)
    expect(bare.get_by_role("button", name="Cancel")).to_be_disabled()
    bare.evaluate("() => { window.answer = answering; kernel.status('idle'); }")
    assert bare.evaluate("() => comms.length") == 1  # nothing has run
    bare.evaluate("() => { kernel.status('busy'); kernel.status('idle'); }")
    expect(bare.get_by_role("button", name="Cancel")).to_be_enabled()
    expect(bare.get_by_text("run the cell to reconnect")).to_have_count(0)
    bare.evaluate("() => kernel.status('restarting')")
    expect(bare.get_by_text("run the cell to reconnect")).to_be_visible()
    bare.evaluate("() => { kernel.status('starting'); kernel.status('idle'); }")
    expect(bare.get_by_role("button", name="Cancel")).to_be_enabled()


def test_no_kernel(bare):
    draw(bare, "progress")
    expect(bare.get_by_role("button", name="Cancel")).to_be_disabled()
    expect(bare.get_by_text("run the cell to reconnect")).to_be_visible()


PANEL = """async () => {
    const { createPanel } = await import('/labextension/static/panel.js');
    const { controlOf } = await import('/labextension/static/control.js');
    window.opened = [];
    window.agree = true;
    window.panel = createPanel({ confirmStop: async () => agree, openDashboard: async (v) => { opened.push(v); } });
    const place = document.getElementById('place');
    place.className = 'mobula-panel';
    place.replaceChildren(panel.node);
    window.say = (m) => comms[comms.length - 1].say(m);
    window.asked = (op) => comms[comms.length - 1].sent.filter((m) => m.op === op);
    window.show = (kernel) => panel.follow(kernel && controlOf(kernel), kernel ? 'a.ipynb' : '');
}"""


def test_panel(bare):
    bare.evaluate(KERNEL)
    bare.evaluate(PANEL)
    status = bare.locator("#place p[role=status]")
    expect(status).to_have_text("Open a Go notebook: its cluster is shown here.")
    expect(bare.get_by_role("button", name="Connect")).to_be_disabled()
    bare.evaluate("""() => { window.kernel = makeKernel((m, comm) => {
        if (m.op === 'hello') comm.say({ seq: m.seq, error: 'unknown op' });
        if (m.op === 'subscribe') comm.say({ topic: m.topic, state: null });
    }); show(kernel); }""")
    expect(status).to_contain_text("No cluster yet")
    bare.get_by_role("button", name="Connect").click()
    expect(status).to_have_text("Connecting…")
    expect(bare.get_by_role("button", name="Connect")).to_be_disabled()
    bare.evaluate("() => say({ seq: asked('connect')[0].seq, error: 'no room for a cluster' })")
    expect(bare.get_by_role("alert")).to_have_text("no room for a cluster")
    bare.get_by_role("button", name="Connect").click()
    bare.evaluate("() => say({ seq: asked('connect')[1].seq, ok: true })")
    bare.evaluate("state => say({ topic: 'cluster', state })", data("cluster"))
    expect(status).to_have_text("Connected.")
    expect(bare.get_by_role("alert")).to_be_empty()
    expect(bare.get_by_role("meter", name="CPU", exact=True)).to_have_attribute("aria-valuetext", "2.5 of 16 free")
    bare.get_by_role("button", name="Dashboard").click()
    bare.evaluate("() => say({ seq: asked('dashboard')[0].seq, ok: true, value: { url: 'proxy/8265/?code=1' } })")
    bare.wait_for_function("() => opened.length === 1")
    bare.get_by_role("button", name="Scale").click()
    expect(bare.get_by_role("alert")).to_contain_text("whole number")
    bare.get_by_role("spinbutton").fill("5")
    bare.get_by_role("button", name="Scale").click()
    assert bare.evaluate("() => asked('scale')[0].nodes") == 5
    bare.evaluate("() => say({ seq: asked('scale')[0].seq, ok: true })")
    bare.evaluate("() => { agree = false; }")
    bare.get_by_role("button", name="Leave").click()
    assert bare.evaluate("() => asked('stop').length") == 0
    bare.evaluate("() => { agree = true; }")
    bare.get_by_role("button", name="Leave").click()
    bare.evaluate("() => say({ seq: asked('stop')[0].seq, ok: true })")
    bare.evaluate("() => say({ topic: 'cluster', state: null })")
    expect(status).to_contain_text("No cluster yet")
    assert all(m["op"] in ("hello", "subscribe", "connect", "dashboard", "scale", "stop") for m in bare.evaluate("() => comms[0].sent"))
    bare.evaluate("() => kernel.status('restarting')")
    expect(status).to_have_text("The kernel does not answer: run the cell to reconnect.")
    bare.evaluate("() => { kernel.status('idle'); }")
    expect(status).to_contain_text("No cluster yet")
    bare.evaluate("() => show(null)")
    expect(status).to_have_text("Open a Go notebook: its cluster is shown here.")
    assert bare.evaluate("() => comms.every((c) => c.closed)")


def test_addresses_of_dashboards(bare):
    cases = [
        ({"url": "proxy/8265/?code=abc"}, "/user/alice/", SITE + "user/alice/proxy/8265/?code=abc"),
        ({"url": "https://cluster.example/x?code=1"}, "/", "https://cluster.example/x?code=1"),
        ({"url": "javascript:alert(1)"}, "/", None),
        ({"url": "data:text/html,x"}, "/", None),
        ({"url": "proxy/8265/../../../files/x.html"}, "/user/alice/", None),
        ({"url": "/files/x.html"}, "/", None),
        ({"url": 7}, "/", None),
        (None, "/", None),
    ]
    for value, base, want in cases:
        got = bare.evaluate(
            """async ([value, base]) => { const { address } = await import('/labextension/static/dashboard.js');
               try { return address(value, new URL(base, location.href).href).href; } catch (e) { return null; } }""",
            [value, base],
        )
        assert got == want, (value, got)


def test_a_dashboard_that_nothing_passes_on(bare):
    """A browser elsewhere hears what it needs; one on the server's machine goes there itself."""
    got = bare.evaluate("""async () => { const { directly } = await import('/labextension/static/dashboard.js');
        const to = (direct, host) => directly({ direct }, host)?.href ?? null;
        return [to('http://127.0.0.1:4000/?code=1', 'localhost'), to('http://127.0.0.1:4000/?code=1', 'lab.example'), to('http://evil.example/', 'localhost'), to(undefined, '127.0.0.1')]; }""")
    assert got == ["http://127.0.0.1:4000/?code=1", None, None, None]


def test_a_card_links_to_the_dashboard(bare):
    draw(bare, "cluster")
    expect(bare.get_by_role("link", name="http://127.0.0.1:8265/")).to_have_attribute("href", "http://127.0.0.1:8265/")
    expect(bare.locator("code")).to_have_text("ssh -L 8265:127.0.0.1:8265 alice@head")
    update(bare, "cluster", dashboard_url="/user/alice/proxy/8265/", tunnel="")
    expect(bare.get_by_role("link", name="/user/alice/proxy/8265/")).to_be_visible()
    expect(bare.locator("code")).to_be_hidden()
    for other in ["javascript:alert(1)", "//evil.example/", "https://127.0.0.1@evil.example/", "data:text/html,x", "", None]:
        update(bare, "cluster", dashboard_url=other)
        expect(bare.get_by_role("link")).to_have_count(0)


def test_a_chart_follows_the_theme_and_the_width(bare):
    draw(bare, "chart")
    canvas = bare.locator("canvas")
    expect(canvas).to_be_visible()
    pixels = "() => { const c = document.querySelector('canvas'); return [...c.toDataURL()].reduce((n, v) => (n * 31 + v.charCodeAt(0)) % 1000003, 7); }"
    before = bare.evaluate(pixels)
    bare.evaluate("() => { document.getElementById('place').style.setProperty('--jp-ui-font-color2', 'rgb(255, 0, 0)'); document.body.dataset.jpThemeName = 'other'; }")
    bare.wait_for_function(f"before => ({pixels})() !== before", arg=before)
    bare.evaluate("() => { document.getElementById('place').style.width = '420px'; }")
    bare.wait_for_function("() => document.querySelector('.uplot').clientWidth <= 420")
    first = bare.evaluate("() => { window.canvas = document.querySelector('canvas'); return true; }")
    update(bare, "chart", state="running", title="loss now")
    assert first and bare.evaluate("() => canvas === document.querySelector('canvas')")
    bare.get_by_role("button", name="valid").click()
    expect(bare.get_by_role("button", name="valid")).to_have_attribute("aria-pressed", "false")
    bare.get_by_role("button", name="Log y").click()
    expect(bare.get_by_role("button", name="Log y")).to_have_attribute("aria-pressed", "true")
    expect(bare.get_by_role("button", name="valid")).to_have_attribute("aria-pressed", "false")


def test_a_timeline_is_zoomed_by_keyboard(bare):
    draw(bare, "timeline")
    whole = bare.locator(".mobula-spans rect").count()
    assert whole == 40
    for _ in range(3):
        bare.get_by_role("button", name="Zoom in").press("Enter")
    assert 0 < bare.locator(".mobula-spans rect").count() < whole
    update(bare, "timeline")
    assert bare.locator(".mobula-spans rect").count() < whole
    bare.get_by_role("button", name="Whole").press("Space")
    expect(bare.locator(".mobula-spans rect")).to_have_count(whole)
    expect(bare.get_by_role("button", name="Whole")).to_be_disabled()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_looks(bare, scheme):
    """One picture of all kinds, for a person to look at."""
    bare.emulate_media(color_scheme=scheme)
    bare.evaluate(
        """async (all) => {
            const { loadView, hostOf } = await import('/labextension/static/mime.js');
            const place = document.getElementById('place');
            place.replaceChildren();
            for (const [kind, data] of all) {
                const view = (await loadView(kind))(hostOf(place));
                place.append(view.node, document.createElement('hr'));
                view.update(data);
                if (view.ready) await view.ready();
                for (const d of view.node.querySelectorAll('details')) if (kind !== 'chart') d.open = true;
            }
            await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
        }""",
        [[kind(n), data(n)] for n in ("cluster", "progress", "progress-failed", "chart", "timeline", "table", "actors", "objects")],
    )
    bare.screenshot(path=SHOTS / f"views-{scheme}.png", full_page=True)
