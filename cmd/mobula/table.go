package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"mobula/cluster/inspect"
)

// table is what a list shows: the columns for people, and the things themselves for programs.
type table struct {
	columns []string
	rows    []row
	missing []inspect.NodeError
}

type row struct {
	cells []string
	thing any
}

// noCell is shown where there is nothing.
const noCell = "-"

func (t *table) add(thing any, cells ...string) {
	for i, c := range cells {
		if c == "" {
			cells[i] = noCell
		}
	}
	t.rows = append(t.rows, row{cells, thing})
}

// columnValue is a condition on the rows of a table.
type columnValue struct {
	column int
	value  string
}

// parseFilter reads "column=value,column=value".
func parseFilter(text string, columns []string) (all []columnValue, err error) {
	for part := range strings.SplitSeq(text, ",") {
		if part == "" {
			continue
		}
		name, value, ok := strings.Cut(part, "=")
		at := slices.IndexFunc(columns, func(c string) bool { return strings.EqualFold(c, name) })
		if !ok || at < 0 {
			return nil, misuse("--filter %s: give COLUMN=VALUE, with a column of %s", part, strings.ToLower(strings.Join(columns, ", ")))
		}
		all = append(all, columnValue{at, value})
	}
	return all, nil
}

// filter keeps the rows whose columns have these values.
func (t *table) filter(wanted []columnValue) {
	for _, w := range wanted {
		t.rows = slices.DeleteFunc(t.rows, func(r row) bool { return !strings.EqualFold(r.cells[w.column], w.value) })
	}
}

// pick keeps the one row whose id or name it is; the short form of an id, or its start, will do. list is the command that shows them all.
func (t *table) pick(list, name string) error {
	is := func(of string) bool { return of != "" && of == name }
	found := t.rowsWhere(func(r row) bool { return is(r.cells[0]) || is(r.id()) || is(r.name(t.columns)) })
	if len(found) == 0 && name != "" {
		found = t.rowsWhere(func(r row) bool { return strings.HasPrefix(r.id(), name) })
	}
	switch len(found) {
	case 0:
		return fmt.Errorf("nothing has the name or id %q: see  %s", name, list)
	case 1:
		t.rows = found
		return nil
	}
	return fmt.Errorf("%q is the name, or the start of the id, of %d of them: give more of an id", name, len(found))
}

func (t *table) rowsWhere(holds func(row) bool) (found []row) {
	for _, r := range t.rows {
		if holds(r) {
			found = append(found, r)
		}
	}
	return found
}

func (r row) id() string {
	if i, ok := r.thing.(identified); ok {
		return i.Identity()
	}
	return ""
}

// name is what is in the column for names, "" where there is none.
func (r row) name(columns []string) string {
	if i := slices.Index(columns, "NAME"); i >= 0 && r.cells[i] != noCell {
		return r.cells[i]
	}
	return ""
}

// countRow is a line of a summary.
type countRow struct {
	By    map[string]string `json:"by"`
	Count int               `json:"count"`
}

// summarize counts the rows that are equal in some columns.
func (t *table) summarize(by []string) *table {
	counts := map[string]*countRow{}
	for _, r := range t.rows {
		cells := map[string]string{}
		var parts []string
		for _, name := range by {
			cell := r.cells[slices.Index(t.columns, name)]
			cells[strings.ToLower(name)] = cell
			parts = append(parts, cell)
		}
		key := strings.Join(parts, "\x00")
		if counts[key] == nil {
			counts[key] = &countRow{By: cells}
		}
		counts[key].Count++
	}
	sum := &table{columns: append(slices.Clone(by), "COUNT")}
	for _, key := range slices.Sorted(maps.Keys(counts)) {
		cells := append(strings.Split(key, "\x00"), strconv.Itoa(counts[key].Count))
		sum.add(*counts[key], cells...)
	}
	return sum
}

// warnOfMissing tells whose things a list lacks.
func warnOfMissing(w io.Writer, missing []inspect.NodeError) {
	for _, m := range missing {
		fmt.Fprintf(w, "mobula: warning: what is on node %s is not shown: %s\n", oneLine(m.Name), oneLine(m.Reason))
	}
}

// write writes the list, at most so many rows of a table; 0 is no bound.
func (t *table) write(w io.Writer, format string, limit int) error {
	if format == asJSON {
		things := []any{}
		for _, r := range t.rows {
			things = append(things, r.thing)
		}
		return writeJSON(w, things)
	}
	if len(t.rows) == 0 {
		_, err := fmt.Fprintln(w, "None.")
		return err
	}
	shown := t.rows
	if limit > 0 {
		shown = shown[:min(len(shown), limit)]
	}
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(columns, strings.Join(t.columns, "\t"))
	for _, r := range shown {
		cells := slices.Clone(r.cells)
		for i := range cells {
			cells[i] = oneLine(cells[i])
		}
		fmt.Fprintln(columns, strings.Join(cells, "\t"))
	}
	if err := columns.Flush(); err != nil {
		return err
	}
	if len(shown) < len(t.rows) {
		fmt.Fprintf(w, "%d more: use --limit 0 for all, or --filter\n", len(t.rows)-len(shown))
	}
	return nil
}

// writeOne shows one thing, a line for each column.
func (t *table) writeOne(w io.Writer, format string) error {
	if format == asJSON {
		return writeJSON(w, t.rows[0].thing)
	}
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i, name := range t.columns {
		fmt.Fprintf(columns, "%s\t%s\n", strings.ToLower(name), oneLine(t.rows[0].cells[i]))
	}
	return columns.Flush()
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// oneLine keeps control characters of names and messages away from the terminal.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}

// age is a duration as people say it.
func age(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%dms", max(0, d.Milliseconds()))
	case d < time.Minute:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}
