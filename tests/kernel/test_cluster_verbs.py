"""%cluster: start, scale, use, connect to a head, stop, logs, doctor; nodes that are killed."""

import os
import re
import signal

import kit

WHERE = "func(int) string { info, _ := mobula.Task(context.Background()); time.Sleep(30 * time.Millisecond); return info.Node.String() }"


def text_of(outcome):
    return outcome.ok().of("display_data")[-1]["data"]["text/plain"]


def failure(kernel, code):
    got = kernel.run(code)
    assert got.content["status"] == "error", got.messages
    return got.content["evalue"]


def nodes_used(kernel):
    """How many nodes took a part of many tasks."""
    code = f"""where := map[string]bool{{}}
for _, n := range mobula.Values(mobula.Map(make([]int, 60), {WHERE})) {{ where[n] = true }}
len(where)"""
    return int(kernel.run(code, timeout=kit.PATIENCE).ok().result)


def test_a_cluster_of_several_nodes(own):
    own.run("1", timeout=kit.PATIENCE).ok()
    card = text_of(own.run("%cluster start --cpus 1 --nodes 2", timeout=kit.PATIENCE))
    assert "2 nodes" in card and re.search(r"CPUs +2 of 2 free", card) and "ready in" in card and "version" in card, card
    kit.until(lambda: nodes_used(own) == 2, kit.PATIENCE, "tasks run on both nodes")
    grown = own.run("%cluster scale 3", timeout=kit.PATIENCE).ok()
    assert "a node has joined: 3 of 3" in grown.text() and "3 nodes" in text_of(grown)
    kit.until(lambda: nodes_used(own) == 3, kit.PATIENCE, "tasks run on the third node, too")
    own.run("big := mobula.Put(make([]float64, 1<<17))").ok()
    small = own.run("%cluster scale 1", timeout=kit.PATIENCE).ok()
    assert ", 1 node" in text_of(small), text_of(small)
    assert own.run("len(big.Value())").ok().result == "131072", "what this notebook has put stays"
    assert nodes_used(own) == 1
    own.run("""type tally struct{ n int }
counted := mobula.NewActor(func() *tally { return &tally{} }, mobula.Name("counted"))
mobula.Call(counted, func(t *tally) int { t.n++; return t.n }).Value()""", timeout=kit.PATIENCE).ok()
    for verb, shown in (("timeline", "cell["), ("actors", "counted"), ("objects", "[]float64")):
        (view,) = own.run(f"%cluster {verb}", timeout=kit.PATIENCE).ok().of("display_data")
        assert shown in view["data"]["text/plain"] and f"application/vnd.mobula.{verb}.v1+json" in view["data"], view["data"]["text/plain"]
    again = text_of(own.run("%cluster start --cpus 1 --nodes 1", timeout=kit.PATIENCE))
    assert ", 1 node" in again, "the same cluster, by the same options"
    assert "add --force" in failure(own, "%cluster start --cpus 2")
    assert "131072" == own.run("len(big.Value())").ok().result, "a refusal loses nothing"
    assert re.search(r"CPUs +2 of 2 free", text_of(own.run("%cluster start --cpus 2 --force", timeout=kit.PATIENCE)))
    told = own.run("%cluster doctor", timeout=kit.PATIENCE).ok().text()
    assert "problem" not in told and "head" in told and "clock" in told and "Go toolchain" in told, told
    assert "1 to 32 nodes" in failure(own, "%cluster scale 99")


def test_a_node_that_is_killed(own):
    """SIGKILL of a node: its tasks run again elsewhere, and the cluster goes on with fewer nodes."""
    own.run("1", timeout=kit.PATIENCE).ok()
    own.run("%cluster start --cpus 1 --nodes 2", timeout=kit.PATIENCE).ok()
    kit.until(lambda: nodes_used(own) == 2, kit.PATIENCE, "tasks run on both nodes")
    guards = [p for p in own.process.children() if "--embedded" in p.cmdline() and "--address" in p.cmdline()]
    (guard,) = guards
    (node,) = [p for p in guard.children() if any(a.startswith("--embedded") for a in p.cmdline())]
    running = own.send("sum := 0\nfor _, v := range mobula.Values(mobula.Map(make([]int, 40), func(int) int { time.Sleep(50 * time.Millisecond); return 1 })) { sum += v }\nsum")
    kit.until(lambda: len(node.children(recursive=True)) > 0, kit.PATIENCE, "the node has a worker")
    node.send_signal(signal.SIGKILL)
    assert own.outcome(running, timeout=kit.PATIENCE).ok().result == "40"
    kit.until(lambda: ", 1 node" in text_of(own.run("%cluster")), kit.PATIENCE, "the cluster has one node")
    grown = text_of(own.run("%cluster scale 2", timeout=kit.PATIENCE))
    assert "2 nodes" in grown, grown


def test_use_of_a_named_cluster(lab_cluster, jupyter_path):
    _, runtime = lab_cluster
    kernel = kit.Kernel(jupyter_path, env={"XDG_RUNTIME_DIR": str(runtime)})
    try:
        kernel.run("1", timeout=kit.PATIENCE).ok()
        kernel.run("%cluster connect", timeout=kit.PATIENCE).ok()
        kernel.run("keep := mobula.Put(make([]float64, 1<<17))").ok()
        assert "add --force" in failure(kernel, "%cluster connect lab")
        assert "cluster lab" in text_of(kernel.run("%cluster use lab", timeout=kit.PATIENCE))
        listed = kernel.run("%cluster use", timeout=kit.PATIENCE).ok().text()
        assert re.search(r"^\* lab +1 nodes", listed, re.M) and re.search(r"^  own +1 nodes", listed, re.M), listed
        assert kernel.run("mobula.Go(func() int { return 6 * 7 }).Value()").ok().result == "42"
        assert "did you mean lab?" in failure(kernel, "%cluster use lap")
        assert "cluster of this notebook" in text_of(kernel.run("%cluster use own", timeout=kit.PATIENCE))
        assert kernel.run("mobula.Go(func() int { return 6 * 7 }).Value()").ok().result == "42"
        kernel.run("%cluster use lab", timeout=kit.PATIENCE).ok()
        assert "which goes on" in kernel.run("%cluster stop --yes").ok().text()
        assert "was stopped" in kernel.run("%cluster stop --yes").ok().text(), "its own, then"
    finally:
        kernel.close()


def test_a_head_by_its_address(lab_cluster, own):
    """This machine joins with a node that takes no tasks; it leaves with the notebook."""
    address, runtime = lab_cluster
    own.run("1", timeout=kit.PATIENCE).ok()
    assert "--token FILE" in failure(own, f"%cluster connect mobula://{address}")
    token = runtime / "state" / "join-token"
    card = text_of(own.run(f"%cluster connect mobula://{address} --token {token}", timeout=kit.PATIENCE))
    assert "cluster lab, 2 nodes" in card and re.search(r"CPUs +1 of 1 free", card), card
    assert own.run("mobula.Go(func() int { return 6 * 7 }).Value()", timeout=kit.PATIENCE).ok().result == "42"
    assert token.read_text().strip() not in own.run('mobula.Go(func() string { return strings.Join(os.Environ(), " ") }).Value()').ok().result
    gateway = [p for p in own.process.children() if "--embedded" in p.cmdline()]
    assert len(gateway) == 1
    own.run("%cluster stop --yes", timeout=kit.PATIENCE).ok()
    kit.gone(gateway, kit.PATIENCE, "the node by which this machine had joined ends")


def test_stop_asks_where_tasks_run(own):
    own.run("1", timeout=kit.PATIENCE).ok()
    own.run("slow := mobula.Go(func() int { time.Sleep(time.Hour); return 1 })", timeout=kit.PATIENCE).ok()
    asking = own.send("%cluster stop", allow_stdin=True)
    prompt = own.client.get_stdin_msg(timeout=kit.PATIENCE)
    assert "1 tasks have not ended" in prompt["content"]["prompt"]
    own.client.input("n")
    assert "goes on" in own.outcome(asking, timeout=kit.PATIENCE).ok().text()
    assert "was stopped" in own.run("%cluster stop", timeout=kit.PATIENCE).ok().text(), "without a user nobody is asked"
