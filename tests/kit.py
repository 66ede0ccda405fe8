"""What the suites share: a kernel from bin/mobula in a Jupyter path of its own, and a client that keeps every message.

Nothing here sleeps: everything waits for a message or polls for a condition with a deadline.
"""

import os
import pathlib
import subprocess
import tempfile
import sys
import time

import psutil
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = pathlib.Path(os.environ.get("MOBULA_BIN", ROOT / "bin" / "mobula"))
# A loaded machine is slower than the promises, which are for an idle one: what timing tests allow is multiplied by this.
SLOW = float(os.environ.get("MOBULA_SLOW", "4" if os.environ.get("CI") else "1"))
# The first start of a machine builds the session host.
PATIENCE = 120
# What an answer may take once the kernel runs, before the test is given up.
ANSWER = 15 + 5 * SLOW


def install(prefix):
    """Installs the kernelspec under prefix and returns the Jupyter path that holds it."""
    subprocess.run([BINARY, "kernel", "install", "--prefix", prefix], check=True, timeout=PATIENCE)
    return pathlib.Path(prefix) / "share" / "jupyter"


def until(condition, timeout, what, step=0.02):
    """Polls condition until it is true; returns its value."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {what}")
        time.sleep(step)


def named(processes, *names):
    """Those of the processes that run a program of one of these names; what has just ended is none."""
    found = []
    for p in processes:
        try:
            if p.name() in names:
                found.append(p)
        except psutil.NoSuchProcess:
            pass
    return found


class Outcome:
    """All that one request brought: its reply and its iopub messages up to idle."""

    def __init__(self, reply, messages):
        self.reply, self.messages = reply, messages

    @property
    def content(self):
        return self.reply["content"]

    def of(self, kind):
        return [m["content"] for m in self.messages if m["msg_type"] == kind]

    def text(self, name="stdout"):
        return "".join(c["text"] for c in self.of("stream") if c["name"] == name)

    @property
    def result(self):
        found = self.of("execute_result")
        assert len(found) <= 1, found
        return found[0]["data"]["text/plain"] if found else None

    @property
    def error(self):
        found = self.of("error")
        assert len(found) <= 1, found
        return found[0] if found else None

    @property
    def states(self):
        return [c["execution_state"] for c in self.of("status")]

    def ok(self):
        """Returns itself where the cell succeeded, else fails with what was shown."""
        assert self.content["status"] == "ok", "\n".join(self.content.get("traceback") or [str(self.content)])
        return self


class Kernel:
    """A started kernel with a blocking client."""

    def __init__(self, jupyter_path, env=None, cwd=None, kernel="mobula"):
        self.env = dict(os.environ, **(env or {}))
        self.folder = None if cwd else tempfile.TemporaryDirectory(prefix="notebook-")  # not this module's own folder
        specs = KernelSpecManager()
        specs.kernel_dirs = [str(jupyter_path / "kernels"), *specs.kernel_dirs]
        self.manager = KernelManager(kernel_name=kernel, kernel_spec_manager=specs)
        self.manager.start_kernel(env=self.env, cwd=cwd or self.folder.name, stdout=subprocess.DEVNULL if kernel != "mobula" else None)
        self.client = self.manager.client()
        self.client.start_channels()
        self.late = []  # iopub messages read while waiting for another request's
        try:
            self.client.wait_for_ready(timeout=PATIENCE)
        except BaseException:
            self.close()
            raise

    @property
    def process(self):
        return psutil.Process(self.manager.provisioner.process.pid)

    def tree(self):
        """The kernel's process and all that descend from it."""
        try:
            return [self.process, *self.process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def host(self):
        """The process of the session host: the kernel's oldest child that is no build and no cluster."""
        children = [p for p in self.process.children() if "mobula" in " ".join(p.cmdline()) and "--embedded" not in p.cmdline()]
        assert children, [p.cmdline() for p in self.process.children()]
        return min(children, key=psutil.Process.create_time)

    def cluster(self):
        """The processes of the notebook's own cluster: the one that the kernel has started, the node, its workers."""
        (first,) = [p for p in self.process.children() if "--embedded" in p.cmdline()]
        return [first, *first.children(recursive=True)]

    def send(self, code, **options):
        options.setdefault("allow_stdin", False)
        return self.client.execute(code, **options)

    def reply(self, msg_id, channel="shell", timeout=ANSWER):
        """The reply to a request; replies to others that come before it are an error."""
        deadline = time.monotonic() + timeout
        get = getattr(self.client, f"get_{channel}_msg")
        while True:
            message = get(timeout=max(0.01, deadline - time.monotonic()))
            if message["parent_header"].get("msg_id") == msg_id:
                return message

    def iopub(self, msg_id, stop, timeout=ANSWER):
        """iopub messages of a request up to the one for which stop is true."""
        deadline, found = time.monotonic() + timeout, []
        mine = [m for m in self.late if m["parent_header"].get("msg_id") == msg_id]
        self.late = [m for m in self.late if m not in mine]
        while True:
            message = mine.pop(0) if mine else self.client.get_iopub_msg(timeout=max(0.01, deadline - time.monotonic()))
            if message["parent_header"].get("msg_id") != msg_id:
                self.late.append(message)
                continue
            found.append(message)
            if stop(message):
                self.late = mine + self.late
                return found

    def outcome(self, msg_id, channel="shell", timeout=ANSWER):
        reply = self.reply(msg_id, channel, timeout)
        idle = lambda m: m["msg_type"] == "status" and m["content"]["execution_state"] == "idle"
        return Outcome(reply, self.iopub(msg_id, idle, timeout))

    def run(self, code, timeout=ANSWER, **options):
        return self.outcome(self.send(code, **options), timeout=timeout)

    def request_async(self, channel, kind, content=None, **header):
        """Sends any message on shell or control and returns its id."""
        message = self.client.session.msg(kind, content or {})
        message["header"].update(header)
        getattr(self.client, f"{channel}_channel").send(message)
        return message["header"]["msg_id"]

    def request(self, channel, kind, content=None, timeout=ANSWER, **header):
        """Sends any request on shell or control and returns its outcome, read from the same channel."""
        return self.outcome(self.request_async(channel, kind, content, **header), channel, timeout)

    def seen(self, msg_id, text, timeout=ANSWER):
        """Waits until the request has printed text."""
        self.iopub(msg_id, lambda m: m["msg_type"] == "stream" and text in m["content"]["text"], timeout)

    def interrupt(self, timeout=ANSWER):
        """Interrupts by message and returns the reply's outcome on control."""
        return self.request("control", "interrupt_request", timeout=timeout)

    def restart(self):
        """Starts the kernel again, as Jupyter does when it has ended."""
        self.manager.restart_kernel(now=True)
        self.late.clear()
        self.client.wait_for_ready(timeout=PATIENCE)

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()


def gone(processes, timeout, what):
    """Waits until none of the processes runs."""
    alive = lambda: [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]

    def none():
        try:
            return not alive()
        except psutil.NoSuchProcess:
            return False

    until(none, timeout, what)


def cpu_share(process, seconds=1.0):
    """The process's CPU use over the next seconds, in percent of one core."""
    before, start = process.cpu_times(), time.monotonic()
    time.sleep(seconds)  # a measurement over time, not a wait for something
    after = process.cpu_times()
    used = after.user + after.system - before.user - before.system
    return 100 * used / (time.monotonic() - start)


if not BINARY.exists():
    sys.exit(f"{BINARY} is missing: run  make build  first, or set MOBULA_BIN")
