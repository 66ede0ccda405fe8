"""Controls of cells over comms, with a front end that speaks as ipywidgets does."""

import json
import os

import ipywidgets
import nbformat
import pytest
from nbclient import NotebookClient

import kit

VIEW = "application/vnd.jupyter.widget-view+json"
SLIDER = """s := controls.IntSlider(controls.Range{Max: 10}, "alpha")
l := controls.Label("none")
s.OnChange(func(v int) {
	fmt.Println("moved to", v)
	if v == 9 {
		panic("nine")
	}
	for v == 8 {
	}
	l.Set(fmt.Sprint("alpha is ", v))
})
controls.VBox(s, l)"""


def is_idle(message):
    return message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"


class Front:
    """A front end that has run cells and knows the models that were opened."""

    def __init__(self, kernel):
        self.kernel, self.models = kernel, {}

    def run(self, code):
        msg_id = self.kernel.send(code)
        got = self.kernel.outcome(msg_id, timeout=kit.PATIENCE).ok()
        for m in got.messages:
            if m["msg_type"] == "comm_open":
                state = m["content"]["data"]["state"]
                self.models[state["_model_name"]] = m["content"]["comm_id"]
                assert m["content"]["target_name"] == "jupyter.widget" and m["metadata"] == {"version": "2.1.0"}
        return msg_id, got

    def send(self, kind, comm, buffers=(), **content):
        message = self.kernel.client.session.msg(kind, {"comm_id": comm, **content})
        message["buffers"] = list(buffers)
        self.kernel.client.shell_channel.send(message)
        return message["header"]["msg_id"]

    def until_idle(self, msg_id):
        return self.kernel.iopub(msg_id, is_idle)

    def change(self, model, **state):
        """What a user does, and all that answers it."""
        data = {"method": "update", "state": state, "buffer_paths": []}
        return self.until_idle(self.send("comm_msg", self.models[model], data=data))

    def custom(self, model, content, buffers=()):
        return self.until_idle(self.send("comm_msg", self.models[model], buffers, data={"method": "custom", "content": content}))

    def open_comms(self):
        return self.kernel.request("shell", "comm_info_request").content["comms"]

    def states(self):
        """What a page that is loaded again is told."""
        self.send("comm_open", "reload", target_name="jupyter.widget.control", data={})
        asked = self.send("comm_msg", "reload", data={"method": "request_states"})
        (answer,) = [m for m in self.until_idle(asked) if m["msg_type"] == "comm_msg"]
        self.until_idle(self.send("comm_close", "reload", data={}))
        assert answer["content"]["data"]["method"] == "update_states"
        return answer


@pytest.fixture
def front(kernel):
    return Front(kernel)


def updates(messages, method="update"):
    return [m["content"]["data"]["state"] for m in messages if m["msg_type"] == "comm_msg" and m["content"]["data"]["method"] == method]


def test_a_handler_runs_while_a_cell_is_busy(front):
    cell, shown = front.run(SLIDER)
    (view,) = [c["data"] for c in shown.of("execute_result")]
    assert view[VIEW]["model_id"] == front.models["VBoxModel"] and view["text/plain"] == "alpha: 0 (0 to 10)\nnone"
    busy = front.kernel.send('fmt.Println("up")\nselect {}')
    front.kernel.seen(busy, "up")
    for v in range(1, 6):
        answers = front.change("IntSliderModel", value=v)
        assert updates(answers, "echo_update") == [{"value": v}]
        front.kernel.seen(cell, f"moved to {v}\n")
    front.kernel.interrupt()
    assert front.kernel.outcome(busy).content["status"] == "error"
    state = front.states()["content"]["data"]["states"]
    assert state[front.models["IntSliderModel"]]["state"]["value"] == 5
    assert state[front.models["LabelModel"]]["state"]["value"] == "alpha is 5"
    assert len(front.open_comms()) == 3


def test_a_handler_that_panics_is_reported_and_ends_nothing(front):
    cell, _ = front.run(SLIDER)
    front.change("IntSliderModel", value=9)
    (error,) = [m["content"] for m in front.kernel.iopub(cell, lambda m: m["msg_type"] == "error") if m["msg_type"] == "error"]
    text = "\n".join(error["traceback"])
    number = front.kernel.run("1").content["execution_count"] - 1
    assert f"cell[{number}]:6" in error["evalue"] and "in a handler of this cell" in text and 'panic("nine")' in text
    assert updates(front.change("IntSliderModel", value=4), "echo_update") == [{"value": 4}]
    front.kernel.seen(cell, "moved to 4\n")


def test_an_endless_handler_is_interrupted(front):
    cell, _ = front.run(SLIDER)
    asked = front.send("comm_msg", front.models["IntSliderModel"], data={"method": "update", "state": {"value": 8}, "buffer_paths": []})
    front.kernel.seen(cell, "moved to 8\n")
    front.kernel.interrupt()
    front.until_idle(asked)
    (error,) = [m["content"] for m in front.kernel.iopub(cell, lambda m: m["msg_type"] == "error") if m["msg_type"] == "error"]
    assert error["ename"] == "interrupted"
    front.change("IntSliderModel", value=3)
    front.kernel.seen(cell, "moved to 3\n")


def test_what_the_front_end_gets_wrong_is_told_under_the_cell(front):
    cell, _ = front.run(SLIDER)
    front.change("IntSliderModel", value="much")
    front.send("comm_msg", front.models["IntSliderModel"], [b"x" * (33 << 20)], data={"method": "custom", "content": {}})
    told = []
    while len(told) < 2:
        told += [m["content"]["evalue"] for m in front.kernel.iopub(cell, lambda m: m["msg_type"] == "error") if m["msg_type"] == "error"]
    assert "IntSlider the value \"much\"" in told[0] and "at most 33554432 are taken" in told[1]
    assert updates(front.change("IntSliderModel", value=4), "echo_update") == [{"value": 4}]


ANY = """type state struct {
	Title string `json:"title"`
	Points []byte `json:"points"`
}
w := controls.Any(controls.Module{ESM: "export default {}"}, state{"t", []byte{1, 2, 3}})
w.OnChange(func(s state) { fmt.Println("changed", s.Title, s.Points) })
w.OnMessage(func(m controls.Message) {
	var content struct{ Op string }
	if err := m.Decode(&content); err != nil {
		panic(err)
	}
	w.Update(func(s *state) { s.Points = append(m.Buffers[0], 9) })
	if err := w.Send(map[string]string{"did": content.Op}, []byte{7}); err != nil {
		panic(err)
	}
})
w"""


def test_a_control_of_ones_own(front):
    cell, shown = front.run(ANY)
    (opened,) = [m for m in shown.messages if m["msg_type"] == "comm_open"]
    assert opened["content"]["data"]["buffer_paths"] == [["points"]] and bytes(opened["buffers"][0]) == b"\1\2\3"
    changed, answer = [m for m in front.custom("AnyModel", {"op": "grow"}, [b"\5"]) if m["msg_type"] == "comm_msg"]
    assert bytes(changed["buffers"][0]) == b"\5\x09", "the state that a message is about comes before it"
    assert answer["content"]["data"]["content"] == {"did": "grow"} and bytes(answer["buffers"][0]) == b"\7"
    data = {"method": "update", "state": {"title": "new"}, "buffer_paths": [["points"]]}
    front.until_idle(front.send("comm_msg", front.models["AnyModel"], [b"\6"], data=data))
    front.kernel.seen(cell, "changed new [6]\n")
    states = front.states()
    (path,) = states["content"]["data"]["buffer_paths"]
    assert path == [front.models["AnyModel"], "state", "points"] and bytes(states["buffers"][0]) == b"\6"


def test_an_output_area_takes_what_its_function_shows(front):
    _, shown = front.run('o := controls.Output()\nb := controls.Button("Go")\nb.OnClick(func() { o.Capture(func() { fmt.Println("inside"); display.Show(42) }) })\ncontrols.Show(o, b)')
    assert not shown.text()
    clicked = front.custom("ButtonModel", {"event": "click"})
    assert not [m for m in clicked if m["msg_type"] == "stream"]

    def area():
        return front.states()["content"]["data"]["states"][front.models["OutputModel"]]["state"]["outputs"]

    outputs = kit.until(area, kit.ANSWER, "outputs in the area")
    assert [o.get("text") or o["data"]["text/plain"] for o in outputs] == ["inside\n", "42"]
    assert front.run('o.Clear()\nfmt.Println("outside")')[1].text() == "outside\n"


def test_changes_of_a_loop_are_gathered_and_the_last_is_sent(front):
    front.run(SLIDER)
    _, shown = front.run("for i := range 100_000 {\n\ts.Set(i % 8)\n}\ns.Set(7)")
    sent = updates(shown.messages)
    assert sent[-1] == {"value": 7} and len(sent) < 100, len(sent)


def test_a_task_cannot_take_a_control_along(front):
    front.run(SLIDER)
    got = front.kernel.run("mobula.Go(func() int { return s.Value() }).Value()", timeout=kit.PATIENCE)
    assert got.content["status"] == "error"
    assert "belongs to the notebook's own process" in str(got.content) and "take its Value" in str(got.content)


def closed(front, cell, count):
    """Waits until so many comms were closed; returns what was shown at last, by display id."""
    found = []

    def stop(m):
        found.append(m)
        return sum(m["msg_type"] == "comm_close" for m in found) == count

    messages = front.kernel.iopub(cell, stop)
    first_close = next(i for i, m in enumerate(messages) if m["msg_type"] == "comm_close")
    replaced = [m for m in messages if m["msg_type"] == "update_display_data"]
    assert all(messages.index(m) < first_close for m in replaced), "views are replaced before their models go"
    return {m["content"]["transient"]["display_id"]: m["content"]["data"] for m in replaced}


def test_the_host_is_killed(own):
    front = Front(own)
    cell, shown = front.run(SLIDER)
    (result,) = shown.of("execute_result")
    front.change("IntSliderModel", value=6)
    own.seen(cell, "moved to 6")
    front.run("time.Sleep(time.Second)")  # static twins follow within half a second
    own.host().kill()
    still = closed(front, cell, 3)[result["transient"]["display_id"]]
    assert VIEW not in still and still["text/plain"] == "alpha: 6 (0 to 10)\nalpha is 6"
    assert front.open_comms() == {}
    front.run(SLIDER)
    assert len(front.open_comms()) == 3
    front.change("IntSliderModel", value=2)
    assert own.run("%reset -f", timeout=kit.PATIENCE).content["status"] == "ok" and front.open_comms() == {}


def test_shutdown_leaves_the_static_twin(own):
    front = Front(own)
    cell, shown = front.run(SLIDER)
    (result,) = shown.of("execute_result")
    front.run("s.Set(7)")
    own.request_async("control", "shutdown_request", {"restart": False})
    still = closed(front, cell, 3)[result["transient"]["display_id"]]
    assert VIEW not in still and still["text/plain"] == "alpha: 7 (0 to 10)\nnone"


def test_models_are_those_of_ipywidgets(front):
    """Each model has a class that ipywidgets knows, and of its state only what that class has, of the same JSON type."""
    front.run(
        'controls.VBox(controls.IntSlider(controls.Range{}, "a long label"), controls.FloatSlider(controls.FloatRange{}, "f", controls.Width("50%")), '
        'controls.Dropdown([]string{"a"}, "d"), controls.Text("t"), controls.Checkbox("c"), controls.Button("b"), controls.Label("l"), controls.Output(), controls.HBox())'
    )
    states = front.states()["content"]["data"]["states"].values()
    classes = {c.__name__: c for c in vars(ipywidgets).values() if isinstance(c, type)}
    classes |= {"DescriptionStyle": ipywidgets.widgets.widget_description.DescriptionStyle}
    assert len(states) == 12
    for model in states:
        known = classes[model["model_name"].removesuffix("Model")]().get_state()
        for key, value in model["state"].items():
            assert key in known, (model["model_name"], key)
            if key.startswith("_") and key != "_options_labels":
                assert value == known[key], (model["model_name"], key)
            elif known[key] is not None and value is not None and key not in ("style", "layout"):
                kinds = {int: (int, float), float: (int, float), tuple: (list,)}.get(type(known[key]), (type(known[key]),))
                assert isinstance(value, kinds), (model["model_name"], key, value, known[key])


def test_nbclient_keeps_the_state(jupyter_path, monkeypatch, tmp_path):
    """A notebook that is run as a whole holds its controls as they were at the end, for pages without a kernel."""
    monkeypatch.setenv("JUPYTER_PATH", str(jupyter_path))
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in (SLIDER, "for i := range 1000 {\n\ts.Set(i % 10)\n}\ns.Set(5)")])
    NotebookClient(book, timeout=120, kernel_name="mobula", resources={"metadata": {"path": os.fspath(tmp_path)}}).execute()
    nbformat.validate(book)
    state = book.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
    (slider,) = [m["state"] for m in state.values() if m["model_name"] == "IntSliderModel"]
    assert slider["value"] == 5
    assert json.dumps(book.cells[0].outputs).count(VIEW) == 1


def test_interpreted_cells_say_that_they_have_no_controls(own):
    own.run("%engine yaegi", timeout=kit.PATIENCE).ok()
    got = own.run('import "mobula/widgets/controls"\ncontrols.Label("x")', timeout=kit.PATIENCE)
    assert got.content["status"] == "error" and "mobula/widgets/controls" in str(got.content["traceback"])
