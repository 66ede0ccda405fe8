"""The dashboard of a notebook's own cluster: how a person gets there, and that nothing secret stays behind."""

import http.cookiejar
import json
import re
import urllib.error
import urllib.request

import kit
from .test_control import Control


def status(opener, url):
    try:
        with opener.open(url, timeout=kit.ANSWER) as reply:
            return reply.status, reply.url, reply.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, url, e.read().decode()


def test_a_link_is_good_once_and_secrets_stay_secret(jupyter_path, capfd):
    kernel = kit.Kernel(jupyter_path, env={"MOBULA_LOG": "debug", "JUPYTERHUB_SERVICE_PREFIX": "", "JPY_BASE_URL": "", "SSH_CONNECTION": "10.0.0.9 50000 10.0.0.1 22", "USER": "alice"})
    try:
        cells = [kernel.run("%cluster start --nodes 2 --cpus 1", timeout=kit.PATIENCE).ok()]
        shown = cells[0].of("display_data")[-1]["data"]
        address = re.search(r"Dashboard: (http://127\.0\.0\.1:(\d+)/)\n", shown["text/plain"])
        assert address and f'href="{address[1]}"' in shown["text/html"]
        assert f"ssh -L {address[2]}:127.0.0.1:{address[2]} alice@10.0.0.1" in shown["text/plain"]
        stranger = urllib.request.build_opener()
        refused, _, page = status(stranger, address[1])
        assert refused == 401 and "Open the link in the notebook" in page and "<form" not in page

        control = Control(kernel)
        control.send(op="dashboard", seq=1)
        opening = control.answer(1)["value"]
        code = re.fullmatch(rf"proxy/{address[2]}/\?code=(\w+)", opening["url"])[1]
        assert opening["direct"] == f"{address[1]}?code={code}"
        cookies = http.cookiejar.CookieJar()
        guest = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(cookies))
        assert status(guest, opening["direct"])[:2] == (200, address[1]), "the code leaves the address"
        assert status(stranger, opening["direct"])[0] == 401, "a code is good once"
        found, _, nodes = status(guest, f"{address[1]}api/state/nodes")
        assert found == 200 and len(json.loads(nodes)["rows"]) == 2
        for path in ("api/state/nodes", "metrics", "metrics/nodes"):
            assert status(stranger, address[1] + path)[0] == 401, path

        cells += [kernel.run(cell, timeout=kit.PATIENCE).ok() for cell in ("mobula.Go(func() int { return 7 }).Value()", "%cluster", "%cluster logs --tail 100000")]
        assert cells[1].result == "7"
        (session,) = cookies
        saved = json.dumps([[m["content"] for m in c.messages] for c in cells])
    finally:
        kernel.close()
    log = capfd.readouterr().err
    assert "level=" in log, "the kernel logs"
    for where, text in (("an output", saved), ("the log", log)):
        for secret in (code, session.value, "code=", "mobula-user-", "mobula-join-"):
            assert secret not in text, f"{secret} is in {where}"


def test_without_a_cluster_there_is_no_link(own):
    own.run("1", timeout=kit.PATIENCE).ok()
    control = Control(own)
    control.send(op="dashboard", seq=1)
    assert "there is no cluster yet" in control.answer(1)["error"]
