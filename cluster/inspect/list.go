package inspect

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"mobula/cluster/headclient"
	"mobula/cluster/headwire"
	"mobula/cluster/sched"
	"mobula/internal/id"
)

// Limits of waiting.
const (
	headTime  = 10 * time.Second // for the head, which answers at once or not at all
	nodesTime = 30 * time.Second // for all nodes; the head gives up on each of them sooner
)

// List is what is known of one kind of things.
type List[Row any] struct {
	Rows    []Row       `json:"rows"`              // not nil
	Missing []NodeError `json:"missing,omitempty"` // the nodes whose things are not in Rows
}

// NodeError is a node that has not answered, and why.
type NodeError struct {
	Node   id.Node `json:"node"`
	Name   string  `json:"name"`
	Reason string  `json:"reason"`
}

// Error names the node and says why.
func (e NodeError) Error() string { return fmt.Sprintf("node %s: %s", e.Name, e.Reason) }

// answers are what the nodes of a cluster tell.
type answers[V any] struct {
	list    []answer[V]
	missing []NodeError
	nodes   []headwire.NodeInfo // that the head knows
}

type answer[V any] struct {
	node string // its name
	id   id.Node
	data V
}

func askHead[Out any](ctx context.Context, c headwire.Caller, m headwire.Method[headwire.None, Out]) (Out, error) {
	return headclient.AskWithin(ctx, headTime, c, m, headwire.None{})
}

// fromNodes asks all nodes.
func fromNodes[V any](ctx context.Context, c headwire.Caller, what string) (all answers[V], err error) {
	if all.nodes, err = askHead(ctx, c, headwire.ListNodes); err != nil { // before the question: a node that joins meanwhile is not missed
		return all, err
	}
	raw, err := headclient.AskWithin(ctx, nodesTime, c, headwire.AskNodes, headwire.Query{What: what})
	if err != nil {
		return all, err
	}
	if all.list, all.missing = decode[V](raw); len(all.list) == 0 && len(all.missing) > 0 {
		return all, all.missing[0]
	}
	for _, n := range all.nodes { // the head asks only those that are connected
		if n.State != sched.Dead.String() && !slices.ContainsFunc(raw, func(a headwire.Answer) bool { return a.Node == n.ID }) {
			all.missing = append(all.missing, NodeError{n.ID, n.Name, "it is not connected to the head"})
		}
	}
	return all, nil
}

// decode reads the answers, and tells which are none.
func decode[V any](raw []headwire.Answer) (all []answer[V], missing []NodeError) {
	for _, a := range raw {
		got := answer[V]{node: a.Name, id: a.Node}
		switch {
		case a.Error != "":
			missing = append(missing, NodeError{a.Node, a.Name, a.Error})
		case json.Unmarshal(a.Data, &got.data) != nil:
			missing = append(missing, NodeError{a.Node, a.Name, "it answers what this mobula cannot read: use the same release everywhere"})
		default:
			all = append(all, got)
		}
	}
	return all, missing
}

// rowsFromNodes lists what each node has a list of.
func rowsFromNodes[V, Row any](ctx context.Context, c headwire.Caller, what string, row func(node string, v V) Row) (List[Row], error) {
	told, err := fromNodes[[]V](ctx, c, what)
	if err != nil {
		return List[Row]{}, err
	}
	l := List[Row]{Rows: []Row{}, Missing: told.missing}
	for _, a := range told.list {
		for _, v := range a.data {
			l.Rows = append(l.Rows, row(a.node, v))
		}
	}
	return l, nil
}

// rowsFromHead lists what the head has a list of.
func rowsFromHead[V, Row any](ctx context.Context, c headwire.Caller, m headwire.Method[headwire.None, []V], row func(V) Row) (List[Row], error) {
	all, err := askHead(ctx, c, m)
	if err != nil {
		return List[Row]{}, err
	}
	l := List[Row]{Rows: make([]Row, 0, len(all))}
	for _, v := range all {
		l.Rows = append(l.Rows, row(v))
	}
	return l, nil
}

// nodeNames finds the node of a worker: the workers of one have ids that begin alike.
type nodeNames map[string]string

func namesOf(nodes []headwire.NodeInfo) nodeNames {
	names := nodeNames{}
	for _, n := range nodes {
		names[n.Prefix] = n.Name
	}
	return names
}

// of returns the name of a worker's node, "?" where nobody knows it any more, and "" for no worker.
func (n nodeNames) of(worker id.Worker) string {
	if worker.IsZero() {
		return ""
	}
	return cmp.Or(n[worker.String()[:16]], "?")
}
