package widgets

import (
	"encoding/json"
	"time"

	"mobula/display"
)

// Table is a table of text, which readers can sort and search.
type Table struct {
	Title          string     `json:"title,omitempty"`
	Columns        []Column   `json:"columns"`
	Rows           [][]string `json:"rows"`
	RowsOmitted    int        `json:"rows_omitted,omitempty"`
	ColumnsOmitted int        `json:"columns_omitted,omitempty"`
	Updated        time.Time  `json:"updated,omitzero"`
}

// Column is a column of a table.
type Column struct {
	Name    string `json:"name"`
	Numeric bool   `json:"numeric,omitempty"` // sorted as numbers, and aligned to the right
}

// TableOf reads a table out of what display.Table takes: a slice of structs, of maps or of single values, or a map. What it returns does not refer to
// rows. It is empty, and has the reason as its title, where rows are no table.
func TableOf(rows any, options ...display.TableOption) Table {
	g, err := display.GridOf(rows, options...)
	if err != nil {
		return Table{Title: err.Error()}
	}
	t := Table{Title: g.Caption, Rows: g.Cells, RowsOmitted: g.MoreRows, ColumnsOmitted: g.MoreColumns}
	for i, name := range g.Columns {
		t.Columns = append(t.Columns, Column{name, g.Right[i]})
	}
	return t
}

// JSON is the state for front ends, as widgets/schema/table.json describes it.
func (t Table) JSON() json.RawMessage {
	t.Title, t.Columns = clip(t.Title, maxName), list(t.Columns)
	rows, omitted := make([][]string, len(t.Rows)), t.RowsOmitted
	for i, row := range t.Rows {
		rows[i] = clipAll(row[:min(len(row), len(t.Columns))])
	}
	return fit(len(rows), func(n int) any {
		t.Rows, t.RowsOmitted = rows[:n], omitted+len(rows)-n
		return t
	})
}

// Display shows the table.
func (t Table) Display() display.Bundle {
	columns, right := []string{}, make([]byte, len(t.Columns))
	for i, c := range t.Columns {
		columns = append(columns, clip(c.Name, maxName))
		right[i] = 'l'
		if c.Numeric {
			right[i] = 'r'
		}
	}
	rows := make([][]string, len(t.Rows))
	for i, row := range t.Rows {
		rows[i] = make([]string, len(columns))
		copy(rows[i], row)
	}
	g := grid(columns, string(right), rows, 60)
	g.Caption = clip(t.Title, maxName)
	g.MoreRows, g.MoreColumns = g.MoreRows+t.RowsOmitted, t.ColumnsOmitted
	return bundle("table", t.JSON(), g.HTML(), g.Text())
}
