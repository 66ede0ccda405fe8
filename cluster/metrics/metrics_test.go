package metrics

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"mobula/cluster/headwire"
	"mobula/cluster/node"
	"mobula/cluster/sched"
	"mobula/internal/golden"
	"mobula/internal/id"
	"mobula/objstore"
)

// cluster stands for a head. err is what it answers, if it does.
type cluster struct {
	head  headwire.HeadFigures
	nodes []headwire.Answer
	err   error
}

func (c *cluster) Call(_ context.Context, method string, in, out any) error {
	if c.err != nil {
		return c.err
	}
	switch method {
	case string(headwire.GetFigures):
		*out.(*headwire.HeadFigures) = c.head
	case string(headwire.AskNodes):
		if in.(headwire.Query).What != "figures" {
			return fmt.Errorf("asked for %v", in)
		}
		*out.(*[]headwire.Answer) = c.nodes
	}
	return nil
}

func example() *cluster {
	c := &cluster{head: headwire.HeadFigures{
		Cluster: "c1", Version: "1.0", Started: 1_700_000_000_500, Index: 17, Proposed: 5, Connections: 3, Nodes: map[string]int{"alive": 2, "dead": 1},
		Jobs: map[string]int{"running": 1}, Actors: map[string]int{"alive": 4}, Groups: map[string]int{"created": 1}, Workers: 6, Waiting: 7,
		Total: sched.Resources{CPU: sched.Whole(8), Memory: 32 << 30, Custom: map[string]sched.Amount{"license": sched.One / 2}}, Free: sched.Resources{CPU: sched.Whole(8) - sched.One/2, Memory: 30 << 30},
		Demands: 2, Slots: 9, Assigned: 11, Refused: 1, Passes: 20, Seconds: 0.25,
	}}
	f := node.Figures{
		Name: "a", Version: "1.0", Started: time.Unix(1_700_000_001, 0), Entered: map[string]uint64{"finished": 30, "failed": 2}, Tasks: map[string]int{"running": 3},
		Total: sched.Resources{CPU: sched.Whole(4), GPU: sched.One}, Free: sched.Resources{CPU: -sched.One}, Leases: 2, Slots: 5, Blocked: 1, Waiting: 6, Requests: 2, Oldest: 1.5,
		Clients: map[string]int{"driver": 1}, Workers: node.WorkerFigures{States: map[string]int{"ready": 2}, Resident: 1 << 20, Started: 9, Ended: map[string]uint64{node.EndMemory: 1}},
		Store: &objstore.Stats{Capacity: 1 << 30, SpilledTotal: 4096},
	}
	f.Sent.Bytes, f.Fetched.Bytes = 10, 20
	for i, name := range []string{"a", "a", "quote\"d"} {
		data, err := json.Marshal(f)
		if err != nil {
			panic(err)
		}
		c.nodes = append(c.nodes, headwire.Answer{Node: id.Node{ID: id.ID{0, 0, 15: byte(i)}}, Name: name, Data: data})
		f.Store = nil
	}
	c.nodes[2].Data, c.nodes[2].Error = nil, "it hangs"
	return c
}

func get(h http.Handler) (int, string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Code, w.Body.String()
}

func TestExposition(t *testing.T) {
	c := example()
	code, text := get(Handler(slog.New(slog.DiscardHandler), Head(c), Nodes(c)))
	if code != http.StatusOK {
		t.Fatal(code, text)
	}
	golden.Compare(t, "testdata/exposition.txt", text)
	_, own := get(Handler(slog.New(slog.DiscardHandler), Node(func() node.Figures { return node.Figures{Name: "b"} }), Process()))
	for _, want := range []string{"mobula_node_leases{node=\"b\"} 0\n", "\ngo_goroutines ", "\nprocess_cpu_seconds_total "} {
		if !strings.Contains(own, want) {
			t.Errorf("a node's own lack %q", want)
		}
	}
	if strings.Contains(own, "mobula_node_store_") {
		t.Error("a node without a store tells of one")
	}
}

func TestConventions(t *testing.T) {
	c := example()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(Head(c), Nodes(c))
	problems, err := testutil.GatherAndLint(registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// TestHeadIsAway: what can be gathered is, and what cannot is told.
func TestHeadIsAway(t *testing.T) {
	c := &cluster{err: errors.New("no connection to the head")}
	var log strings.Builder
	code, text := get(Handler(slog.New(slog.NewTextHandler(&log, nil)), Head(c), Nodes(c), Process()))
	if code != http.StatusOK || !strings.Contains(text, "go_goroutines") || strings.Contains(text, "mobula_") {
		t.Error(code, text)
	}
	if !strings.Contains(log.String(), "no connection to the head") {
		t.Errorf("the log is %q", &log)
	}
	if code, text = get(Handler(slog.New(slog.DiscardHandler), Head(c))); code != http.StatusInternalServerError {
		t.Error(code, text)
	}
}

// TestDocs: docs/metrics.md lists all metrics.
func TestDocs(t *testing.T) {
	const path, begin, end = "../../docs/metrics.md", "<!-- begin -->\n", "<!-- end -->\n"
	var rows strings.Builder
	row := func(name, help string, kind kind, labels ...string) {
		word := map[prometheus.ValueType]string{gauge: "gauge", counter: "counter", prometheus.UntypedValue: "summary"}[kind]
		fmt.Fprintf(&rows, "| `%s` | %s | %s | %s |\n", name, word, strings.Join(labels, ", "), help)
	}
	rows.WriteString("| name | kind | labels | what it is |\n|---|---|---|---|\n")
	for _, m := range headMetrics {
		row(m.name, m.help, m.kind, m.labels...)
	}
	row(placementName, placementHelp, prometheus.UntypedValue)
	row(upName, upHelp, gauge, "node")
	for _, m := range nodeMetrics {
		row(m.name, m.help, m.kind, append([]string{"node"}, m.labels...)...)
	}
	for _, m := range storeMetrics {
		row(m.name, m.help, m.kind, append([]string{"node"}, m.labels...)...)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(data), begin)
	_, after, ended := strings.Cut(rest, end)
	if !ok || !ended {
		t.Fatalf("%s has not the lines %q and %q", path, begin, end)
	}
	golden.Compare(t, path, before+begin+rows.String()+end+after)
}
