package widgets

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"strings"
	"time"
	"unicode/utf8"

	"mobula/display"
)

// Bounds of what a bundle carries.
const (
	maxData  = 200_000 // bytes of the JSON of a widget
	maxName  = 200     // runes of a title, name or label
	maxError = 2_000   // runes of an error
	maxLines = 10      // of the plain text, where more would follow
)

// MIME is the media type of a kind of widget, as in "application/vnd.mobula.progress.v1+json".
func MIME(kind string) string { return "application/vnd.mobula." + kind + ".v1+json" }

// State says whether what a widget shows goes on, and how it ended.
type State string

// The states; "" counts as StateRunning.
const (
	StateRunning   State = "running"
	StateDone      State = "done"
	StateFailed    State = "failed"
	StateCancelled State = "cancelled"
	StateStopped   State = "stopped" // it ended before it was complete, without an error
)

// ended reports whether nothing changes any more.
func (s State) ended() bool { return s != "" && s != StateRunning }

// bundle puts the three forms of a widget together.
func bundle(kind string, data json.RawMessage, markup, text string) display.Bundle {
	return display.Bundle{MIME(kind): data, display.MIMEHTML: markup, display.MIMEText: text}
}

// encode is v as JSON. Widgets always encode: they hold no values of users.
func encode(v any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("widgets: a %T did not encode: %v", v, err))
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// fit encodes what cut(n) returns for the greatest n, of those that are tried from most downwards, whose JSON is small enough.
func fit(most int, cut func(n int) any) json.RawMessage {
	for n := most; ; {
		data := encode(cut(n))
		if len(data) <= maxData || n == 0 {
			return data
		}
		n = min(n-1, n*9/10*maxData/len(data))
		n = max(n, 0)
	}
}

// list is s, but never null in JSON.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// clip shortens s to n runes.
func clip(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// figure is the HTML of a widget: a caption, of one line, over a body of markup.
func figure(caption, body string) string {
	if caption != "" {
		caption = "<figcaption>" + html.EscapeString(caption) + "</figcaption>"
	}
	return `<figure style="margin:0">` + caption + body + "</figure>"
}

// details is markup that is folded under a summary.
func details(summary, body string) string {
	return "<details><summary>" + html.EscapeString(summary) + "</summary>" + body + "</details>"
}

// more says how many of a list are left out; "" for none.
func more(n int, what string) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("… %d more %s", n, what)
}

// counted is n with what it counts, as in "1 node" or "2 nodes".
func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// joined leaves out what is empty.
func joined(separator string, parts ...string) string {
	var kept []string
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, separator)
}

// seconds is a duration given in seconds, as text.
func seconds(s float64) string {
	if s > float64(1<<62)/1e9 {
		return "ages"
	}
	return display.Duration(time.Duration(s * float64(time.Second)))
}

// moment is a time as text, in UTC: who reads a saved notebook is elsewhere.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// grid makes a table of rows of cells; right says which columns are numbers.
func grid(columns []string, right string, cells [][]string, most int) display.Grid {
	g := display.Grid{Columns: columns, Right: make([]bool, len(columns)), Cells: cells}
	for i := range columns {
		g.Right[i] = right[i] == 'r'
	}
	if len(cells) > most {
		g.Cells, g.MoreRows = cells[:most], len(cells)-most
	}
	for i, row := range g.Cells {
		g.Cells[i] = clipAll(row)
	}
	return g
}

func clipAll(row []string) []string {
	short := make([]string, len(row))
	for i, s := range row {
		short[i] = clip(s, maxName)
	}
	return short
}
