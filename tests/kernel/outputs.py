"""What two runs of a notebook have shown, compared."""

import json
import re

# What differs from run to run: times, durations, addresses, ids of tasks and nodes.
CHANCE = re.compile(r"\d{4}-\d\d-\d\d[T ][\d:.]+Z?( \+0000 UTC)?( m=\+[\d.]+)?|\b\d+(\.\d+)?(ns|µs|ms|s)\b|0x[0-9a-f]+|\([0-9a-f]{8}\)|worker [0-9a-f]{8}")
# A bundle that shows the state of a moment, and one that comes only where tasks take long.
CLUSTER, PROGRESS = "application/vnd.mobula.cluster.v1+json", "application/vnd.mobula.progress.v1+json"


def plain(outputs):
    """The outputs of a cell without what may differ: streams are joined, and their lines sorted, since tasks and goroutines print in any order."""
    shown = []
    for o in outputs:
        if o.output_type == "stream":
            if shown and shown[-1][:2] == ["stream", o.name]:
                shown[-1][2] += o.text
            else:
                shown.append(["stream", o.name, o.text])
        elif o.output_type == "error":
            shown.append(["error", o.ename, o.evalue, o.traceback])
        elif PROGRESS in o.data:
            continue
        elif CLUSTER in o.data:
            shown.append([o.output_type, sorted(o.data)])
        else:
            shown.append([o.output_type, json.dumps([o.data, o.metadata], sort_keys=True), o.get("execution_count")])
    for s in shown:
        if s[0] == "stream":
            s[2] = "".join(sorted(s[2].splitlines(keepends=True)))
    return json.loads(CHANCE.sub("?", json.dumps(shown, ensure_ascii=False)))


def assert_same(want, have, but=()):
    """Two runs of a notebook have shown the same, but in the cells whose source begins with one of but."""
    assert len(want.cells) == len(have.cells)
    for a, b in zip(want.cells, have.cells):
        assert a.source == b.source
        if a.cell_type == "code" and not a.source.startswith(tuple(but)):
            assert b.execution_count == a.execution_count, a.source
            had, got = plain(a.outputs), plain(b.outputs)
            assert got == had, f"{a.source}\n--- showed\n{had}\n--- and then\n{got}"
    papermill = have.metadata.pop("papermill")
    assert papermill["end_time"] and not papermill["exception"]
    assert have.metadata == want.metadata
