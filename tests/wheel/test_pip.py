"""What a new user does:  pip install mobula.whl  into a fresh environment, with no Go on PATH, and then with the extra that brings one."""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]

ASK = """
import sys
from jupyter_client.manager import KernelManager
manager = KernelManager(kernel_name="mobula")
manager.start_kernel()
client = manager.client()
client.start_channels()
client.wait_for_ready(timeout=60)
def show(message):
    content = message["content"]
    text = content.get("text") or content.get("data", {}).get("text/plain") or "\\n".join(content.get("traceback", []))
    if text: print(text)
for cell in sys.argv[1:]:
    client.execute_interactive(cell, output_hook=show, timeout=400)
client.stop_channels()
manager.shutdown_kernel()
"""

GENERIC = "func Larger[T cmp.Ordered](a, b T) T {\n\tif a > b {\n\t\treturn a\n\t}\n\treturn b\n}\nLarger(\"a\", \"b\")"
C = "// int twice(int x) { return 2*x; }\nimport \"C\"\nint(C.twice(21))"
TASKS = "base := 5\nmobula.Values(mobula.Map([]int{1, 2, 3}, func(i int) int { return i * base }))"


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    venv = home / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    wheel = subprocess.check_output([ROOT / "scripts/wheel.sh"], text=True).strip()
    subprocess.run([venv / "bin/pip", "install", "--quiet", wheel, "jupyter_client==8.10.0"], check=True)
    (home / "bin").mkdir()
    for tool in ("sh", "uname"):  # no Go, no C compiler
        (home / "bin" / tool).symlink_to(f"/bin/{tool}" if os.path.exists(f"/bin/{tool}") else f"/usr/bin/{tool}")
    return home, venv, wheel


def ask(environment, *cells, **env):
    home, venv, _ = environment
    env = {"HOME": str(home), "PATH": f"{home}/bin", "LANG": "C.UTF-8", **env}
    run = subprocess.run([venv / "bin/python", "-c", ASK, *cells], env=env, capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_without_go(environment):
    said = ask(environment, "1+1", "s := 0\nfor i := range 10 {\n\ts += i\n}\ns", GENERIC, MOBULA_GO="none")
    assert "\n2\n45\n" in said and "pip install" in said


def test_with_the_extra(environment):
    home, venv, wheel = environment
    subprocess.run([venv / "bin/pip", "install", "--quiet", f"mobula[go] @ file://{wheel}"], check=True)
    said = ask(environment, "runtime.Version()", GENERIC, C, TASKS)
    assert '"go1.26.6"' in said and '"b"' in said and "42" in said and "[]int{5, 10, 15}" in said, said
    assert "interpreted by yaegi" not in said


def test_uninstall(environment):
    home, venv, _ = environment
    subprocess.run([venv / "bin/pip", "uninstall", "--quiet", "--yes", "mobula"], check=True)
    assert not [p for p in venv.rglob("*mobula*") if p.is_file()]
