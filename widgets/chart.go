package widgets

import (
	"fmt"
	"html"
	"math"
	"strings"
	"sync"

	"mobula/display"
)

// Axes describe the axes of a chart.
type Axes struct {
	X    string `json:"x,omitempty"` // titles
	Y    string `json:"y,omitempty"`
	LogY bool   `json:"logY,omitempty"` // values that are not above 0 are left out, then
}

// Chart is a chart of lines.
type Chart struct {
	Title  string  `json:"title"`
	State  State   `json:"state"`
	Axes   Axes    `json:"axes"`
	Series []Curve `json:"series"`
}

// Curve is a line: points by ascending X. A value that is no number (NaN) is a gap.
type Curve struct {
	Name string `json:"name"`
	X    Values `json:"x"`
	Y    Values `json:"y"`
}

// Values are figures; as JSON, what is no finite number is null.
type Values []float64

// MarshalJSON writes them.
func (v Values) MarshalJSON() ([]byte, error) {
	var b strings.Builder
	b.WriteByte('[')
	for i, x := range v {
		if i > 0 {
			b.WriteByte(',')
		}
		if math.IsNaN(x) || math.IsInf(x, 0) {
			b.WriteString("null")
			continue
		}
		fmt.Fprintf(&b, "%.10g", x)
	}
	b.WriteByte(']')
	return []byte(b.String()), nil
}

// maxPoints is how many points of a line are shown.
const maxPoints = 2000

// thinned is a line of at most maxPoints points: of each stretch the least and the greatest, so that peaks stay.
func (c Curve) thinned() Curve {
	n := len(c.X)
	if n <= maxPoints {
		return c
	}
	out := Curve{Name: c.Name, X: make(Values, 0, maxPoints), Y: make(Values, 0, maxPoints)}
	take := func(i int) { out.X, out.Y = append(out.X, c.X[i]), append(out.Y, c.Y[i]) }
	take(0)
	stretches := maxPoints/2 - 1
	for s := range stretches {
		from, to := 1+s*(n-2)/stretches, 1+(s+1)*(n-2)/stretches
		least, most := from, from
		for i := from; i < to; i++ {
			if c.Y[i] < c.Y[least] || math.IsNaN(c.Y[least]) {
				least = i
			}
			if c.Y[i] > c.Y[most] || math.IsNaN(c.Y[most]) {
				most = i
			}
		}
		take(min(least, most))
		if least != most {
			take(max(least, most))
		}
	}
	take(n - 1)
	return out
}

// Bundle shows the chart.
func (c Chart) Bundle() display.Bundle {
	shown := c
	shown.Series = make([]Curve, len(c.Series))
	title := c.Title
	if c.State != Finished {
		title = fmt.Sprintf("%s (%s)", c.Title, c.State)
	}
	g := display.Grid{Columns: []string{"line", "points", "last x", "last y", "least y", "greatest y"}, Right: []bool{false, true, true, true, true, true}}
	for i, s := range c.Series {
		shown.Series[i] = s.thinned()
		g.Cells = append(g.Cells, s.summary())
	}
	page := "<figure>" + image(shown.svg(), c.alt()) + "<figcaption>" + html.EscapeString(title) + "</figcaption><details><summary>figures</summary>" + g.HTML() + "</details></figure>"
	g.Caption = title
	return bundle("chart", shown, page, g.Text())
}

// Display shows the chart.
func (c Chart) Display() display.Bundle { return c.Bundle() }

// alt says what a chart shows to those who do not see it.
func (c *Chart) alt() string {
	var parts []string
	for _, s := range c.Series {
		if n := len(s.Y); n > 0 {
			parts = append(parts, fmt.Sprintf("%s is %s at %s", s.Name, number(s.Y[n-1]), number(s.X[n-1])))
		}
	}
	return c.Title + ": " + strings.Join(parts, ", ")
}

// summary is a row of the table beside the chart.
func (c *Curve) summary() []string {
	least, most := math.Inf(1), math.Inf(-1)
	for _, y := range c.Y {
		if !math.IsNaN(y) {
			least, most = min(least, y), max(most, y)
		}
	}
	n := len(c.X)
	if n == 0 {
		return []string{c.Name, "0", "", "", "", ""}
	}
	return []string{c.Name, fmt.Sprint(n), number(c.X[n-1]), number(c.Y[n-1]), number(least), number(most)}
}

// LineChart is a Chart on show that gets points. End it with Done or Fail.
type LineChart struct {
	updater *display.Updater

	mu    sync.Mutex // guards below; locked after the updater's
	chart Chart
	index map[string]int
}

// NewChart shows a chart without lines.
func NewChart(title string, axes Axes) *LineChart {
	c := &LineChart{chart: Chart{Title: title, State: Running, Axes: axes, Series: []Curve{}}, index: map[string]int{}}
	c.updater = display.NewUpdater(func() any { return c.State() })
	return c
}

// State is the chart as it is now.
func (c *LineChart) State() Chart {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.chart
	now.Series = make([]Curve, len(c.chart.Series))
	for i, s := range c.chart.Series {
		now.Series[i] = Curve{Name: s.Name, X: s.X[:len(s.X):len(s.X)], Y: s.Y[:len(s.Y):len(s.Y)]} // points are added behind, never changed
	}
	return now
}

// Add adds a point to the line of a name, which is made with its first one. Points come by ascending x.
func (c *LineChart) Add(line string, x, y float64) {
	c.change(line, func(s *Curve) { s.X, s.Y = append(s.X, x), append(s.Y, y) })
}

// change has f change a line, which is made where there is none.
func (c *LineChart) change(line string, f func(*Curve)) {
	c.updater.Change(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		i, ok := c.index[line]
		if !ok {
			i = len(c.chart.Series)
			c.index[line] = i
			c.chart.Series = append(c.chart.Series, Curve{Name: line, X: Values{}, Y: Values{}})
		}
		f(&c.chart.Series[i])
	})
}

// Set replaces the points of a line.
func (c *LineChart) Set(line string, x, y []float64) error {
	if len(x) != len(y) {
		return fmt.Errorf("chart %s: line %s has %d x and %d y: each point needs both", c.chart.Title, line, len(x), len(y))
	}
	c.change(line, func(s *Curve) { s.X, s.Y = append(Values{}, x...), append(Values{}, y...) })
	return nil
}

// Done shows the last state as a finished one. Nothing changes after it.
func (c *LineChart) Done() { c.end(Finished) }

// Fail is Done for a chart that is not complete.
func (c *LineChart) Fail() { c.end(Failed) }

func (c *LineChart) end(s State) {
	c.updater.End(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.chart.State = s
	})
}
