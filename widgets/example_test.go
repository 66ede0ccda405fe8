package widgets_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"mobula/display"
	"mobula/internal/cellio"
	"mobula/widgets"
)

// printer stands for the front end: it prints the plain text of what is shown.
type printer struct{ cellio.Discard }

func (printer) Display(d cellio.Display) error {
	var text string
	if err := json.Unmarshal(d.Data[display.MIMEText], &text); err != nil {
		return err
	}
	fmt.Println(text)
	return nil
}

func show() { cellio.Install(printer{}) }

// quiet shows nothing, where the time would be in the text.
func quiet() { cellio.Install(cellio.Discard{}) }

func ExampleNewChart() {
	show()
	chart := widgets.NewChart(widgets.Chart{Title: "loss", X: widgets.Axis{Label: "step"}, Y: widgets.Axis{Log: true}})
	defer chart.Stop() // a chart always shows how it ended
	for step := range 100 {
		chart.Add("train", float64(step), math.Exp(-float64(step)/20))
	}
	chart.Done()
	// Output:
	// loss: step, running
	// loss: step, done
	//   train: 100 points, last 0.0070834, from 0.0070834 to 1
}

func ExampleChartView_Add() {
	show()
	chart := widgets.NewChart(widgets.Chart{Title: "y"})
	chart.Add("a", 0, 1)
	chart.Add("a", 1, math.NaN()) // a gap
	chart.Add("a", 2, 3)
	chart.Done()
	// Output:
	// y, running
	// y, done
	//   a: 3 points, last 3, from 1 to 3
}

func ExampleChartView_Set() {
	show()
	chart := widgets.NewChart(widgets.Chart{Title: "spectrum"})
	chart.Set("now", []float64{1, 2, 3}, []float64{0, 5, 1})
	chart.Stop()
	// Output:
	// spectrum, running
	// spectrum, stopped
	//   now: 3 points, last 1, from 0 to 5
}

func ExampleChartView_Emphasize() {
	quiet()
	chart := widgets.NewChart(widgets.Chart{Title: "trials"})
	chart.Add("trial 1", 0, 0.5)
	chart.Add("trial 2", 0, 0.7)
	chart.Emphasize("trial 1", widgets.Faded)
	chart.Emphasize("trial 2", widgets.Strong)
	chart.Done()
	// Output:
}

func ExampleChartView_Done() {
	show()
	widgets.NewChart(widgets.Chart{Title: "loss"}).Done()
	// Output:
	// loss, running
	// loss, done
}

func ExampleChartView_Stop() {
	show()
	chart := widgets.NewChart(widgets.Chart{Title: "loss"})
	defer chart.Stop()
	// Output:
	// loss, running
	// loss, stopped
}

func ExampleChartView_Fail() {
	show()
	widgets.NewChart(widgets.Chart{Title: "loss"}).Fail(errors.New("out of memory"))
	// Output:
	// loss, running
	// loss, failed: out of memory
}

func ExampleChart() {
	show()
	display.Show(widgets.Chart{Title: "squares", Series: []widgets.Series{{Name: "n²", Y: widgets.Values{0, 1, 4, 9}}}})
	// Output:
	// squares
	//   n²: 4 points, last 9, from 0 to 9
}

func ExampleNewProgress() {
	quiet()
	bar := widgets.NewProgress(widgets.Progress{Title: "files", Counts: widgets.Counts{Total: 3}})
	defer bar.Stop() // a bar always shows how it ended
	for range 3 {
		bar.Add(1)
	}
	bar.Done()
	// Output:
}

func ExampleProgress() {
	show()
	begin := time.Date(2026, 11, 27, 21, 0, 0, 0, time.UTC)
	display.Show(widgets.Progress{
		Title: "fit", Counts: widgets.Counts{Total: 4, Done: 4, Retried: 1}, State: widgets.StateDone, Started: begin, EndedAt: begin.Add(2 * time.Second),
	})
	// Output: fit [####################] 4/4, done in 2s, 1 retried
}

func ExampleCounts_Ended() {
	fmt.Println(widgets.Counts{Total: 10, Done: 5, Failed: 1, Cancelled: 1, Running: 3}.Ended())
	// Output: 7
}

func ExampleProgressView_Child() {
	quiet()
	all := widgets.NewProgress(widgets.Progress{Title: "cell 3"})
	defer all.Stop()
	scan := all.Child(widgets.Progress{Title: "scan", Counts: widgets.Counts{Total: 100}})
	scan.Add(100)
	scan.Done()
	all.Done()
	// Output:
}

func ExampleProgressView_Update() {
	quiet()
	bar := widgets.NewProgress(widgets.Progress{Counts: widgets.Counts{Total: 10, Queued: 10}})
	defer bar.Stop()
	bar.Update(func(c *widgets.Counts) { c.Queued--; c.Running++ }) // one has begun
	bar.Update(func(c *widgets.Counts) { c.Running--; c.Failed++ })
	// Output:
}

func ExampleProgressView_Add() {
	quiet()
	bar := widgets.NewProgress(widgets.Progress{Title: "lines"}) // how many there are is not known
	defer bar.Stop()
	bar.Add(12)
	// Output:
}

func ExampleProgressView_SetTitle() {
	quiet()
	bar := widgets.NewProgress(widgets.Progress{Counts: widgets.Counts{Total: 2}})
	defer bar.Stop()
	for _, title := range []string{"reading", "writing"} {
		bar.SetTitle(title)
		bar.Add(1)
	}
	// Output:
}

func ExampleProgressView_OnCancel() {
	quiet()
	bar := widgets.NewProgress(widgets.Progress{Title: "search"})
	stop := make(chan struct{})
	bar.OnCancel(func() { close(stop) }) // puts a button beside the bar
	defer bar.Stop()
	select {
	case <-stop:
		bar.Cancelled()
	default:
		fmt.Println("goes on")
	}
	// Output: goes on
}

func ExampleProgressView_Done() {
	quiet()
	widgets.NewProgress(widgets.Progress{Title: "fit"}).Done()
	// Output:
}

func ExampleProgressView_Stop() {
	quiet()
	bar := widgets.NewProgress(widgets.Progress{Title: "fit"})
	defer bar.Stop()
	// Output:
}

func ExampleProgressView_Cancelled() {
	quiet()
	widgets.NewProgress(widgets.Progress{Title: "fit"}).Cancelled()
	// Output:
}

func ExampleProgressView_Fail() {
	quiet()
	widgets.NewProgress(widgets.Progress{Title: "fit"}).Fail(errors.New("no room"))
	// Output:
}

func ExampleCancel() {
	fmt.Println(widgets.Cancel("gone"))
	// Output: there is nothing to cancel: the progress "gone" has ended, was cancelled before, or belongs to an earlier session
}

func ExampleStopped() {
	shown := display.Of(widgets.Progress{Title: "fit", Counts: widgets.Counts{Total: 4, Done: 1, Running: 3}})
	if widgets.Going(shown) {
		view, err := widgets.Stopped(shown, time.Now())
		fmt.Println(view.Display()[display.MIMEText], err)
	}
	// Output: fit [#####...............] 1/4, stopped <nil>
}

func ExampleGoing() {
	fmt.Println(widgets.Going(display.Of(widgets.Progress{})), widgets.Going(display.Of(widgets.Progress{State: widgets.StateDone})), widgets.Going(display.Of(42)))
	// Output: true false false
}

func ExampleNewView() {
	show()
	type ray struct {
		Name string
		Span float64
	}
	view := widgets.NewView(widgets.TableOf([]ray{{"manta", 7}}))
	view.Update(widgets.TableOf([]ray{{"manta", 7}, {"mobula", 5.2}}))
	view.Close()
	// Output:
	// Name   Span
	// manta     7
	// Name    Span
	// manta      7
	// mobula   5.2
}

func ExampleView_Update() {
	show()
	view := widgets.NewView(widgets.Actors{Title: "Actors"})
	view.Update(widgets.Actors{Title: "Actors", Actors: []widgets.Actor{{ID: "a1", Name: "hits", State: "alive"}}})
	view.Close()
	// Output:
	// Actors: 0 actors
	// actor  name  class  state  node  restarts  reason
	// Actors: 1 actor
	// actor  name  class  state  node  restarts  reason
	// a1     hits         alive               0
}

func ExampleView_Close() {
	show()
	view := widgets.NewView(widgets.TableOf([]int{1}))
	view.Update(widgets.TableOf([]int{2}))
	view.Update(widgets.TableOf([]int{3})) // soon after the last one: only what is there at the end is shown
	view.Close()
	// Output:
	// value
	//     1
	// value
	//     3
}

func ExampleTableOf() {
	show()
	display.Show(widgets.TableOf(map[string]int{"manta": 7, "mobula": 5}, display.Caption("Rays")))
	// Output:
	// Rays
	// key     value
	// manta       7
	// mobula      5
}

func ExampleCluster() {
	show()
	display.Show(widgets.Cluster{
		Title: "Cluster of this notebook", State: "connected", Own: true, Nodes: []widgets.Node{{ID: "1", Name: "laptop", State: "alive"}},
		Resources: []widgets.Resource{{Name: "CPU", Free: 2.5, Total: 8}}, Workers: 4, Tasks: map[string]int{"running": 5},
	})
	// Output:
	// Cluster of this notebook, 1 node
	// figure   value
	// CPU      2.5 of 8 free
	// workers  4
	// tasks    5 running
}

func ExampleResource_String() {
	fmt.Println(widgets.Resource{Name: "memory", Unit: "bytes", Free: 1 << 30, Total: 4 << 30})
	// Output: 1 GiB of 4 GiB free
}

func ExampleStore_String() {
	fmt.Println(widgets.Store{Used: 1 << 30, Capacity: 4 << 30, Spilled: 5 << 20})
	// Output: 1 GiB of 4 GiB used, 5 MiB on disk
}

func ExampleTimelineOf() {
	show()
	begin := time.Date(2026, 11, 27, 21, 0, 0, 0, time.UTC)
	display.Show(widgets.TimelineOf("cell 3", []widgets.Attempt{
		{Name: "scan", Node: "n1", Worker: "w1", State: "finished", Begin: begin, End: begin.Add(time.Second)},
		{Name: "scan", Node: "n1", Worker: "w1", State: "running", Begin: begin.Add(time.Second)},
	}, begin.Add(4*time.Second)))
	// Output:
	// cell 3: 2 attempts in 4s on 1 lane
	// task  attempts  failed  time  mean  longest
	// scan         2       0    4s    2s       3s
}

func ExampleActors() {
	show()
	display.Show(widgets.Actors{Title: "Actors", Omitted: 1, Actors: []widgets.Actor{{ID: "a1", Name: "hits", Class: "*main.Counter", State: "alive", Node: "n1"}}})
	// Output:
	// Actors: 2 actors
	// actor  name  class          state  node  restarts  reason
	// a1     hits  *main.Counter  alive  n1           0
	// … 1 more rows
}

func ExampleObjects() {
	show()
	display.Show(widgets.Objects{Title: "Objects", Bytes: 3 << 20, Objects: []widgets.Object{{ID: "o1", Node: "n1", Size: 3 << 20, State: "sealed", Refs: 1}}})
	// Output:
	// Objects: 1 object of 3 MiB
	// object  node   size  state   refs  pins  owner
	// o1      n1    3 MiB  sealed     1     0
}

func ExampleMIME() {
	fmt.Println(widgets.MIME("chart"))
	// Output: application/vnd.mobula.chart.v1+json
}

func ExampleValues() {
	text, err := json.Marshal(widgets.Values{1, math.NaN(), 2.5})
	fmt.Println(string(text), err)
	// Output: [1,null,2.5] <nil>
}
