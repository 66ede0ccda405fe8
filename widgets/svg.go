package widgets

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// The size of a static chart, in pixels, and what is left around its lines.
const (
	chartWidth  = 640
	chartHeight = 320
	marginLeft  = 64
	marginRight = 12
	marginTop   = 34 // the legend is in it
	marginLow   = 44
)

// palette are mid-tones that are told apart on white and on black, also by those who do not see all colours (after Okabe and Ito, 2008).
var palette = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b58900", "#56b4e9"}

// dashes tell lines apart without colour.
var dashes = []string{"", "6 3", "2 2", "8 3 2 3"}

// scale maps figures to pixels.
type scale struct {
	from, to   float64 // figures; logarithms where log
	start, end float64 // pixels
	log        bool
}

func (s *scale) at(v float64) float64 {
	if s.log {
		v = math.Log10(v)
	}
	if s.to == s.from {
		return (s.start + s.end) / 2
	}
	return s.start + (v-s.from)/(s.to-s.from)*(s.end-s.start)
}

// ticks are round figures of the scale, about n of them.
func (s *scale) ticks(n int) (list []float64) {
	width := s.to - s.from
	if width <= 0 {
		if s.log {
			return []float64{math.Pow(10, s.from)}
		}
		return []float64{s.from}
	}
	step := math.Pow(10, math.Floor(math.Log10(width/float64(n))))
	for _, m := range []float64{1, 2, 5, 10} {
		if width/(step*m) <= float64(n) {
			step *= m
			break
		}
	}
	if s.log {
		step = max(1, math.Round(step))
	}
	for i := math.Ceil(s.from / step); i*step <= s.to+step/1e6; i++ {
		v := i * step
		if s.log {
			v = math.Pow(10, v)
		}
		list = append(list, v)
	}
	return list
}

// extent is the range of the chart's figures.
func (c *Chart) extent() (x, y scale) {
	x = scale{from: math.Inf(1), to: math.Inf(-1), start: marginLeft, end: chartWidth - marginRight}
	y = scale{from: math.Inf(1), to: math.Inf(-1), start: chartHeight - marginLow, end: marginTop, log: c.Axes.LogY}
	for _, s := range c.Series {
		for i, v := range s.Y {
			if !c.drawn(s.X[i], v) {
				continue
			}
			if y.log {
				v = math.Log10(v)
			}
			x.from, x.to, y.from, y.to = min(x.from, s.X[i]), max(x.to, s.X[i]), min(y.from, v), max(y.to, v)
		}
	}
	if x.from > x.to {
		x.from, x.to, y.from, y.to = 0, 1, 0, 1
	}
	return x, y
}

// drawn reports whether a point can be drawn.
func (c *Chart) drawn(x, y float64) bool {
	finite := func(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
	return finite(x) && finite(y) && (!c.Axes.LogY || y > 0)
}

// svg draws the chart, without a background, in tones for light and dark.
func (c *Chart) svg() string {
	x, y := c.extent()
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" font-family="sans-serif" font-size="11" fill="#808080">`, chartWidth, chartHeight)
	for _, v := range x.ticks(8) {
		at := x.at(v)
		fmt.Fprintf(&b, `<path d="M%.1f %dV%d" stroke="#80808040"/><text x="%.1f" y="%d" text-anchor="middle">%s</text>`, at, marginTop, chartHeight-marginLow, at, chartHeight-marginLow+15, number(v))
	}
	for _, v := range y.ticks(6) {
		at := y.at(v)
		fmt.Fprintf(&b, `<path d="M%d %.1fH%d" stroke="#80808040"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`, marginLeft, at, chartWidth-marginRight, marginLeft-5, at+4, number(v))
	}
	if c.Axes.X != "" {
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle">%s</text>`, (marginLeft+chartWidth)/2, chartHeight-14, html.EscapeString(c.Axes.X))
	}
	if c.Axes.Y != "" {
		fmt.Fprintf(&b, `<text transform="translate(12 %d) rotate(-90)" text-anchor="middle">%s</text>`, (chartHeight-marginLow)/2, html.EscapeString(c.Axes.Y))
	}
	for i := range c.Series {
		c.line(&b, i, &x, &y)
	}
	b.WriteString("</svg>")
	return b.String()
}

// line draws a line, and its name in the legend.
func (c *Chart) line(b *strings.Builder, i int, x, y *scale) {
	s := &c.Series[i]
	var path strings.Builder
	gap := true
	for j := range s.X {
		if !c.drawn(s.X[j], s.Y[j]) {
			gap = true
			continue
		}
		if gap { // a point alone is a dot
			fmt.Fprintf(&path, "M%.1f %.1fh0", x.at(s.X[j]), y.at(s.Y[j]))
		} else {
			fmt.Fprintf(&path, "L%.1f %.1f", x.at(s.X[j]), y.at(s.Y[j]))
		}
		gap = false
	}
	colour, dash := palette[i%len(palette)], dashes[(i/len(palette))%len(dashes)]
	if path.Len() > 0 {
		fmt.Fprintf(b, `<path d="%s" fill="none" stroke="%s" stroke-width="1.6" stroke-linecap="round" stroke-dasharray="%s"/>`, path.String(), colour, dash)
	}
	const perRow, width = 5, 115
	if i >= 2*perRow {
		return // the table has all names
	}
	left, top := marginLeft+(i%perRow)*width, 12+(i/perRow)*14
	fmt.Fprintf(b, `<path d="M%d %dh14" stroke="%s" stroke-width="2" stroke-dasharray="%s"/><text x="%d" y="%d">%s</text>`, left, top-4, colour, dash, left+18, top, html.EscapeString(clip(s.Name, 16)))
}

// clip shortens a name.
func clip(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
