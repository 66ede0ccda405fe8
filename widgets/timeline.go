package widgets

import (
	"cmp"
	"encoding/json"
	"fmt"
	"html"
	"slices"
	"strconv"
	"strings"
	"time"

	"mobula/display"
)

// Bounds of a timeline.
const (
	maxSpans      = 1500 // that are sent to a front end: the longest
	maxLanes      = 200
	imageLanes    = 24 // in an image
	imageSpans    = 400
	laneHeight    = 12
	imageLaneRoom = 130 // for the names of lanes
)

// Timeline says when which task ran where.
type Timeline struct {
	Title        string    `json:"title"`
	Begin        time.Time `json:"begin"`   // of the earliest attempt
	Seconds      float64   `json:"seconds"` // up to the end of the latest
	Lanes        []Lane    `json:"lanes"`
	LanesOmitted int       `json:"lanes_omitted,omitempty"`
	Spans        []Span    `json:"spans"` // by begin
	SpansOmitted int       `json:"spans_omitted,omitempty"`
	Totals       []Total   `json:"totals"` // by name of a task, the most time first
	Updated      time.Time `json:"updated,omitzero"`
}

// Lane is a row of attempts that do not overlap, all of one worker.
type Lane struct {
	Node   string `json:"node"`
	Worker string `json:"worker"`
}

// Span is one attempt of a task in a timeline.
type Span struct {
	Lane    int     `json:"lane"`
	Name    string  `json:"name"`
	Task    string  `json:"task,omitempty"`
	Attempt int     `json:"attempt,omitempty"`
	State   string  `json:"state"`
	At      float64 `json:"at"`      // seconds after the begin of the timeline
	Seconds float64 `json:"seconds"` // it took, or has taken up to now
}

// Total is what all attempts of tasks of one name took.
type Total struct {
	Name     string  `json:"name"`
	Attempts int     `json:"attempts"`
	Failed   int     `json:"failed"`
	Seconds  float64 `json:"seconds"`
	Longest  float64 `json:"longest"` // seconds
}

// Attempt is when and where a task ran once.
type Attempt struct {
	Name, Task   string
	Number       int // 1 for the first one, 0 where that is not told
	Node, Worker string
	State        string    // running, finished, failed, canceled or retried
	Begin, End   time.Time // End is zero while it runs
}

// TimelineOf makes a timeline of attempts, in any order. now ends those that run.
func TimelineOf(title string, attempts []Attempt, now time.Time) Timeline {
	t := Timeline{Title: title, Updated: now}
	attempts = slices.Clone(attempts)
	slices.SortStableFunc(attempts, func(a, b Attempt) int { return a.Begin.Compare(b.Begin) })
	if len(attempts) > 0 {
		t.Begin = attempts[0].Begin
	}
	lanes := lanesOf{at: map[Lane][]int{}}
	totals := map[string]*Total{}
	for _, a := range attempts {
		if a.End.IsZero() {
			a.End = now
		}
		s := Span{Name: a.Name, Task: a.Task, Attempt: a.Number, State: a.State, At: a.Begin.Sub(t.Begin).Seconds(), Seconds: max(0, a.End.Sub(a.Begin).Seconds())}
		s.Lane = lanes.take(Lane{a.Node, a.Worker}, s)
		t.Seconds = max(t.Seconds, s.At+s.Seconds)
		t.Spans = append(t.Spans, s)
		total := totals[a.Name]
		if total == nil {
			total = &Total{Name: a.Name}
			totals[a.Name] = total
		}
		total.add(s)
	}
	t.Lanes = lanes.all
	for _, total := range totals {
		t.Totals = append(t.Totals, *total)
	}
	slices.SortFunc(t.Totals, func(a, b Total) int {
		return cmp.Or(cmp.Compare(b.Seconds, a.Seconds), strings.Compare(a.Name, b.Name))
	})
	t.sortLanes()
	return t
}

func (t *Total) add(s Span) {
	t.Attempts++
	if s.State == "failed" {
		t.Failed++
	}
	t.Seconds += s.Seconds
	t.Longest = max(t.Longest, s.Seconds)
}

// lanesOf puts attempts into lanes.
type lanesOf struct {
	all  []Lane
	free []float64      // by lane: when its last attempt ends
	at   map[Lane][]int // the lanes of a worker
}

// take returns the first lane of a worker that is free, or a new one.
func (l *lanesOf) take(worker Lane, s Span) int {
	for _, i := range l.at[worker] {
		if l.free[i] <= s.At {
			l.free[i] = s.At + s.Seconds
			return i
		}
	}
	l.all, l.free = append(l.all, worker), append(l.free, s.At+s.Seconds)
	i := len(l.all) - 1
	l.at[worker] = append(l.at[worker], i)
	return i
}

// sortLanes puts the lanes of a node side by side.
func (t *Timeline) sortLanes() {
	order := make([]int, len(t.Lanes))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		return cmp.Or(strings.Compare(t.Lanes[i].Node, t.Lanes[j].Node), strings.Compare(t.Lanes[i].Worker, t.Lanes[j].Worker))
	})
	lanes, place := make([]Lane, len(order)), make([]int, len(order))
	for to, from := range order {
		lanes[to], place[from] = t.Lanes[from], to
	}
	t.Lanes = lanes
	for i := range t.Spans {
		t.Spans[i].Lane = place[t.Spans[i].Lane]
	}
}

// longest returns the n longest spans of the first lanes, by begin, and how many there are besides.
func (t Timeline) longest(n, lanes int) ([]Span, int) {
	kept := slices.DeleteFunc(slices.Clone(t.Spans), func(s Span) bool { return s.Lane >= lanes })
	slices.SortStableFunc(kept, func(a, b Span) int { return cmp.Compare(b.Seconds, a.Seconds) })
	kept = kept[:min(n, len(kept))]
	slices.SortStableFunc(kept, func(a, b Span) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Lane, b.Lane)) })
	return list(kept), len(t.Spans) - len(kept)
}

// JSON is the state for front ends, as widgets/schema/timeline.json describes it.
func (t Timeline) JSON() json.RawMessage {
	whole := t
	t.Title = clip(t.Title, maxName)
	t.Lanes = list(t.Lanes)[:min(len(t.Lanes), maxLanes)]
	t.LanesOmitted += len(whole.Lanes) - len(t.Lanes)
	t.Totals = slices.Clone(list(t.Totals)[:min(len(t.Totals), 100)])
	for i := range t.Totals {
		t.Totals[i].Name = clip(t.Totals[i].Name, maxName)
	}
	return fit(min(len(t.Spans), maxSpans), func(n int) any {
		var omitted int
		t.Spans, omitted = whole.longest(n, len(t.Lanes))
		t.SpansOmitted = whole.SpansOmitted + omitted
		for i := range t.Spans {
			t.Spans[i].Name = clip(t.Spans[i].Name, maxName)
		}
		return t
	})
}

// Display shows the timeline.
func (t Timeline) Display() display.Bundle {
	var rows [][]string
	for _, x := range t.Totals {
		rows = append(rows, []string{x.Name, strconv.Itoa(x.Attempts), strconv.Itoa(x.Failed), seconds(x.Seconds), seconds(x.Seconds / float64(max(x.Attempts, 1))), seconds(x.Longest)})
	}
	g := grid([]string{"task", "attempts", "failed", "time", "mean", "longest"}, "lrrrrr", rows, 20)
	heading := t.heading()
	body := ""
	if len(t.Spans) > 0 {
		body = display.ImageTag(display.MIMESVG, []byte(t.svg()), heading) + details("Times by task", g.HTML())
	}
	g.Caption = heading
	return bundle("timeline", t.JSON(), figure(heading, body), g.Text())
}

func (t Timeline) heading() string {
	n := len(t.Spans) + t.SpansOmitted
	return clip(joined(": ", t.Title, fmt.Sprintf("%s in %s on %s", counted(n, "attempt"), seconds(t.Seconds), counted(len(t.Lanes)+t.LanesOmitted, "lane"))), maxName)
}

// stateColours are for states that are no success.
var stateColours = map[string]string{"failed": "#dd4a50", "retried": "#d0691c", "canceled": "#8a8a8a", "cancelled": "#8a8a8a"}

// svg draws the lanes. Its colours are those of names of tasks, unless an attempt failed.
func (t Timeline) svg() string {
	lanes := min(len(t.Lanes), imageLanes)
	height := lanes*laneHeight + 40
	s := scale{high: max(t.Seconds, 1e-9), begin: imageLaneRoom, end: imageWidth - roomRight}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" font-family="sans-serif" font-size="10"><g fill="%s">`, imageWidth, height, grey)
	label := ""
	for i, l := range t.Lanes[:lanes] {
		if text := joined(" ", l.Node, l.Worker); text != label { // once for all lanes of a worker
			label = text
			fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text>`, imageLaneRoom-6, (i+1)*laneHeight-2, html.EscapeString(clip(text, 22)))
		}
	}
	for _, tick := range s.ticks(6) {
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">%s s</text><path stroke="%s" stroke-opacity=".3" d="M%.1f 0V%d"/>`,
			s.pixel(tick.value), lanes*laneHeight+16, tick.label, grey, s.pixel(tick.value), lanes*laneHeight+3)
	}
	if n := len(t.Lanes) + t.LanesOmitted - lanes; n > 0 {
		fmt.Fprintf(&b, `<text x="%d" y="%d">%s</text>`, imageLaneRoom, height-6, more(n, "lanes"))
	}
	b.WriteString("</g>")
	spans, _ := t.longest(imageSpans, lanes)
	for _, x := range spans {
		colour := stateColours[x.State]
		if colour == "" {
			colour = palette[max(0, slices.IndexFunc(t.Totals, func(a Total) bool { return a.Name == x.Name }))%len(palette)].colour
		}
		from := s.pixel(x.At)
		fmt.Fprintf(&b, `<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="%s"/>`, from, x.Lane*laneHeight+1, max(1, s.pixel(x.At+x.Seconds)-from), laneHeight-2, colour)
	}
	b.WriteString("</svg>")
	return b.String()
}
