"""Starting, stopping, restarting, history on disk, installing."""

import json
import os
import pathlib
import signal
import subprocess

import pytest

import kit


def history(kernel, **content):
    base = {"hist_access_type": "tail", "output": False, "raw": True, "n": 10}
    return kernel.request("shell", "history_request", base | content).content["history"]


def test_history(own):
    codes = ["first := 1", "first + 1", "fmt.Println(first)"]
    for code in codes:
        own.run(code).ok()
    assert [h[2] for h in history(own, n=3)] == codes
    session, line, _ = history(own, n=3)[0]
    assert [h[2] for h in history(own, hist_access_type="range", session=session, start=line, stop=line + 2)] == codes[:2]
    assert [h[2] for h in history(own, hist_access_type="range", session=0, start=line, stop=line + 1)] == codes[:1]
    assert codes[2] in [h[2] for h in history(own, hist_access_type="search", pattern="fmt.*first*")]
    with_output = [h[2] for h in history(own, n=2, output=True)]
    assert with_output[0][0] == codes[1] and "2" in with_output[0][1]


def test_history_is_kept_on_disk(jupyter_path, tmp_path):
    env = {"XDG_DATA_HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    first = kit.Kernel(jupyter_path, env=env)
    first.run('"to be remembered"').ok()
    first.request("control", "shutdown_request", {"restart": False})
    first.close()
    second = kit.Kernel(jupyter_path, env=env)
    try:
        assert '"to be remembered"' in [h[2] for h in history(second, n=20)]
        (session, *_), *_ = history(second, hist_access_type="search", pattern="*remembered*")
        second.run("1").ok()
        assert history(second, n=1)[0][0] == session + 1
    finally:
        second.close()


@pytest.mark.parametrize("channel", ["control", "shell"])
@pytest.mark.parametrize("restart", [False, True])
def test_shutdown(own, tmp_path, channel, restart):
    own.run("1").ok()
    processes = own.tree()
    reply = own.reply(own.request_async(channel, "shutdown_request", {"restart": restart}), channel, timeout=10)
    assert reply["content"] == {"status": "ok", "restart": restart}
    own.manager.provisioner.process.wait(10)
    kit.gone(processes[1:], 2 * kit.SLOW, "the host to end with the kernel")
    assert list(tmp_path.iterdir()) == []


def test_shutdown_while_a_cell_runs(own):
    cell = own.send('fmt.Println("up")\nfor {\n}')
    own.seen(cell, "up")
    processes = own.tree()
    assert own.reply(own.request_async("control", "shutdown_request", {"restart": False}), "control", timeout=10)["content"]["status"] == "ok"
    own.manager.provisioner.process.wait(10)
    kit.gone(processes[1:], 2 * kit.SLOW, "the host to end with the kernel")


def test_restart(own):
    own.run("kept := 1").ok()
    first = own.run("2").content["execution_count"]
    own.manager.restart_kernel(now=False)
    own.client.wait_for_ready(timeout=kit.PATIENCE)
    own.late.clear()
    assert own.run("kept").content["status"] == "error"
    assert own.run("1").content["execution_count"] < first + 1


def test_sigterm_ends_it_cleanly(own, tmp_path):
    own.run("1").ok()
    processes = own.tree()
    os.kill(own.process.pid, signal.SIGTERM)
    own.manager.provisioner.process.wait(10)
    kit.gone(processes[1:], 2 * kit.SLOW, "the host to end with the kernel")
    assert list(tmp_path.iterdir()) == []


def test_many_starts_leave_nothing(jupyter_path, tmp_path):
    for _ in range(3):
        kernel = kit.Kernel(jupyter_path, env={"TMPDIR": str(tmp_path)})
        kernel.run("func f() int { return 1 }\nf()").ok()
        kernel.client.stop_channels()
        kernel.manager.shutdown_kernel()
    assert list(tmp_path.iterdir()) == []


def test_two_kernels_side_by_side(jupyter_path):
    kernels = [kit.Kernel(jupyter_path) for _ in range(2)]
    try:
        for i, k in enumerate(kernels):
            k.run(f"x := {i}").ok()
        assert [k.run("x").ok().result for k in kernels] == ["0", "1"]
    finally:
        for k in kernels:
            k.close()


def test_install_and_uninstall(tmp_path):
    spec = kit.install(tmp_path) / "kernels" / "mobula" / "kernel.json"
    got = json.loads(spec.read_text())
    assert got["display_name"] == "Go (Mobula)" and got["language"] == "go" and got["interrupt_mode"] == "message"
    assert os.path.isabs(got["argv"][0]) and "{connection_file}" in got["argv"]
    assert {p.name for p in spec.parent.iterdir()} >= {"logo-64x64.png", "logo-svg.svg"}
    kit.install(tmp_path)  # again is fine
    subprocess.run([kit.BINARY, "kernel", "uninstall", "--prefix", tmp_path], check=True)
    assert not spec.exists()


@pytest.mark.parametrize("flag", ["--user", "--sys-prefix"])
def test_install_places(tmp_path, flag):
    # The caches stay where they are: installing prepares the host in the background, and that is not what is tested.
    caches = {"XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(pathlib.Path.home() / ".cache"))}
    for name in ("GOCACHE", "GOMODCACHE"):
        caches[name] = subprocess.run(["go", "env", name], capture_output=True, text=True, check=True).stdout.strip()
    env = dict(os.environ, HOME=str(tmp_path), VIRTUAL_ENV=str(tmp_path / "venv"), **caches)
    env.pop("JUPYTER_DATA_DIR", None)
    env.pop("XDG_DATA_HOME", None)
    subprocess.run([kit.BINARY, "kernel", "install", flag], check=True, env=env)
    base = {"--user": tmp_path / ".local", "--sys-prefix": tmp_path / "venv"}[flag]
    assert (base / "share" / "jupyter" / "kernels" / "mobula" / "kernel.json").exists()
    subprocess.run([kit.BINARY, "kernel", "uninstall", flag], check=True, env=env)


@pytest.mark.parametrize("args", [["nonsense"], ["kernel", "instal"], ["kernel", "-f", "no-such-file.json"], ["kernel", "install", "--nonsense"]])
def test_bad_command_lines_say_what_is_wrong(args):
    got = subprocess.run([kit.BINARY, *args], capture_output=True, text=True, timeout=20)
    assert got.returncode != 0
    assert args[-1].lstrip("-") in got.stderr and "panic" not in got.stderr
