package inspect

import (
	"context"
	"fmt"

	"mobula/cluster/headclient"
	"mobula/cluster/headwire"
	"mobula/cluster/node"
	"mobula/internal/id"
)

// Log is the log of a worker, also of one that has ended.
type Log struct {
	Node string `json:"node"`
	node.LogInfo
	NodeID id.Node `json:"-"`
}

// Identity is the id of the worker that writes it.
func (l Log) Identity() string { return l.Worker.String() }

// Logs lists the logs that the nodes have.
func Logs(ctx context.Context, c headwire.Caller) (List[Log], error) {
	told, err := fromNodes[[]node.LogInfo](ctx, c, "logs")
	if err != nil {
		return List[Log]{}, err
	}
	l := List[Log]{Rows: []Log{}, Missing: told.missing}
	for _, a := range told.list {
		for _, log := range a.data {
			l.Rows = append(l.Rows, Log{a.node, log, a.id})
		}
	}
	return l, nil
}

// ReadLog reads a part of a log from an offset on, in bytes, and tells the offset that follows. The first bytes of a long log are gone: what is there then
// begins later. A part without text is all that there is for now.
func ReadLog(ctx context.Context, c headwire.Caller, l Log, offset int64) (node.LogPart, error) {
	raw, err := headclient.AskWithin(ctx, nodesTime, c, headwire.AskNodes, headwire.Query{What: fmt.Sprintf("log %s %d", l.Worker, offset), Node: l.NodeID})
	if err != nil {
		return node.LogPart{}, err
	}
	parts, missing := decode[node.LogPart](raw)
	switch {
	case len(parts) > 0:
		return parts[0].data, nil
	case len(missing) > 0:
		return node.LogPart{}, missing[0]
	}
	return node.LogPart{}, fmt.Errorf("node %s does not answer", l.Node)
}
