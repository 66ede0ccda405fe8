"""The comm by which Mobula's JupyterLab extension does what its buttons say; a second client sees only what it must."""

import time

import kit

SLOW_TASKS = """refs := mobula.TryMap(make([]int, 200), func(ctx context.Context, _ int) (int, error) {
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(200 * time.Millisecond):
		return 1, nil
	}
})
done, _, _ := mobula.Wait(context.Background(), refs, len(refs))
len(done)"""


class Control:
    def __init__(self, kernel):
        self.kernel = kernel
        self.heard = []
        kernel.request_async("shell", "comm_open", {"comm_id": "control", "target_name": "mobula.ctl", "data": {}})

    def send(self, **data):
        self.kernel.request_async("shell", "comm_msg", {"comm_id": "control", "data": data})

    def until(self, right, what):
        """The first message for which right is true, of those that nobody has taken."""
        deadline = time.monotonic() + kit.PATIENCE
        while True:
            for m in self.heard:
                if right(m):
                    self.heard.remove(m)
                    return m
            assert time.monotonic() < deadline, f"{what}: {self.heard}"
            message = self.kernel.client.get_iopub_msg(timeout=kit.PATIENCE)
            if message["msg_type"] == "comm_msg" and message["content"]["comm_id"] == "control":
                self.heard.append(message["content"]["data"])
            else:
                self.kernel.late.append(message)

    def answer(self, seq):
        return self.until(lambda m: m.get("seq") == seq, f"the answer to {seq}")

    def state(self, right, what):
        return self.until(lambda m: m.get("topic") == "cluster" and right(m["state"]), what)["state"]


def test_buttons(own):
    own.run("1", timeout=kit.PATIENCE).ok()
    control = Control(own)
    control.send(op="subscribe", topic="cluster")
    control.state(lambda s: s is None, "no cluster yet")
    control.send(op="connect", seq=1)
    assert control.answer(1)["ok"]
    state = control.state(lambda s: s, "a cluster")
    assert state["own"] and state["scalable"] and len(state["nodes"]) == 1
    control.send(op="scale", seq=2, nodes=2)
    assert control.answer(2)["ok"]
    control.state(lambda s: s and len(s["nodes"]) == 2, "two nodes")
    running = own.send(SLOW_TASKS)
    number = int(own.iopub(running, lambda m: m["msg_type"] == "execute_input", kit.PATIENCE)[-1]["content"]["execution_count"])
    own.iopub(running, lambda m: m["msg_type"] == "display_data", kit.PATIENCE)
    start = time.monotonic()
    control.send(op="cancel", seq=3, id=f"mobula-tasks-{number}")
    assert control.answer(3)["ok"], "while the cell is busy"
    assert own.outcome(running, timeout=kit.PATIENCE).ok().result == "200", "all have ended, one way or another"
    assert time.monotonic() - start < 5 * kit.SLOW
    control.send(op="stop", seq=4)
    assert control.answer(4)["ok"]
    control.state(lambda s: s is None, "no cluster any more")


PROGRESS = "application/vnd.mobula.progress.v1+json"


def shows(state):
    """Whether a message shows progress in that state."""
    return lambda m: m["msg_type"] in ("display_data", "update_display_data") and m["content"]["data"].get(PROGRESS, {}).get("state") == state


def test_a_bar_of_code_has_a_button(own):
    own.run('bar := widgets.NewProgress(widgets.Progress{Title: "fit", Counts: widgets.Counts{Total: 9}})', timeout=kit.PATIENCE).ok()
    running = own.send("bar.OnCancel(bar.Cancelled)\nbar.Add(2)\nfor bar.Update(func(*widgets.Counts) {}); ; {\n}")
    shown = own.iopub(running, lambda m: shows("running")(m) and m["content"]["data"][PROGRESS].get("id"))[-1]["content"]
    control = Control(own)
    control.send(op="cancel", seq=1, id=shown["data"][PROGRESS]["id"])
    assert control.answer(1)["ok"], "while the cell is busy"
    own.iopub(running, shows("cancelled"))
    control.send(op="cancel", seq=2, id=shown["data"][PROGRESS]["id"])
    assert "nothing to cancel" in control.answer(2)["error"]
    own.interrupt()


def test_what_goes_on_is_stopped_with_its_process(own):
    """A saved notebook shows no progress that seems to run: the host was killed, the kernel was shut down while tasks ran."""
    own.run("1", timeout=kit.PATIENCE).ok()
    running = own.send('bar := widgets.NewProgress(widgets.Progress{Title: "fit", Counts: widgets.Counts{Total: 9, Done: 2}})\nselect {}')
    own.iopub(running, shows("running"))
    own.host().kill()
    stopped = own.iopub(running, shows("stopped"))[-1]["content"]["data"]
    assert "2/9, stopped after" in stopped["text/plain"] and "2/9, stopped after" in stopped["text/html"]
    assert own.outcome(running).content["status"] == "error"
    running = own.send(SLOW_TASKS)
    own.iopub(running, shows("running"), kit.PATIENCE)
    own.request_async("control", "shutdown_request", {"restart": True})
    stopped = own.iopub(running, shows("stopped"))[-1]["content"]["data"]
    assert "/200, stopped after" in stopped["text/plain"] and stopped[PROGRESS]["ended"]


def test_what_is_no_button(own):
    own.run("1", timeout=kit.PATIENCE).ok()
    control = Control(own)
    for seq, (data, why) in enumerate(
        [({"op": "hello"}, None), ({"op": "run", "line": "!touch hacked"}, "nothing that this kernel does"), ({"op": "cancel", "id": "x"}, "nothing to cancel"), ({"op": "cancel", "id": "mobula-tasks-x"}, "no tasks of the name"), ({"op": "scale", "nodes": 3}, "no cluster to scale")], 1
    ):
        control.send(seq=seq, **data)
        answer = control.answer(seq)
        assert answer["ok"] if why is None else "ok" not in answer and why in answer["error"], answer
    control.send(op="subscribe", topic="secrets", seq=9)
    assert "no topic" in control.answer(9)["error"]
