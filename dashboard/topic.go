package dashboard

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"mobula/cluster/inspect"
	"mobula/internal/nearest"
)

// topic is something to look at: a page shows one or several.
type topic struct {
	every  time.Duration // how often it is looked at for a page
	stream bool          // each meta is news, also where it is equal to the last
	look   func(ctx context.Context, s *Server, r request) (view, error)
}

// request is what of a topic is wanted.
type request struct {
	params map[string]string
	cursor string // of the view that was told last; "" for the first
}

// view is a topic at a time.
type view struct {
	meta    json.RawMessage // nil: it has none
	rows    []row
	missing []string
	cursor  string
	same    bool // as at the cursor of the request: nothing else is set
	more    bool // ask again at once
}

// row is a line of a table.
type row struct {
	ID   string          `json:"id"`
	Data json.RawMessage `json:"data"`
}

// How often topics are looked at.
const (
	tasksFresh = 400 * time.Millisecond
	usual      = 500 * time.Millisecond
	seldom     = 2 * time.Second
	logEvery   = 300 * time.Millisecond
)

// topics are all of them, by name.
var topics = sync.OnceValue(func() map[string]*topic {
	return map[string]*topic{
		"overview": {every: usual, look: lookOverview},
		"nodes":    {every: usual, look: lookNodes},
		"workers":  {every: usual, look: lookWorkers},
		"jobs":     {every: usual, look: lookJobs},
		"tasks":    {every: usual, look: lookTasks},
		"task":     {every: usual, look: lookTask},
		"timeline": {every: usual, look: lookTimeline},
		"actors":   {every: usual, look: lookActors},
		"groups":   {every: usual, look: lookGroups},
		"objects":  {every: seldom, look: lookObjects},
		"logs":     {every: seldom, look: lookLogs},
		"log":      {every: logEvery, stream: true, look: lookLog},
		"metrics":  {every: busyEvery, stream: true, look: lookMetrics},
	}
})

func topicNames() []string { return slices.Sorted(maps.Keys(topics())) }

func findTopic(name string) (*topic, error) {
	t, ok := topics()[name]
	if !ok {
		hint := ""
		if near, ok := nearest.Name(name, topicNames(), 2); ok {
			hint = fmt.Sprintf(" (did you mean %s?)", near)
		}
		return nil, &badRequest{http.StatusNotFound, fmt.Sprintf("there is no topic %.40q%s: there are %s", name, hint, strings.Join(topicNames(), ", "))}
	}
	return t, nil
}

// whole is a view as the API answers it.
func (v *view) whole() any {
	rows := make([]json.RawMessage, 0, len(v.rows))
	for _, r := range v.rows {
		rows = append(rows, r.Data)
	}
	return struct {
		Meta    json.RawMessage   `json:"meta,omitempty"`
		Rows    []json.RawMessage `json:"rows"`
		Missing []string          `json:"missing,omitempty"`
		Cursor  string            `json:"cursor,omitempty"`
	}{v.meta, rows, v.missing, v.cursor}
}

// setMeta encodes the meta.
func (v *view) setMeta(meta any) (err error) {
	v.meta, err = json.Marshal(meta)
	return err
}

// add encodes a row.
func (v *view) add(id string, data any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	v.rows = append(v.rows, row{id, text})
	return nil
}

// without tells which nodes have not answered.
func (v *view) without(nodes []inspect.NodeError) {
	for _, n := range nodes {
		v.missing = append(v.missing, n.Error())
	}
	slices.Sort(v.missing)
}

// limit reads how many rows are wanted at most.
func (r request) limit(usual, most int) (int, error) {
	text := r.params["limit"]
	if text == "" {
		return usual, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, &badRequest{http.StatusBadRequest, fmt.Sprintf("limit=%.20q is not a number from 1 to %d", text, most)}
	}
	return n, nil
}

// identified is a row of package inspect.
type identified interface{ Identity() string }

// addRows adds the rows of a list that are wanted.
func addRows[R identified](v *view, l inspect.List[R], wanted func(R) bool) error {
	for _, r := range l.Rows {
		if wanted != nil && !wanted(r) {
			continue
		}
		if err := v.add(r.Identity(), r); err != nil {
			return err
		}
	}
	v.without(l.Missing)
	return nil
}
