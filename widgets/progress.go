package widgets

import (
	"encoding/json"
	"fmt"
	"html"
	"slices"
	"strings"
	"time"

	"mobula/display"
)

const maxChildren = 500 // of a progress that are sent to a front end

// Counts are how many of some tasks, or other steps, are in which state.
type Counts struct {
	Total     int `json:"total"` // 0: not known
	Done      int `json:"done"`
	Failed    int `json:"failed"`
	Retried   int `json:"retried"` // attempts beyond the first ones
	Running   int `json:"running"`
	Queued    int `json:"queued"`
	Cancelled int `json:"cancelled"`
}

// Ended is how many will not change their state any more.
func (c Counts) Ended() int { return c.Done + c.Failed + c.Cancelled }

// plus adds up.
func (c Counts) plus(d Counts) Counts {
	return Counts{
		c.Total + d.Total, c.Done + d.Done, c.Failed + d.Failed, c.Retried + d.Retried,
		c.Running + d.Running, c.Queued + d.Queued, c.Cancelled + d.Cancelled,
	}
}

// Progress is how far something is: a bar, and one for each of its parts.
type Progress struct {
	ID    string `json:"id,omitempty"` // by which the front end asks to cancel it; "": it cannot be cancelled
	Title string `json:"title"`
	Unit  string `json:"unit,omitempty"` // what is counted, in the plural; "" means tasks
	Counts
	State           State      `json:"state"`
	Error           string     `json:"error,omitempty"`
	Rate            float64    `json:"rate,omitempty"` // that end in a second
	ETA             float64    `json:"eta,omitempty"`  // seconds that are left, as far as is known
	Started         time.Time  `json:"started,omitzero"`
	Updated         time.Time  `json:"updated,omitzero"` // when the last count changed
	EndedAt         time.Time  `json:"ended,omitzero"`
	Children        []Progress `json:"children,omitempty"` // one bar for each operation
	ChildrenOmitted int        `json:"children_omitted,omitempty"`
}

// JSON is the state for front ends, as widgets/schema/progress.json describes it.
func (p Progress) JSON() json.RawMessage {
	p = p.clipped()
	children, omitted := p.Children, p.ChildrenOmitted
	return fit(min(len(children), maxChildren), func(n int) any {
		// The last ones: those before have ended, as a rule.
		p.Children, p.ChildrenOmitted = children[len(children)-n:], omitted+len(children)-n
		return p
	})
}

// clipped bounds what has no bound, but for the number of children.
func (p Progress) clipped() Progress {
	if p.State == "" {
		p.State = StateRunning
	}
	p.Title, p.Error, p.Unit = clip(p.Title, maxName), clip(p.Error, maxError), clip(p.Unit, maxName)
	p.Children = slices.Clone(p.Children)
	for i, child := range p.Children {
		child = child.clipped()
		child.Children, child.ChildrenOmitted = nil, child.ChildrenOmitted+len(child.Children) // one level is drawn
		p.Children[i] = child
	}
	return p
}

// Display shows the bars.
func (p Progress) Display() display.Bundle {
	p.Title = clip(p.Title, maxName)
	markup := "<div>" + p.bar() + "</div>"
	lines := []string{p.line()}
	n := len(p.Children) + p.ChildrenOmitted
	if n > 0 {
		var rows strings.Builder
		for _, c := range p.Children[:min(len(p.Children), 50)] {
			c.Title = clip(c.Title, maxName)
			rows.WriteString("<div>" + c.bar() + "</div>")
			lines = append(lines, "  "+c.line())
		}
		if rest := n - min(len(p.Children), 50); rest > 0 {
			rows.WriteString("<div>" + more(rest, "operations") + "</div>")
			lines = append(lines, "  "+more(rest, "operations"))
		}
		markup += details(counted(n, "operation"), rows.String())
	}
	if len(lines) > maxLines {
		lines = append(lines[:maxLines-1], "  "+more(n-(maxLines-2), "operations"))
	}
	return bundle("progress", p.JSON(), figure("", markup), strings.Join(lines, "\n"))
}

func (p Progress) bar() string {
	meter := "<progress></progress>"
	switch {
	case p.Total > 0:
		meter = fmt.Sprintf(`<progress value="%d" max="%d"></progress>`, min(p.Ended(), p.Total), p.Total)
	case p.State.ended():
		meter = `<progress value="1" max="1"></progress>`
	}
	title := ""
	if p.Title != "" {
		title = html.EscapeString(p.Title) + " "
	}
	return title + meter + " " + html.EscapeString(p.status())
}

func (p Progress) line() string {
	const width = 20
	drawn := ""
	if p.Total > 0 {
		n := max(0, min(width, p.Ended()*width/p.Total))
		drawn = "[" + strings.Repeat("#", n) + strings.Repeat(".", width-n) + "]"
	}
	return joined(" ", p.Title, drawn, p.status())
}

// status is the state in words, as in "4/4, done in 2s, 1 retried".
func (p Progress) status() string {
	count := fmt.Sprint(p.Ended())
	if p.Total > 0 {
		count = fmt.Sprintf("%d/%d", p.Ended(), p.Total)
	}
	count = joined(" ", count, clip(p.Unit, maxName))
	parts := []string{count}
	if p.State.ended() {
		parts = append(parts, p.end())
	}
	for _, part := range []struct {
		n    int
		what string
	}{{p.Running, "running"}, {p.Queued, "queued"}, {p.Failed, "failed"}, {p.Retried, "retried"}, {p.Cancelled, "cancelled"}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}
	if !p.State.ended() {
		parts = append(parts, p.pace()...)
	}
	return joined(", ", append(parts, clip(p.Error, maxName))...)
}

// end is how it ended, as in "done in 2s".
func (p Progress) end() string {
	took := ""
	if !p.Started.IsZero() && !p.EndedAt.IsZero() {
		took = " after " + display.Duration(p.EndedAt.Sub(p.Started))
		if p.State == StateDone {
			took = " in " + display.Duration(p.EndedAt.Sub(p.Started))
		}
	}
	return string(p.State) + took
}

func (p Progress) pace() (parts []string) {
	if p.Rate > 0 {
		parts = append(parts, number(p.Rate)+"/s")
	}
	if p.ETA > 0 {
		parts = append(parts, seconds(p.ETA)+" left")
	}
	if !p.Updated.IsZero() {
		parts = append(parts, "last update "+moment(p.Updated))
	}
	return parts
}
