package widgets

import (
	"fmt"
	"math"
	"strings"
	"time"

	"mobula/display"
)

// start is when the samples begin.
var start = time.Date(2026, 11, 27, 21, 0, 0, 0, time.UTC)

// evil is what a name may hold.
const evil = `<img src=x onerror="document.title='hacked'"><script>document.title='hacked'</script>&'"`

// kindOf tells the kind of a sample by its name, which begins with it.
func kindOf(sample string) string {
	kind, _, _ := strings.Cut(sample, "-")
	return kind
}

// samples are the widgets of the golden files, by name.
func samples() map[string]display.Displayer {
	return map[string]display.Displayer{
		"cluster":           sampleCluster(),
		"cluster-empty":     Cluster{Title: "Cluster of this notebook", State: "starting", Own: true},
		"cluster-lost":      Cluster{Title: evil, State: "lost", Message: "The head does not answer: " + evil, NodesOmitted: 2},
		"progress":          sampleProgress(),
		"progress-done":     Progress{Title: "fit", Counts: Counts{Total: 4, Done: 4}, State: StateDone, Started: start, Updated: start.Add(2 * time.Second), EndedAt: start.Add(2 * time.Second)},
		"progress-failed":   Progress{Title: evil, Unit: "files", Counts: Counts{Done: 7, Failed: 1}, State: StateFailed, Error: "cell[3]:7: " + evil, Started: start, EndedAt: start.Add(90 * time.Second)},
		"progress-stopped":  stoppedOf(sampleProgress()),
		"chart-stopped":     stoppedOf(sampleChart()),
		"progress-unknown":  Progress{Title: "lines", Counts: Counts{Done: 12}, Started: start, Updated: start.Add(time.Second), Rate: 12},
		"timeline":          sampleTimeline(),
		"timeline-empty":    TimelineOf("nothing ran", nil, start),
		"table":             sampleTable(),
		"table-empty":       TableOf([]struct{ A int }{}),
		"table-long":        longTable(),
		"chart":             sampleChart(),
		"chart-empty":       Chart{Title: "loss", X: Axis{Label: "step"}},
		"chart-log":         logChart(),
		"chart-many":        manyLines(),
		"chart-static":      Chart{Title: evil, X: Axis{Label: evil}, Y: Axis{Label: evil}, Series: []Series{{Name: evil, Y: Values{3, 1, 2}}}},
		"actors":            sampleActors(),
		"objects":           sampleObjects(),
		"objects-none":      Objects{Title: "Objects"},
		"progress-children": manyChildren(),
	}
}

// stoppedOf is what replaces a view whose process has ended.
func stoppedOf(w display.Displayer) display.Displayer {
	view, err := Stopped(display.Of(w), start.Add(5*time.Second))
	if err != nil {
		panic(err)
	}
	return view
}

func sampleCluster() Cluster {
	node := func(i int, state string, free float64) Node {
		return Node{ID: fmt.Sprintf("%016x", i), Name: fmt.Sprintf("node-%d", i), State: state, Workers: 2 * i, Store: &Store{Used: int64(i) << 28, Capacity: 4 << 30, Spilled: int64(i-1) << 20},
			Resources: []Resource{{"CPU", "", free, 8}, {"GPU", "", 1, 2}, {"memory", "bytes", 3 << 30, 16 << 30}}}
	}
	return Cluster{
		Title: "Cluster manta", State: "connected", Via: "node-1", Address: "/run/mobula/node.sock", Workers: 12, Version: "0.1.0", ConnectedIn: 0.069,
		Nodes: []Node{node(1, "alive", 2.5), node(2, "alive", 0), node(3, "dead", 8)}, NodesOmitted: 1,
		Resources: []Resource{{"CPU", "", 2.5, 16}, {"GPU", "", 2, 4}, {"memory", "bytes", 6 << 30, 32 << 30}}, Store: &Store{Used: 3 << 28, Capacity: 8 << 30},
		Tasks: map[string]int{"running": 14, "finished": 1200, "failed": 2}, Waiting: []Waiting{{Tasks: 3, What: "4 CPU, 1 GPU", Reason: "no node has 4 CPU free"}},
		Jobs:      []Job{{ID: "a1b2c3d4", Name: "notebook " + evil, State: "running", Created: start}},
		Dashboard: true, DashboardURL: "http://127.0.0.1:8265/", Tunnel: "ssh -L 8265:127.0.0.1:8265 alice@head", Scalable: true, Updated: start,
	}
}

func sampleProgress() Progress {
	return Progress{
		ID: "widget-1", Title: "cell 3", Counts: Counts{Total: 100, Done: 48, Failed: 2, Retried: 3, Running: 8, Queued: 42}, Rate: 12.34, ETA: 4.05, Started: start, Updated: start.Add(4 * time.Second),
		Children: []Progress{
			{Title: "scan", Counts: Counts{Total: 60, Done: 48, Failed: 2, Running: 8, Queued: 2}, State: StateRunning, Rate: 12.34, ETA: 0.81, Started: start, Updated: start.Add(4 * time.Second)},
			{Title: evil, Counts: Counts{Total: 40, Queued: 40}, Started: start, Updated: start},
		},
	}
}

func manyChildren() Progress {
	p := Progress{Title: "all", State: StateCancelled, Started: start, EndedAt: start.Add(time.Minute)}
	for i := range 600 {
		p.Children = append(p.Children, Progress{Title: fmt.Sprintf("part %d", i), Counts: Counts{Total: 2, Done: 1, Cancelled: 1}, State: StateCancelled, Started: start, EndedAt: start.Add(time.Minute)})
	}
	return p
}

func sampleTimeline() Timeline {
	var attempts []Attempt
	for i := range 40 {
		begin := start.Add(time.Duration(i) * 50 * time.Millisecond)
		a := Attempt{Name: []string{"scan", "merge", evil}[i%3], Task: fmt.Sprintf("t%d", i), Number: 1, Node: fmt.Sprintf("node-%d", 1+i%2), Worker: fmt.Sprintf("w%d", i%4),
			State: "finished", Begin: begin, End: begin.Add(time.Duration(100+i%7*40) * time.Millisecond)}
		switch {
		case i%13 == 5:
			a.State = "failed"
		case i == 39:
			a.State, a.End = "running", time.Time{}
		}
		attempts = append(attempts, a)
	}
	return TimelineOf("cell 3", attempts, start.Add(3*time.Second))
}

func sampleTable() Table {
	return TableOf([]struct {
		Name string
		Span float64
		Note any
	}{{"manta", 7, nil}, {"mobula", 5.2, evil}, {"eagle ray", 10, []int{1, 2}}}, display.Caption("Rays"))
}

func longTable() Table {
	rows := make([]map[string]any, 5000)
	for i := range rows {
		rows[i] = map[string]any{"i": i, "text": strings.Repeat("x", 150), "more": strings.Repeat("é", 300)}
	}
	return TableOf(rows, display.MaxRows(3000))
}

func sampleChart() Chart {
	c := Chart{Title: "loss", X: Axis{Label: "step"}, Y: Axis{Label: "loss"}, State: StateRunning, Updated: start}
	for i, name := range []string{"train", "valid"} {
		s := Series{Name: name}
		for x := range 50 {
			s.X, s.Y = append(s.X, float64(x)), append(s.Y, math.Round(1000*(math.Exp(-float64(x)/20)+0.1*float64(i)))/1000)
		}
		c.Series = append(c.Series, s)
	}
	c.Series[1].Y[20], c.Series[1].Y[21] = math.NaN(), math.Inf(1)
	c.Series[0].Emphasis = Strong
	return c
}

func logChart() Chart {
	c := Chart{Title: "error", X: Axis{Label: "time", Time: true}, Y: Axis{Log: true}, State: StateDone}
	s := Series{Name: "error"}
	for i := range 30 {
		s.X, s.Y = append(s.X, float64(start.Unix()+int64(i)*60)), append(s.Y, math.Pow(10, -float64(i)/6))
	}
	s.Y[3] = 0 // has no place on the axis
	c.Series = []Series{s}
	return c
}

func manyLines() Chart {
	c := Chart{Title: "trials", X: Axis{Label: "epoch"}, Y: Axis{Label: "accuracy"}, State: StateFailed, Error: "trial 7: out of memory"}
	for i := range 130 {
		s := Series{Name: fmt.Sprintf("trial %d", i), Emphasis: Faded}
		if i == 120 {
			s.Emphasis = Strong
		}
		for x := range 100 {
			s.X, s.Y = append(s.X, float64(x)), append(s.Y, math.Round(1e6*math.Tanh(float64(x*(i+1))/5000))/1e6)
		}
		c.Series = append(c.Series, s)
	}
	return c
}

func sampleActors() Actors {
	return Actors{Title: "Actors", Omitted: 2, Updated: start, Actors: []Actor{
		{ID: "aa01", Name: "hits", Class: "*main.Counter", State: "alive", Node: "node-1", Worker: "w1", Restarts: 1, Detached: true, Created: start},
		{ID: "aa02", Class: evil, State: "dead", Reason: "its node is gone: " + evil, Created: start.Add(time.Minute)},
	}}
}

func sampleObjects() Objects {
	return Objects{Title: "Objects", Bytes: 3<<30 + 700, Store: &Store{Used: 3 << 30, Capacity: 4 << 30}, Objects: []Object{
		{ID: "ob01", Node: "node-1", Size: 3 << 30, State: "sealed", Refs: 2, Pins: 1, Owner: "job a1b2"},
		{ID: evil, Node: "node-2", Size: 700, State: "spilled", Owner: "job a1b2"},
	}}
}
