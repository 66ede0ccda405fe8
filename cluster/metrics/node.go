package metrics

import (
	"encoding/json"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"mobula/cluster/headwire"
	"mobula/cluster/node"
	"mobula/objstore"
)

// Nodes gathers the figures of all nodes of a cluster, each with its name as the label node.
func Nodes(c headwire.Caller) prometheus.Collector { return &nodes{c, newNodeTable()} }

type nodes struct {
	caller headwire.Caller
	table  *nodeTable
}

// Describe describes all.
func (n *nodes) Describe(to chan<- *prometheus.Desc) {
	n.table.describe(to)
	to <- upDesc
}

// Collect asks all nodes.
func (n *nodes) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := within()
	defer cancel()
	answers, err := headwire.Ask(ctx, n.caller, headwire.AskNodes, headwire.Query{What: "figures"})
	if err != nil {
		fail(to, fmt.Errorf("ask the nodes for their figures: %w", err))
		return
	}
	told := map[string]bool{}
	for _, a := range answers {
		name := a.Name
		if told[name] { // two of one name: the id tells them apart
			name += "-" + a.Node.Short()
		}
		told[name] = true
		var f node.Figures
		up := 0.0
		if a.Error == "" && json.Unmarshal(a.Data, &f) == nil {
			up = 1
			n.table.collect(to, &f, name)
		}
		to <- prometheus.MustNewConstMetric(upDesc, gauge, up, name)
	}
}

const (
	upName = "mobula_node_up"
	upHelp = "Whether a node that is connected to the head has answered: 1, or 0. Only the head tells this."
)

var upDesc = prometheus.NewDesc(upName, upHelp, []string{"node"}, nil)

// Node gathers the figures of one node, where it serves them itself: figures is node.Node.Figures.
func Node(figures func() node.Figures) prometheus.Collector { return &single{figures, newNodeTable()} }

type single struct {
	figures func() node.Figures
	table   *nodeTable
}

// Describe describes all.
func (s *single) Describe(to chan<- *prometheus.Desc) { s.table.describe(to) }

// Collect has the node count.
func (s *single) Collect(to chan<- prometheus.Metric) {
	f := s.figures()
	s.table.collect(to, &f, f.Name)
}

// nodeTable is all metrics of nodes. Those of the object store are told where there is one.
type nodeTable struct {
	own   *table[nodeFigures]
	store *table[objstore.Stats]
}

func newNodeTable() *nodeTable {
	return &nodeTable{newTable(nodeMetrics, "node"), newTable(storeMetrics, "node")}
}

func (t *nodeTable) describe(to chan<- *prometheus.Desc) {
	t.own.describe(to)
	t.store.describe(to)
}

func (t *nodeTable) collect(to chan<- prometheus.Metric, f *nodeFigures, name string) {
	t.own.collect(to, f, name)
	if f.Store != nil {
		t.store.collect(to, f.Store, name)
	}
}
