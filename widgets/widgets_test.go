package widgets

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"mobula/display"
	"mobula/internal/cellio"
	"mobula/internal/golden"
)

// states are widgets as they may be, with what is hostile in their texts.
func states() map[string]display.Displayer {
	const began = 1_700_000_000_000
	wave := Curve{Name: "sine & <b>", X: Values{}, Y: Values{}}
	for i := range 60 {
		wave.X, wave.Y = append(wave.X, float64(i)), append(wave.Y, math.Sin(float64(i)/6))
	}
	gaps := Curve{Name: "gaps", X: Values{0, 1, 2, 3}, Y: Values{0.5, math.NaN(), math.Inf(1), -0.25}}
	return map[string]display.Displayer{
		"progress-running": Progress{ID: "w1", Title: "cell 3", State: Running, Began: began, Now: began + 4000, Bars: []Bar{
			{Name: "scan", Total: 100, Done: 40, Failed: 1, Retried: 3, Began: began, Last: began + 3900},
			{Name: `<img src=x onerror="alert(1)">`, Total: 2, Done: 2, Began: began + 100, Last: began + 1100},
		}},
		"progress-canceled": Progress{Title: "cell 4", State: Canceled, Began: began, Now: began + 90_000, Bars: []Bar{{Name: "fit", Total: 5, Done: 1, Canceled: 4, Began: began, Last: began + 90_000}}},
		"chart":             Chart{Title: "waves", State: Finished, Axes: Axes{X: "time", Y: "height"}, Series: []Curve{wave, gaps}},
		"chart-log":         Chart{Title: "loss", State: Running, Axes: Axes{X: "step", LogY: true}, Series: []Curve{{Name: "train", X: Values{1, 2, 3, 4}, Y: Values{100, 10, 0, 0.1}}}},
		"chart-empty":       Chart{Title: "nothing yet", State: Running, Series: []Curve{}},
		"table":             Table{Title: "<script>", Columns: []Column{{Name: "name"}, {Name: "n", Numeric: true}}, Rows: [][]string{{"a & b", "1"}, {"ü", "20"}}, More: 3},
		"cluster": Cluster{Title: "Mobula cluster of this notebook: 2 nodes", Own: true, Nodes: 2, Workers: 3, Address: "/run/<node>.sock", Version: "0.1.0", Took: 71, Resources: []Resource{
			{Name: "CPUs", Used: 3, Total: 4, Text: "1 of 4 free"}, {Name: "memory", Used: 0, Total: 1 << 30, Text: "1 GiB of 1 GiB free"},
		}, Tasks: []Count{{"running", 1}, {"finished", 5}}},
	}
}

// TestBundles compares with golden files, and those with the schemas.
func TestBundles(t *testing.T) {
	compiler := jsonschema.NewCompiler()
	for name, w := range states() {
		t.Run(name, func(t *testing.T) {
			data := display.Of(w)
			var text bytes.Buffer
			e := json.NewEncoder(&text)
			e.SetIndent("", "  ")
			e.SetEscapeHTML(false)
			if err := e.Encode(data); err != nil {
				t.Fatal(err)
			}
			golden.Compare(t, "testdata/"+name+".json", text.String())
			kind, _, _ := strings.Cut(name, "-")
			schema, err := compiler.Compile("schema/" + kind + ".json")
			if err != nil {
				t.Fatal(err)
			}
			state, err := jsonschema.UnmarshalJSON(bytes.NewReader(data[MIME(kind)]))
			if err == nil {
				err = schema.Validate(state)
			}
			if err != nil {
				t.Error(err)
			}
			var page string
			if err := json.Unmarshal(data[display.MIMEHTML], &page); err != nil {
				t.Fatal(err)
			}
			for _, bad := range []string{"<script", "<svg", "<style", "onerror=\"", "role=", "aria-"} {
				if strings.Contains(page, bad) {
					t.Errorf("%s in the page, which a sanitiser takes away: %s", bad, page)
				}
			}
		})
	}
	if _, err := os.Stat("schema"); err != nil {
		t.Error(err)
	}
}

func TestThinnedKeepsPeaks(t *testing.T) {
	c := Curve{Name: "spikes"}
	for i := range 100_000 {
		y := 0.0
		if i == 77_777 {
			y = 9
		}
		if i == 12_345 {
			y = -9
		}
		c.X, c.Y = append(c.X, float64(i)), append(c.Y, y)
	}
	s := c.thinned()
	least, most := 0.0, 0.0
	for i, y := range s.Y {
		least, most = min(least, y), max(most, y)
		if i > 0 && s.X[i] <= s.X[i-1] {
			t.Fatalf("x goes back at %d", i)
		}
	}
	if len(s.X) > maxPoints || least != -9 || most != 9 || s.X[0] != 0 || s.X[len(s.X)-1] != 99_999 {
		t.Errorf("%d points, %g to %g", len(s.X), least, most)
	}
	b, err := json.Marshal(Chart{Series: []Curve{s}})
	if err != nil || len(b) > 200<<10 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

func TestProgressFolds(t *testing.T) {
	p := Progress{State: Running}
	for i := range 30 {
		p.Bars = append(p.Bars, Bar{Name: "x", Total: 2, Done: 1, Began: int64(i), Last: int64(100 + i)})
	}
	f := p.folded()
	last := f.Bars[len(f.Bars)-1]
	if len(f.Bars) != maxBars || last.Total != 2*19 || last.Done != 19 || last.Name != "19 others" || last.Last != 129 || len(p.Bars) != 30 {
		t.Errorf("%d bars, %+v", len(f.Bars), last)
	}
}

func TestTicks(t *testing.T) {
	for _, tt := range []struct {
		s    scale
		want string
	}{
		{scale{from: 0, to: 10}, "[0,2,4,6,8,10]"}, {scale{from: -0.3, to: 0.31}, "[-0.2,0,0.2]"}, {scale{from: 5, to: 5}, "[5]"},
		{scale{from: -1, to: 2, log: true}, "[0.1,1,10,100]"}, {scale{from: 1e6, to: 3e6}, "[1000000,1500000,2000000,2500000,3000000]"},
	} {
		got, err := json.Marshal(Values(tt.s.ticks(6)))
		if err != nil || string(got) != tt.want {
			t.Errorf("%+v: %s, want %s", tt.s, got, tt.want)
		}
	}
}

// recorder is a front end.
type recorder struct {
	cellio.Discard
	mu   sync.Mutex
	list []cellio.Display
}

func (r *recorder) Display(d cellio.Display) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, d)
	return nil
}

func (r *recorder) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.list)
}

// TestLiveIsCoalesced: many points, few updates, and the last one always.
func TestLiveIsCoalesced(t *testing.T) {
	defer cellio.Install(cellio.Current())
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		cellio.Install(r)
		c := NewChart("loss", Axes{})
		for i := range 1000 {
			c.Add("train", float64(i), 1)
			time.Sleep(2 * time.Millisecond)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		before := r.count()
		if before < 8 || before > 14 {
			t.Errorf("%d updates in 2 s", before)
		}
		c.Add("train", 1000, 2)
		c.Done()
		c.Add("train", 1001, 3)
		c.Fail()
		time.Sleep(time.Second)
		synctest.Wait()
		last := r.list[len(r.list)-1]
		var state Chart
		if err := json.Unmarshal(last.Data[MIME("chart")], &state); err != nil {
			t.Fatal(err)
		}
		if r.list[0].Update || !last.Update || last.ID != r.list[0].ID || state.State != Finished || state.Series[0].X[len(state.Series[0].X)-1] != 1000 {
			t.Errorf("%+v", last)
		}
		if n := r.count(); n > before+3 {
			t.Errorf("%d updates after the end", n-before)
		}
	})
}

func TestLineChart(t *testing.T) {
	c := NewChart("x", Axes{})
	if err := c.Set("a", []float64{1}, nil); err == nil || !strings.Contains(err.Error(), "1 x and 0 y") {
		t.Error(err)
	}
	if err := c.Set("a", []float64{1, 2}, []float64{3, 4}); err != nil {
		t.Error(err)
	}
	before := c.State()
	c.Add("a", 3, 5)
	if len(before.Series[0].X) != 2 || len(c.State().Series[0].X) != 3 {
		t.Error(before, c.State())
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for i := range 200 {
				c.Add("b", float64(i), 0)
				c.State()
			}
		})
	}
	group.Wait()
	if s := c.State(); len(s.Series[1].Y) != 800 {
		t.Error(len(s.Series[1].Y))
	}
	c.Done()
}

func TestTableOfUnevenRows(t *testing.T) {
	b := Table{Title: "t", Columns: []Column{{Name: "a"}}, Rows: [][]string{{"1", "2"}}}.Bundle()
	if text := b[display.MIMEText].(string); text != "table t: row 0 has 2 cells and there are 1 columns" {
		t.Error(text)
	}
	many := Table{Columns: []Column{{Name: "a"}}}
	for range maxRows + 5 {
		many.Rows = append(many.Rows, []string{"x"})
	}
	if s := many.Bundle()[MIME("table")].(Table); len(s.Rows) != maxRows || s.More != 5 {
		t.Error(len(s.Rows), s.More)
	}
}
