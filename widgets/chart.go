package widgets

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"mobula/display"
)

const maxSeries = 100 // of a chart

// Chart is a chart of lines.
type Chart struct {
	Title         string    `json:"title"`
	X             Axis      `json:"x"`
	Y             Axis      `json:"y"`
	Series        []Series  `json:"series"`
	SeriesOmitted int       `json:"series_omitted,omitempty"`
	State         State     `json:"state,omitempty"` // "" for a chart of what does not change
	Error         string    `json:"error,omitempty"`
	Updated       time.Time `json:"updated,omitzero"`
}

// Axis is an axis of a chart.
type Axis struct {
	Label string `json:"label,omitempty"`
	Log   bool   `json:"log,omitempty"`  // its scale is logarithmic: what is not above zero is left out
	Time  bool   `json:"time,omitempty"` // its values are seconds since 1970
}

// at is where a value lies on the axis, in any unit.
func (a Axis) at(v float64) float64 {
	if a.Log {
		return math.Log10(v)
	}
	return v
}

// Series is one line of a chart.
type Series struct {
	Name     string   `json:"name"`
	X        Values   `json:"x"` // nil: 0, 1, 2 ...
	Y        Values   `json:"y"` // NaN is a gap
	Points   int      `json:"points"`
	Emphasis Emphasis `json:"emphasis,omitempty"`
}

// Emphasis tells lines of a chart apart.
type Emphasis string

// What a line can be.
const (
	Faded  Emphasis = "faded"  // as a trial that was stopped
	Strong Emphasis = "strong" // as the best trial
)

// ready returns the points of s that can be drawn, sorted by x.
func (s Series) ready(x, y Axis) points {
	p := points{x: s.X, y: s.Y}
	if s.X == nil {
		p.x = make(Values, len(s.Y))
		for i := range p.x {
			p.x[i] = float64(i)
		}
	}
	n := min(len(p.x), len(p.y))
	p = points{p.x[:n], p.y[:n]}
	var kept points
	for i := range n {
		px, py := p.x[i], p.y[i]
		if math.IsNaN(px) || math.IsInf(px, 0) || x.Log && px <= 0 {
			continue
		}
		if math.IsInf(py, 0) || y.Log && py <= 0 {
			py = math.NaN()
		}
		kept.add(px, py)
	}
	return kept.sorted()
}

// cut returns the chart with at most most points of each series. all are the points of c.Series.
func (c Chart) cut(all []points, most int) Chart {
	c.Series = slices.Clone(c.Series)
	for i, p := range all {
		s := &c.Series[i]
		p = p.downsample(most, c.X)
		s.X, s.Y = list(p.x), make(Values, p.len())
		for j, y := range p.y {
			s.Y[j] = rounded(y)
		}
	}
	return c
}

// bounded is the chart with what has no bound cut, but for the points, and the points of its series.
func (c Chart) bounded() (Chart, []points) {
	c.Title, c.Error = clip(c.Title, maxName), clip(c.Error, maxError)
	c.X.Label, c.Y.Label = clip(c.X.Label, maxName), clip(c.Y.Label, maxName)
	c.Series = slices.Clone(list(c.Series))
	if n := len(c.Series); n > maxSeries {
		slices.SortStableFunc(c.Series, func(a, b Series) int { return a.Emphasis.rank() - b.Emphasis.rank() })
		c.Series, c.SeriesOmitted = c.Series[:maxSeries], c.SeriesOmitted+n-maxSeries
	}
	all := make([]points, len(c.Series))
	for i, s := range c.Series {
		c.Series[i].Name = clip(s.Name, maxName)
		if s.Emphasis.rank() < 0 {
			c.Series[i].Emphasis = ""
		}
		all[i] = s.ready(c.X, c.Y)
		c.Series[i].Points = max(s.Points, all[i].len())
	}
	return c, all
}

func (e Emphasis) rank() int {
	return slices.Index([]Emphasis{Strong, "", Faded}, e)
}

// JSON is the state for front ends, as widgets/schema/chart.json describes it.
func (c Chart) JSON() json.RawMessage {
	c, all := c.bounded()
	return c.fitted(all)
}

func (c Chart) fitted(all []points) json.RawMessage {
	const least = 15 // bytes of a point, seldom fewer
	most := min(maxPoints, max(4, maxData/least/max(1, len(all))))
	return fit(most, func(n int) any { return c.cut(all, n) })
}

// Display shows the chart.
func (c Chart) Display() display.Bundle {
	c, all := c.bounded()
	stats := c.stats(all)
	svg := drawing{chart: c, curves: all}.svg()
	lines := []string{c.heading()}
	for i, row := range stats.Cells {
		if i == maxLines-1 && len(stats.Cells) > maxLines {
			lines = append(lines, "  "+more(len(stats.Cells)-i, "lines"))
			break
		}
		lines = append(lines, fmt.Sprintf("  %s: %s, last %s, from %s to %s", row[0], counted(c.Series[i].Points, "point"), row[2], row[3], row[4]))
	}
	alt := strings.ReplaceAll(strings.Join(lines[:min(len(lines), 4)], ";"), ";  ", "; ")
	body := display.ImageTag(display.MIMESVG, []byte(svg), alt) + details("Data", stats.HTML())
	return bundle("chart", c.fitted(all), figure(c.heading(), body), strings.Join(lines, "\n"))
}

func (c Chart) heading() string {
	axes := ""
	if c.Y.Label != "" || c.X.Label != "" {
		axes = joined(" by ", c.Y.Label, c.X.Label)
	}
	state := ""
	if c.State != "" {
		state = string(c.State)
	}
	return joined(", ", joined(": ", c.Title, axes), joined(": ", state, clip(c.Error, maxName)))
}

// stats says of each line what a reader looks for.
func (c Chart) stats(all []points) display.Grid {
	var rows [][]string
	for i, p := range all {
		last, low, high := math.NaN(), math.NaN(), math.NaN()
		for _, y := range p.y {
			if !math.IsNaN(y) {
				last = y
				low, high = least(low, y), -least(-high, -y)
			}
		}
		rows = append(rows, []string{c.Series[i].Name, strconv.Itoa(c.Series[i].Points), value(last), value(low), value(high)})
	}
	g := grid([]string{"line", "points", "last", "lowest", "highest"}, "lrrrr", rows, maxSeries)
	g.MoreRows += c.SeriesOmitted
	return g
}

// least is the lesser one, or y where x is NaN.
func least(x, y float64) float64 {
	if x < y {
		return x
	}
	return y
}

func value(v float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	return number(v)
}
