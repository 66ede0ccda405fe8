package widgets

import (
	"fmt"
	"html"
	"strings"
	"time"

	"mobula/display"
)

// State is how far an operation is.
type State string

// The states. All but Running are final.
const (
	Running  State = "running"
	Finished State = "finished"
	Failed   State = "failed"
	Canceled State = "canceled"
)

// Progress is how far tasks are. Times are ms since 1970.
type Progress struct {
	ID    string `json:"id"` // by which the front end cancels them; "" where nothing can be canceled
	Title string `json:"title"`
	State State  `json:"state"`
	Began int64  `json:"began"`
	Now   int64  `json:"now"` // of this state
	Bars  []Bar  `json:"bars"`
}

// Bar is how far the tasks of one name are.
type Bar struct {
	Name     string `json:"name"`
	Total    int    `json:"total"` // that were submitted
	Done     int    `json:"done"`
	Failed   int    `json:"failed,omitempty"`
	Canceled int    `json:"canceled,omitempty"`
	Retried  int    `json:"retried,omitempty"` // attempts that were repeated
	Began    int64  `json:"began"`
	Last     int64  `json:"last"` // when a task was submitted, or ended
}

// Ended is how many tasks have ended, one way or another.
func (b *Bar) Ended() int { return b.Done + b.Failed + b.Canceled }

// perSecond is how many tasks ended a second until a time; 0 where that is not known yet.
func (b *Bar) perSecond(now int64) float64 {
	until := now
	if b.Ended() == b.Total {
		until = b.Last
	}
	if until <= b.Began {
		return 0
	}
	return float64(b.Ended()) * 1000 / float64(until-b.Began)
}

// left is how long the rest will take if it goes on as until now; 0 where that is not known.
func (b *Bar) left(now int64) time.Duration {
	rate := b.perSecond(now)
	if rate == 0 {
		return 0
	}
	return time.Duration(float64(b.Total-b.Ended()) / rate * float64(time.Second))
}

// status is a bar in words.
func (b *Bar) status(now int64) string {
	parts := []string{fmt.Sprintf("%d/%d", b.Ended(), b.Total)}
	for _, p := range []struct {
		n    int
		what string
	}{{b.Failed, "failed"}, {b.Canceled, "canceled"}, {b.Retried, "retried"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	spent := time.Duration(now-b.Began) * time.Millisecond
	if b.Ended() == b.Total {
		spent = time.Duration(b.Last-b.Began) * time.Millisecond
	}
	if rate := b.perSecond(now); rate > 0 {
		parts = append(parts, fmt.Sprintf("%.3g a second", rate))
	}
	parts = append(parts, span(spent))
	if left := b.left(now); left > 0 {
		parts = append(parts, span(left)+" left")
	}
	return strings.Join(parts, ", ")
}

// maxBars is how many bars are shown; the rest are counted as one.
const maxBars = 12

// folded is p with at most maxBars bars.
func (p Progress) folded() Progress {
	if len(p.Bars) <= maxBars {
		return p
	}
	rest := Bar{Name: fmt.Sprintf("%d others", len(p.Bars)-maxBars+1), Began: p.Bars[maxBars-1].Began}
	for _, b := range p.Bars[maxBars-1:] {
		rest.Total, rest.Done, rest.Failed = rest.Total+b.Total, rest.Done+b.Done, rest.Failed+b.Failed
		rest.Canceled, rest.Retried = rest.Canceled+b.Canceled, rest.Retried+b.Retried
		rest.Began, rest.Last = min(rest.Began, b.Began), max(rest.Last, b.Last)
	}
	p.Bars = append(p.Bars[:maxBars-1:maxBars-1], rest)
	return p
}

// Bundle shows the progress.
func (p Progress) Bundle() display.Bundle {
	p = p.folded()
	title := fmt.Sprintf("%s: %s, %s", p.Title, p.State, span(time.Duration(p.Now-p.Began)*time.Millisecond))
	lines := []string{title}
	var page strings.Builder
	page.WriteString("<div><b>" + html.EscapeString(title) + "</b><table><tbody>")
	for i := range p.Bars {
		b := &p.Bars[i]
		status := b.status(p.Now)
		fmt.Fprintf(&page, `<tr><td style="text-align:left">%s</td><td><progress value="%d" max="%d"></progress></td><td style="text-align:left">%s</td></tr>`,
			html.EscapeString(b.Name), b.Ended(), max(1, b.Total), html.EscapeString(status))
		lines = append(lines, fmt.Sprintf("  %s %s %s", b.Name, b.line(), status))
	}
	page.WriteString("</tbody></table></div>")
	return bundle("progress", p, page.String(), strings.Join(lines, "\n"))
}

// Display shows the progress.
func (p Progress) Display() display.Bundle { return p.Bundle() }

// line draws a bar with characters.
func (b *Bar) line() string {
	const width = 20
	n := width * b.Ended() / max(1, b.Total)
	return "[" + strings.Repeat("#", n) + strings.Repeat(".", width-n) + "]"
}
