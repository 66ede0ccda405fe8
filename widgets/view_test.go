package widgets

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mobula/display"
	"mobula/internal/cellio"
)

// recorder stands for the front end.
type recorder struct {
	cellio.Discard

	mu       sync.Mutex // guards displays
	displays []cellio.Display
}

func (r *recorder) Display(d cellio.Display) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.displays = append(r.displays, d)
	return nil
}

// shown returns how many states were shown, and decodes the last one.
func (r *recorder) shown(t *testing.T, kind string, into any) int {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	last := r.displays[len(r.displays)-1]
	if err := json.Unmarshal(last.Data[MIME(kind)], into); err != nil {
		t.Fatalf("%s: %v", last.Data, err)
	}
	return len(r.displays)
}

func record(t *testing.T) *recorder {
	t.Helper()
	r, old := &recorder{}, cellio.Current()
	cellio.Install(r)
	t.Cleanup(func() { cellio.Install(old) })
	return r
}

func TestChartView(t *testing.T) {
	r := record(t)
	synctest.Test(t, func(t *testing.T) {
		v := NewChart(Chart{Title: "loss", Y: Axis{Log: true}, Series: []Series{{Name: "a", Y: Values{1, 2}}}})
		v.Add("a", 2, 3)
		v.Add("b", 0, 1)
		v.Set("c", []float64{1, 2}, []float64{3, 4})
		v.Emphasize("b", Strong)
		v.Add("b", 1, math.NaN())
		v.Fail(errors.New("out of memory"))
		v.Done()
		v.Add("b", 2, 2)
		var c Chart
		if n := r.shown(t, "chart", &c); n != 2 {
			t.Errorf("%d states", n)
		}
		got := strings.ReplaceAll(string(encode(c.Series)), "{", "\n{")
		want := `[
{"name":"a","x":[0,1,2],"y":[1,2,3],"points":3},
{"name":"b","x":[0,1],"y":[1,null],"points":2,"emphasis":"strong"},
{"name":"c","x":[1,2],"y":[3,4],"points":2}]`
		if got != want || c.State != StateFailed || c.Error != "out of memory" || !c.Y.Log {
			t.Errorf("%+v %s", c, got)
		}
	})
}

// A long line takes the memory of some thousands, and shows its peak, its first and its last point.
func TestChartViewIsBounded(t *testing.T) {
	r := record(t)
	v := NewChart(Chart{Title: "long"})
	const n = 300_000
	for i := range n {
		y := math.Sin(float64(i) / 1000)
		if i == 123_456 {
			y = 50
		}
		v.Add("y", float64(i), y)
	}
	if kept := v.curves[0].len(); kept > 2*maxPoints || cap(v.curves[0].x) > 4*maxPoints {
		t.Errorf("%d points are kept, in a slice of %d", kept, cap(v.curves[0].x))
	}
	v.Done()
	var c Chart
	r.shown(t, "chart", &c)
	s := c.Series[0]
	if _, high := extent(s.Y); s.Points != n || len(s.X) > maxPoints || high != 50 || s.X[0] != 0 || s.X[len(s.X)-1] != n-1 {
		t.Errorf("%d of %d points, from %g to %g, highest %g", len(s.X), s.Points, s.X[0], s.X[len(s.X)-1], high)
	}
}

func TestProgressView(t *testing.T) {
	r := record(t)
	synctest.Test(t, func(t *testing.T) {
		root := NewProgress(Progress{Title: "cell 3"})
		scan := root.Child(Progress{Title: "scan", Counts: Counts{Total: 100, Queued: 100}})
		merge := root.Child(Progress{Title: "merge", Counts: Counts{Total: 10, Queued: 10}})
		for range 50 {
			time.Sleep(100 * time.Millisecond)
			scan.Update(func(c *Counts) { c.Queued--; c.Done++ })
		}
		time.Sleep(time.Second)
		synctest.Wait()
		var p Progress
		n := r.shown(t, "progress", &p)
		if n < 20 || n > 32 {
			t.Errorf("%d states in 6 s", n)
		}
		if p.Total != 110 || p.Done != 50 || p.Queued != 60 || len(p.Children) != 2 || p.Rate < 9.5 || p.Rate > 10.5 || p.ETA < 5.7 || p.ETA > 6.3 {
			t.Errorf("%+v", p)
		}
		if silent := time.Since(p.Updated); silent != time.Second {
			t.Errorf("silent for %v", silent)
		}
		merge.Fail(errors.New("no room"))
		merge.Add(1) // has ended
		scan.Done()
		root.Cancelled()
		root.Done()
		scan.Add(1)
		p = Progress{}
		r.shown(t, "progress", &p)
		if p.State != StateCancelled || p.Children[0].State != StateDone || p.Children[1].State != StateFailed || p.Children[1].Error != "no room" || p.Done != 50 || p.EndedAt.IsZero() || p.Rate != 0 {
			t.Errorf("%+v", p)
		}
	})
}

// A bar whose parts are still running leaves none of them half way.
func TestProgressEndsItsParts(t *testing.T) {
	r := record(t)
	v := NewProgress(Progress{Title: "all", Children: []Progress{{Title: "part"}}})
	v.Child(Progress{Title: "other"}).Done()
	v.Stop()
	var p Progress
	r.shown(t, "progress", &p)
	if p.State != StateStopped || p.Children[0].State != StateStopped || p.Children[1].State != StateDone {
		t.Errorf("%+v", p)
	}
}

func TestCancel(t *testing.T) {
	r := record(t)
	synctest.Test(t, func(t *testing.T) {
		v := NewProgress(Progress{Title: "long", Counts: Counts{Total: 10}})
		cancelled := 0
		v.OnCancel(func() { cancelled++; v.Cancelled() })
		time.Sleep(time.Second)
		synctest.Wait()
		var p Progress
		r.shown(t, "progress", &p)
		if p.ID == "" {
			t.Fatal("there is no id to cancel by")
		}
		if err := Cancel(p.ID); err != nil {
			t.Error(err)
		}
		if err := Cancel(p.ID); err == nil {
			t.Error("it is cancelled twice")
		}
		synctest.Wait()
		id := p.ID
		p = Progress{}
		r.shown(t, "progress", &p)
		if cancelled != 1 || p.State != StateCancelled || p.ID != "" {
			t.Errorf("cancelled %d times: %+v", cancelled, p)
		}
		w := NewProgress(Progress{})
		w.OnCancel(func() { t.Error("cancelled after its end") })
		w.Done()
		for _, gone := range []string{id, w.tree.updater.ID(), "nothing"} {
			if err := Cancel(gone); err == nil || !strings.Contains(err.Error(), "nothing to cancel") {
				t.Errorf("%s: %v", gone, err)
			}
		}
	})
}

func TestView(t *testing.T) {
	r := record(t)
	v := NewView(Actors{Title: "1"})
	v.Update(Actors{Title: "2"})
	v.Update(Actors{Title: "3"})
	v.Close()
	v.Update(Actors{Title: "4"})
	var a Actors
	if n := r.shown(t, "actors", &a); n != 2 || a.Title != "3" {
		t.Errorf("%d states, the last %+v", n, a)
	}
	if r.displays[0].ID != r.displays[1].ID || r.displays[0].Update || !r.displays[1].Update {
		t.Errorf("%+v", r.displays)
	}
}

// Views are used by many goroutines; go test -race looks.
func TestViewsAreShared(t *testing.T) {
	record(t)
	chart, bar := NewChart(Chart{}), NewProgress(Progress{})
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			part := bar.Child(Progress{})
			for j := range 500 {
				chart.Add("y", float64(j), float64(i))
				part.Add(1)
			}
			part.Done()
		})
	}
	all.Wait()
	chart.Done()
	bar.Done()
	if n := chart.snapshot().Series[0].Points; n != 2000 {
		t.Errorf("%d points", n)
	}
	if p := bar.tree.snapshot(time.Now()); p.Done != 2000 {
		t.Errorf("%+v", p)
	}
}

func TestPace(t *testing.T) {
	begin := time.Unix(0, 0)
	at := func(s float64) time.Time { return begin.Add(time.Duration(s * float64(time.Second))) }
	var p pace
	if r := p.rate(begin, begin); r != 0 {
		t.Errorf("before the start: %g", r)
	}
	for s := range 61 { // one a minute tells only as a whole
		p.note(at(float64(s)), s/60)
	}
	if r := p.rate(begin, at(60)); r != 1.0/60 {
		t.Errorf("slow: %g", r)
	}
	for s := 61; s < 100; s++ { // then 100 a second
		p.note(at(float64(s)), 1+(s-60)*100)
	}
	if r := p.rate(begin, at(99)); math.Abs(r-100) > 1 {
		t.Errorf("of late: %g", r)
	}
}

func TestTimelineOf(t *testing.T) {
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	tl := TimelineOf("x", []Attempt{
		{Name: "b", Node: "n2", Worker: "w", State: "running", Begin: at(4)},
		{Name: "a", Node: "n1", Worker: "w", State: "finished", Begin: at(0), End: at(2)},
		{Name: "a", Node: "n1", Worker: "w", State: "failed", Begin: at(1), End: at(3)},
		{Name: "a", Node: "n1", Worker: "w", State: "finished", Begin: at(2), End: at(5)},
	}, at(10))
	got := string(encode(tl))
	want := `{"title":"x","begin":"2026-11-27T21:00:00Z","seconds":10,` +
		`"lanes":[{"node":"n1","worker":"w"},{"node":"n1","worker":"w"},{"node":"n2","worker":"w"}],"spans":[` +
		`{"lane":0,"name":"a","state":"finished","at":0,"seconds":2},{"lane":1,"name":"a","state":"failed","at":1,"seconds":2},` +
		`{"lane":0,"name":"a","state":"finished","at":2,"seconds":3},{"lane":2,"name":"b","state":"running","at":4,"seconds":6}],` +
		`"totals":[{"name":"a","attempts":3,"failed":1,"seconds":7,"longest":3},{"name":"b","attempts":1,"failed":0,"seconds":6,"longest":6}],"updated":"2026-11-27T21:00:10Z"}`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// What is long is cut, and says how much is left out.
func TestCuts(t *testing.T) {
	many := make([]Attempt, 20_000)
	for i := range many {
		many[i] = Attempt{Name: strings.Repeat("é", 300), Node: "n", Worker: string(rune('a' + i%300)), State: "finished", Begin: start.Add(time.Duration(i) * time.Millisecond), End: start.Add(time.Duration(2*i) * time.Millisecond)}
	}
	var tl Timeline
	raw := TimelineOf(evil, many, start).JSON()
	if err := json.Unmarshal(raw, &tl); err != nil || len(raw) > maxData || len(tl.Spans) < 300 || len(tl.Spans)+tl.SpansOmitted != 20_000 || len(tl.Lanes) != maxLanes || tl.LanesOmitted < 100 {
		t.Errorf("timeline: %d bytes, %d spans and %d more, %d lanes and %d more, %v", len(raw), len(tl.Spans), tl.SpansOmitted, len(tl.Lanes), tl.LanesOmitted, err)
	}
	var c Cluster
	raw = Cluster{Nodes: make([]Node, 3000), Resources: make([]Resource, 60), Jobs: make([]Job, 60), Waiting: make([]Waiting, 60), NodesOmitted: 1}.JSON()
	if err := json.Unmarshal(raw, &c); err != nil || len(c.Nodes) != maxNodes || c.NodesOmitted != 2501 || len(c.Jobs) != maxListed {
		t.Errorf("cluster: %d nodes and %d more, %v", len(c.Nodes), c.NodesOmitted, err)
	}
	var p Progress
	raw = manyChildren().JSON()
	if err := json.Unmarshal(raw, &p); err != nil || len(p.Children) != 500 || p.ChildrenOmitted != 100 || p.Children[499].Title != "part 599" {
		t.Errorf("progress: %d children and %d more, %v", len(p.Children), p.ChildrenOmitted, err)
	}
	var table Table
	raw = longTable().JSON()
	if err := json.Unmarshal(raw, &table); err != nil || len(table.Rows) < 300 || len(table.Rows)+table.RowsOmitted != 5000 {
		t.Errorf("table: %d rows and %d more, %v", len(table.Rows), table.RowsOmitted, err)
	}
	var chart Chart
	raw = manyLines().JSON()
	if err := json.Unmarshal(raw, &chart); err != nil || len(raw) < maxData/2 || chart.SeriesOmitted != 30 || chart.Series[0].Name != "trial 120" || chart.Series[0].Points != 100 {
		t.Errorf("chart: %d bytes, %d series and %d more, %v", len(raw), len(chart.Series), chart.SeriesOmitted, err)
	}
	var a Actors
	if err := json.Unmarshal(Actors{Actors: make([]Actor, 3000)}.JSON(), &a); err != nil || len(a.Actors)+a.Omitted != 3000 || len(a.Actors) > maxThings {
		t.Errorf("actors: %d and %d more, %v", len(a.Actors), a.Omitted, err)
	}
	var o Objects
	if err := json.Unmarshal(Objects{Objects: make([]Object, 3000)}.JSON(), &o); err != nil || len(o.Objects)+o.Omitted != 3000 || len(o.Objects) > maxThings {
		t.Errorf("objects: %d and %d more, %v", len(o.Objects), o.Omitted, err)
	}
}

// TestTableOf: what is returned does not change with the rows.
func TestTableOf(t *testing.T) {
	rows := []map[string]int{{"a": 1}}
	table := TableOf(rows)
	rows[0]["a"] = 2
	if got := table.Display()[display.MIMEText]; got != "a\n1" {
		t.Errorf("%s", got)
	}
	if got := TableOf(7); !strings.Contains(got.Title, "a int is no table") {
		t.Errorf("%+v", got)
	}
}

func BenchmarkChart(b *testing.B) {
	c := Chart{Title: "20 lines"}
	for range 20 {
		s := Series{Name: "y"}
		for i := range maxPoints {
			s.X, s.Y = append(s.X, float64(i)), append(s.Y, math.Sin(float64(i)/100))
		}
		c.Series = append(c.Series, s)
	}
	for b.Loop() {
		c.Display()
	}
}
