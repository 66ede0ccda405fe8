package widgets

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// The size of images, in pixels, and the room around what is drawn in them.
const (
	imageWidth, imageHeight = 640, 320
	roomLeft, roomRight     = 62, 14
	roomTop, roomBottom     = 12, 46
	imagePoints             = 250 // of a curve in an image
	imageSeries             = 12
)

// palette has strokes that can be told from white and from black, and from each other also where colours are not seen: with the dashes of their line.
var palette = []struct{ colour, dashes string }{
	{"#2a86d8", ""}, {"#d0691c", "6 3"}, {"#2b9350", "2 2"}, {"#9a6bd1", "8 3 2 3"}, {"#dd4a50", "12 4"}, {"#1c9090", "4 2 1 2"}, {"#a9744f", "1 3"}, {"#d05596", "9 2 2 2 2 2"},
}

// grey is for axes and text.
const grey = "#7d7d7d"

// drawing is a chart as an image. It has no background and no style element: it is shown on light and on dark pages, by sanitisers too.
type drawing struct {
	chart  Chart
	curves []points

	b      strings.Builder
	xs, ys scale
}

// scale maps the values of an axis to pixels.
type scale struct {
	axis       Axis
	low, high  float64 // on the axis
	begin, end float64 // pixels
}

func (s scale) pixel(v float64) float64 {
	return s.begin + (s.axis.at(v)-s.low)/(s.high-s.low)*(s.end-s.begin)
}

// newScale makes room for all values.
func newScale(axis Axis, begin, end float64, each func(func(v float64))) scale {
	s := scale{axis: axis, low: math.NaN(), high: math.NaN(), begin: begin, end: end}
	each(func(v float64) {
		if v = axis.at(v); !math.IsNaN(v) {
			s.low, s.high = least(s.low, v), -least(-s.high, -v)
		}
	})
	switch {
	case math.IsNaN(s.low):
		s.low, s.high = 0, 1
	case s.low == s.high:
		room := max(math.Abs(s.low)*0.1, 0.5)
		s.low, s.high = s.low-room, s.high+room
	}
	return s
}

func (d drawing) svg() string {
	n := min(len(d.curves), imageSeries)
	curves := make([]points, n)
	for i := range n {
		curves[i] = d.curves[i].downsample(imagePoints, d.chart.X)
	}
	d.xs = newScale(d.chart.X, roomLeft, imageWidth-roomRight, func(f func(float64)) {
		for _, c := range curves {
			for _, v := range c.x {
				f(v)
			}
		}
	})
	d.ys = newScale(d.chart.Y, imageHeight-roomBottom, roomTop, func(f func(float64)) {
		for _, c := range curves {
			for _, v := range c.y {
				f(v)
			}
		}
	})
	fmt.Fprintf(&d.b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" font-family="sans-serif" font-size="11">`,
		imageWidth, imageHeight)
	d.axes()
	for i, c := range curves {
		d.line(i, c)
	}
	d.legend(n)
	d.b.WriteString("</svg>")
	return d.b.String()
}

func (d *drawing) axes() {
	b := &d.b
	fmt.Fprintf(b, `<g stroke="%s" stroke-width="1" fill="none"><path stroke-opacity=".3" d="`, grey)
	xt, yt := d.xs.ticks(7), d.ys.ticks(6)
	for _, t := range yt {
		fmt.Fprintf(b, "M%d %.1fH%d", roomLeft, d.ys.pixel(t.value), imageWidth-roomRight)
	}
	for _, t := range xt {
		fmt.Fprintf(b, "M%.1f %dV%d", d.xs.pixel(t.value), roomTop, imageHeight-roomBottom)
	}
	fmt.Fprintf(b, `"/><path d="M%d %dV%dH%d"/></g><g fill="%s">`, roomLeft, roomTop, imageHeight-roomBottom, imageWidth-roomRight, grey)
	for _, t := range yt {
		d.text(roomLeft-6, d.ys.pixel(t.value)+4, "end", t.label)
	}
	for _, t := range xt {
		d.text(d.xs.pixel(t.value), imageHeight-roomBottom+15, "middle", t.label)
	}
	d.text((roomLeft+imageWidth-roomRight)/2, imageHeight-roomBottom+30, "middle", clip(d.chart.X.Label, 80))
	if label := clip(d.chart.Y.Label, 45); label != "" {
		fmt.Fprintf(b, `<text transform="translate(11 %d) rotate(-90)" text-anchor="middle">%s</text>`, (roomTop+imageHeight-roomBottom)/2, html.EscapeString(label))
	}
	b.WriteString("</g>")
}

func (d *drawing) text(x, y float64, anchor, text string) {
	if text != "" {
		fmt.Fprintf(&d.b, `<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`, x, y, anchor, html.EscapeString(text))
	}
}

func (d *drawing) line(i int, c points) {
	p := palette[i%len(palette)]
	width, opacity := "1.6", "1"
	switch d.chart.Series[i].Emphasis {
	case Faded:
		width, opacity = "1.2", "0.45"
	case Strong:
		width = "3"
	}
	fmt.Fprintf(&d.b, `<path fill="none" stroke="%s" stroke-width="%s" stroke-opacity="%s" stroke-linejoin="round"`, p.colour, width, opacity)
	if p.dashes != "" {
		fmt.Fprintf(&d.b, ` stroke-dasharray="%s"`, p.dashes)
	}
	d.b.WriteString(` stroke-linecap="round" d="`)
	up := true // the pen
	for j := range c.x {
		if math.IsNaN(c.y[j]) {
			up = true
			continue
		}
		command := byte('L')
		if up {
			command = 'M'
		}
		fmt.Fprintf(&d.b, "%c%.1f %.1f", command, d.xs.pixel(c.x[j]), d.ys.pixel(c.y[j]))
		if last := j+1 == len(c.x) || math.IsNaN(c.y[j+1]); up && last {
			d.b.WriteString("h0") // a point alone is a dot
		}
		up = false
	}
	d.b.WriteString(`"/>`)
}

// legend names the lines, in one row below the axis.
func (d *drawing) legend(n int) {
	if n < 2 {
		return
	}
	const each = (imageWidth - roomLeft - roomRight) / 4
	for i := range min(n, 4) {
		p := palette[i%len(palette)]
		x, y := roomLeft+i*each, imageHeight-6
		dashes := ""
		if p.dashes != "" {
			dashes = fmt.Sprintf(` stroke-dasharray="%s"`, p.dashes)
		}
		fmt.Fprintf(&d.b, `<path stroke="%s" stroke-width="2"%s d="M%d %dh24"/>`, p.colour, dashes, x, y-4)
		name := clip(d.chart.Series[i].Name, 16)
		if i == 3 && n > 4 {
			name = more(n-3, "lines")
		}
		fmt.Fprintf(&d.b, `<text x="%d" y="%d" fill="%s">%s</text>`, x+30, y, grey, html.EscapeString(name))
	}
}
