package widgets

import (
	"time"

	"mobula/display"
)

// View shows a widget that is replaced as a whole.
type View[W display.Displayer] struct {
	updater *display.Updater
	widget  W // guarded by updater
}

// NewView shows a widget.
func NewView[W display.Displayer](widget W) *View[W] {
	v := &View[W]{widget: widget}
	v.updater = display.NewUpdater(func() any { return v.widget })
	return v
}

// Update shows another state. It must not change any more.
func (v *View[W]) Update(widget W) { v.updater.Change(func() { v.widget = widget }) }

// Close shows the last state at once; later updates do nothing.
func (v *View[W]) Close() { v.updater.End(func() {}) }

// ChartView is a chart that grows. End it with Done, Fail or Stop (defer Stop): the first counts.
type ChartView struct {
	updater *display.Updater

	// Guarded by updater:
	chart  Chart
	curves []points       // beside chart.Series
	index  map[string]int // of the series, by name
}

// NewChart shows a chart, with the series that it has already.
func NewChart(c Chart) *ChartView {
	v := &ChartView{chart: c, index: map[string]int{}}
	series := c.Series
	v.chart.Series = nil
	for _, s := range series {
		p := s.ready(c.X, c.Y)
		i := v.series(s.Name)
		v.curves[i] = points{append(v.curves[i].x, p.x...), append(v.curves[i].y, p.y...)}
		v.chart.Series[i].Points += p.len()
		v.chart.Series[i].Emphasis = s.Emphasis
	}
	v.chart.State, v.chart.Updated = StateRunning, time.Now()
	v.updater = display.NewUpdater(func() any { return v.snapshot() })
	return v
}

// series returns the index of a series, which it adds where there is none yet.
func (v *ChartView) series(name string) int {
	i, found := v.index[name]
	if !found {
		i = len(v.chart.Series)
		v.index[name] = i
		v.chart.Series, v.curves = append(v.chart.Series, Series{Name: name}), append(v.curves, points{})
	}
	return i
}

func (v *ChartView) snapshot() Chart {
	c := v.chart
	c.Series = make([]Series, len(v.chart.Series))
	for i, s := range v.chart.Series {
		s.X, s.Y = v.curves[i].x, v.curves[i].y
		c.Series[i] = s
	}
	return c
}

// Add adds a point to the line of that name, which begins with its first point. A y that is NaN makes a gap. Of lines of any length about 4,000 points
// are kept, peaks among them.
func (v *ChartView) Add(series string, x, y float64) {
	v.updater.Change(func() {
		i := v.series(series)
		p := &v.curves[i]
		p.add(x, y)
		v.chart.Series[i].Points++
		if p.len() >= 2*maxPoints {
			thin := Series{X: p.x, Y: p.y}.ready(v.chart.X, v.chart.Y).downsample(maxPoints, v.chart.X)
			*p = thin
		}
		v.chart.Updated = time.Now()
	})
}

// Set replaces a line. The slices are not kept.
func (v *ChartView) Set(series string, x, y []float64) {
	v.updater.Change(func() {
		i := v.series(series)
		p := Series{X: x, Y: y}.ready(v.chart.X, v.chart.Y)
		v.curves[i] = p.downsample(2*maxPoints-1, v.chart.X)
		v.chart.Series[i].Points = p.len()
		v.chart.Updated = time.Now()
	})
}

// Emphasize makes a line stand out, or stand back.
func (v *ChartView) Emphasize(series string, e Emphasis) {
	v.updater.Change(func() { v.chart.Series[v.series(series)].Emphasis = e })
}

// Done ends the chart as complete.
func (v *ChartView) Done() { v.end(StateDone, nil) }

// Stop ends the chart as it is; after Done or Fail it does nothing.
func (v *ChartView) Stop() { v.end(StateStopped, nil) }

// Fail ends the chart with an error.
func (v *ChartView) Fail(err error) { v.end(StateFailed, err) }

func (v *ChartView) end(s State, err error) {
	v.updater.End(func() {
		v.chart.State, v.chart.Updated = s, time.Now()
		if err != nil {
			v.chart.Error = err.Error()
		}
	})
}
