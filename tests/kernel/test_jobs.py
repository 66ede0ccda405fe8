"""%job: what a notebook submits to its cluster; and a notebook that runs in a job uses the job's cluster."""

import json
import os
import pathlib
import re
import subprocess
import sys

import kit
import nbformat

from .test_cluster_verbs import failure, text_of


def test_jobs_of_a_notebook(lab_cluster, jupyter_path, tmp_path):
    _, runtime = lab_cluster
    (socket,) = runtime.rglob("node.sock")
    notebook = tmp_path / "train.ipynb"
    notebook.write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    env = {"XDG_RUNTIME_DIR": str(runtime), "MOBULA_ADDRESS": str(socket), "JPY_SESSION_NAME": str(notebook)}
    kernel = kit.Kernel(jupyter_path, env=env)
    try:
        kernel.run("1", timeout=kit.PATIENCE).ok()
        assert "connect to one with  %cluster connect" in failure(kernel, "%job list")
        assert kernel.run("mobula.Go(func() int { return 6 * 7 }).Value()", timeout=kit.PATIENCE).ok().result == "42"
        assert "cluster lab" in text_of(kernel.run("%cluster")), "the first task went to the cluster of MOBULA_ADDRESS"
        kernel.run("%env COLOUR=red").ok()
        told = kernel.run("%job submit --wait --id hello --env COLOUR -- sh -c 'echo é $COLOUR; echo $MOBULA_JOB_ID'", timeout=kit.PATIENCE).ok().text()
        assert "Job hello is submitted." in told and "é red\nhello\n" in told and "Job hello has succeeded." in told, told
        assert "job bad failed: exited with status 3" in failure(kernel, "%job submit --wait --id bad -- sh -c 'seq 9; exit 3'")
        assert kernel.run("%job logs bad --tail 2").ok().text() == "8\n9\n"
        kernel.run("%job submit --wait --id leaves --keep '*.txt' -- sh -c 'echo result > a.txt'", timeout=kit.PATIENCE).ok()
        got = kernel.run("%job output leaves").ok().text().strip()
        assert pathlib.Path(got).read_text() == "result\n" and "add --force" in failure(kernel, "%job output leaves")
        kernel.run("%job submit --id long -- sh -c 'echo begins; sleep 1000'").ok()
        kit.until(lambda: kernel.run("%job logs long").ok().text() == "begins\n", kit.PATIENCE, "it prints")
        listed = kernel.run("%job list").ok().text()
        assert re.search(r"^bad .* failed .* exited with status 3$", listed, re.M) and re.search(r"^long .* running ", listed, re.M), listed
        following = kernel.send("%job logs long --follow")
        kernel.seen(following, "begins", kit.PATIENCE)
        kernel.interrupt()
        assert kernel.outcome(following, timeout=kit.PATIENCE).content["status"] == "error"
        assert "running" in kernel.run("%job status long").ok().text(), "an interrupt ends what shows it, only"
        assert "Job long stopped" in kernel.run("%job stop long", timeout=kit.PATIENCE).ok().text()
        told = kernel.run("%job submit --id self -p n=3").ok().text()
        assert re.search(r"^train.ipynb is sent as it was saved at \d\d:\d\d:\d\d\.$", told, re.M), told
        assert "mobula notebook run train.ipynb -o train.out.ipynb -p n=3" in kernel.run("%job status self").ok().text()
        assert 'there is no submitted job "nobody"' in failure(kernel, "%job status nobody")
    finally:
        kernel.close()


def test_a_notebook_in_a_job(lab_cluster, jupyter_path, tmp_path):
    """Its first task goes to the cluster of the job, and it shows there as a driver of the job."""
    _, runtime = lab_cluster
    cells = ["""fmt.Println(mobula.Go(func() string { return "a task did it" }).Value())""", "%cluster"]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells], metadata={"kernelspec": {"name": "mobula", "display_name": "Go (Mobula)"}})
    nbformat.write(book, tmp_path / "nb.ipynb")
    env = dict(os.environ, XDG_RUNTIME_DIR=str(runtime), JUPYTER_PATH=str(jupyter_path))

    def mobula(*words):
        return subprocess.run([str(w) for w in (kit.BINARY, *words)], env=env, check=True, capture_output=True, text=True, timeout=kit.PATIENCE).stdout

    execute = pathlib.Path(sys.executable).with_name("jupyter-execute")
    mobula("job", "submit", "--id", "book", "--env", "JUPYTER_PATH", "--working-dir", tmp_path, "--keep", "out.ipynb", "--", execute, "--output=out.ipynb", "nb.ipynb")
    mobula("job", "output", "book", "--dir", tmp_path / "got")
    first, second = nbformat.read(tmp_path / "got" / "out.ipynb", 4).cells
    assert "did it" in "".join(o.get("text", "") for o in first.outputs), first
    assert "cluster lab, 1 node" in "".join(o.get("data", {}).get("text/plain", "") for o in second.outputs), second
    (job,) = json.loads(mobula("list", "jobs", "-o", "json"))
    assert job["id"] == "book" and job["state"] == "succeeded" and len(job["drivers"]) == 1, job
