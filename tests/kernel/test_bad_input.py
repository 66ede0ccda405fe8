"""Bad input: a clear error or silence, and the kernel alive after it."""

import json
import os
import socket
import struct

import pytest
import zmq

import kit


def raw(kernel, channel="shell"):
    """A plain socket beside the client's, so that frames can be forged."""
    kind = {"shell": zmq.DEALER, "control": zmq.DEALER, "stdin": zmq.DEALER, "iopub": zmq.SUB, "hb": zmq.REQ}[channel]
    sock = zmq.Context.instance().socket(kind)
    sock.linger = 0
    sock.connect(f"tcp://127.0.0.1:{getattr(kernel.client, channel + '_port')}")
    return sock


def frames(kernel, kind="execute_request", content=None):
    message = kernel.client.session.msg(kind, content or {"code": "1", "silent": False})
    return kernel.client.session.serialize(message)


def alive(kernel):
    assert kernel.run("40 + 2", timeout=60).ok().result == "42"


def swap(parts, index, value):
    return parts[:index] + [value] + parts[index + 1 :]


# Frames are: delimiter, signature, header, parent header, metadata, content.
FORGERIES = {
    "empty": lambda p: [b""],
    "only the delimiter": lambda p: p[:1],
    "truncated": lambda p: p[:4],
    "no delimiter": lambda p: p[1:],
    "empty signature": lambda p: swap(p, 1, b""),
    "wrong signature": lambda p: swap(p, 1, b"0" * 64),
    "signature of another length": lambda p: swap(p, 1, b"abc"),
    "changed content": lambda p: swap(p, 5, p[5].replace(b'"1"', b'"os.Exit(1)"')),
    "changed header": lambda p: swap(p, 2, p[2].replace(b"execute", b"ehecute")),
    "binary": lambda p: [os.urandom(n) for n in (0, 1, 50, 5000)],
    "a thousand frames": lambda p: p + [b"x"] * 1000,
}


@pytest.mark.parametrize("channel", ["shell", "control", "stdin"])
@pytest.mark.parametrize("name", FORGERIES)
def test_forged_messages_are_dropped(kernel, name, channel):
    sock = raw(kernel, channel)
    sock.send_multipart(FORGERIES[name](frames(kernel)))
    alive(kernel)
    assert not sock.poll(100), "a forged message must not be answered"
    sock.close()


def signed(kernel, parts):
    return [b"<IDS|MSG>", kernel.client.session.sign(parts), *parts]


NOT_MESSAGES = {
    "not JSON": [b"{", b"{}", b"{}", b"{}"],
    "arrays": [b"[]", b"[]", b"[]", b"[]"],
    "null": [b"null", b"null", b"null", b"null"],
    "numbers as text": [b'{"msg_type": 1, "msg_id": {}}', b"{}", b"{}", b"{}"],
    "deep JSON": [b'{"msg_type": "execute_request", "msg_id": "x"}', b"{}", b"{}", b'{"code":' + b"[" * 100_000 + b"]" * 100_000 + b"}"],
    "wrong types in content": [b'{"msg_type": "execute_request", "msg_id": "x"}', b"{}", b"{}", b'{"code": 7, "silent": "yes"}'],
    "no content": [b'{"msg_type": "execute_request", "msg_id": "x"}', b"{}", b"{}", b"{}"],
    "invalid UTF-8": [b'{"msg_type": "execute_request", "msg_id": "\xff\xfe"}', b"{}", b"{}", b'{"code": "\xff"}'],
}


@pytest.mark.parametrize("name", NOT_MESSAGES)
def test_signed_nonsense(kernel, name):
    for channel in ("shell", "control"):
        sock = raw(kernel, channel)
        sock.send_multipart(signed(kernel, NOT_MESSAGES[name]))
        alive(kernel)
        sock.close()


@pytest.mark.parametrize("port", ["shell", "control", "iopub", "stdin", "hb"])
def test_not_zeromq_at_all(kernel, port):
    number = getattr(kernel.client, port + "_port")
    for data in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" + b"\x00" * 8 + b"\x7f\x03" + os.urandom(500), struct.pack(">BQ", 0xFF, 1 << 62), b""):
        with socket.create_connection(("127.0.0.1", number), timeout=5) as s:
            s.sendall(data)
        alive(kernel)


def test_a_client_that_connects_and_says_nothing(kernel):
    with socket.create_connection(("127.0.0.1", kernel.client.shell_port)):
        with socket.create_connection(("127.0.0.1", kernel.client.iopub_port)):
            alive(kernel)


def test_a_subscriber_that_does_not_read(kernel):
    """Its queue is bounded, and nobody else waits for it."""
    sock = raw(kernel, "iopub")
    sock.rcvhwm = 1
    sock.subscribe(b"")
    kernel.run("for range 200 {\n\tfmt.Println(strings.Repeat(\"x\", 100_000))\n}", timeout=60).ok()
    alive(kernel)
    sock.close()


def test_heartbeat(kernel):
    sock = raw(kernel, "hb")
    for payload in (b"ping", b"", b"x" * 1_000_000):
        sock.send(payload)
        assert sock.poll(5000) and sock.recv() == payload
    sock.close()


def fails(kernel, code, want, timeout=120):
    got = kernel.run(code, timeout=timeout)
    assert got.content["status"] == "error"
    text = got.content["evalue"] + "\n".join(got.content["traceback"])
    assert want in text, text[:2000]
    assert len(text) < 100_000, "an error is for a person to read"
    alive(kernel)


def test_a_cell_of_fifty_megabytes(kernel):
    """Too large for sense, but Go: it runs or is refused with a reason; either way the kernel is there."""
    got = kernel.run("// " + "x" * (50 << 20) + "\n6 * 7", timeout=150)
    if got.content["status"] == "error":
        assert "MB" in got.content["evalue"] or "large" in got.content["evalue"], got.content["evalue"]
    else:
        assert got.result == "42"
    alive(kernel)


CELLS = {
    "NUL bytes": ("\x00" * 1000, "NUL"),
    "a NUL byte inside": ('fmt.Println("a\x00b")', "NUL"),
    "a byte order mark inside": ("x := 1\ufeff", "byte order mark"),
    "not Go": ("SELECT * FROM t;", ""),
    "deep parentheses": ("(" * 200_000 + "1" + ")" * 200_000, ""),
    "deep blocks": ("{" * 100_000 + "}" * 100_000, ""),
    "deep composite": ("x := " + "[]" * 200_000 + "int{}", ""),
    "open string": ('x := "abc', ""),
    "open comment": ("/* abc", ""),
    "a package clause of another": ("package other\nx := 1", ""),
    "unknown import": ('import "no.such.host/module"', "no.such.host/module"),
    "import cycle bait": ('import "main"', "main"),
    "unknown magic": ("%tiem x", "%time"),
    "unicode names": ("日本 := 1\n日本 + nothere", "nothere"),
    "lone surrogate": ('x := "\\ud800"', ""),
}


@pytest.mark.parametrize("name", CELLS)
def test_bad_cells(kernel, name):
    fails(kernel, *CELLS[name])


def test_many_errors_are_cut(kernel):
    fails(kernel, "\n".join(f"undefined{i}()" for i in range(5000)), "undefined0")


def test_invalid_utf8_in_a_cell(kernel):
    """JSON cannot hold it, so the frame is made by hand: refused, or an error of the cell."""
    header = json.dumps(kernel.client.session.msg_header("execute_request") | {"date": "2026-01-01T00:00:00Z"}).encode()
    sock = raw(kernel)
    sock.send_multipart(signed(kernel, [header, b"{}", b"{}", b'{"code": "x := \\"\xff\\"", "silent": false}']))
    alive(kernel)
    sock.close()


@pytest.mark.parametrize("position", [-5, 10_000, 3])
@pytest.mark.parametrize("kind", ["complete_request", "inspect_request"])
def test_cursor_positions_out_of_range(kernel, kind, position):
    for code in ("", "fm", "🎉"):
        got = kernel.request("shell", kind, {"code": code, "cursor_pos": position, "detail_level": 9})
        assert got.content["status"] in ("ok", "error")
    alive(kernel)


@pytest.mark.parametrize("code", ["\x00" * 100, "(" * 100_000, "func {{{", 'import "', "x.y.z.", "%%", "!", "?", "%", "🎉" * 1000 + "."])
def test_requests_about_code_that_is_not_go(kernel, code):
    for kind in ("complete_request", "inspect_request", "is_complete_request"):
        content = {"code": code, "cursor_pos": len(code), "detail_level": 0}
        assert kernel.request("shell", kind, content, timeout=60).content["status"] in ("ok", "error", "invalid", "incomplete", "complete", "unknown")
    alive(kernel)


def test_history_requests_out_of_range(kernel):
    for content in ({"hist_access_type": "nonsense"}, {"hist_access_type": "range", "session": 99, "start": 5, "stop": -1}, {"hist_access_type": "tail", "n": -1}):
        got = kernel.request("shell", "history_request", {"output": False, "raw": True} | content)
        assert got.content["status"] in ("ok", "error")
    alive(kernel)
