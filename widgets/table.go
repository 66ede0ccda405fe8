package widgets

import (
	"fmt"

	"mobula/display"
)

// Table is rows of text under columns.
type Table struct {
	Title   string     `json:"title"`
	Columns []Column   `json:"columns"`
	Rows    [][]string `json:"rows"`
	More    int        `json:"more,omitempty"` // rows that are not here
}

// Column is a column of a Table.
type Column struct {
	Name    string `json:"name"`
	Numeric bool   `json:"numeric,omitempty"` // aligned to the right, and sorted as figures
}

// How much of a table is shown: by the extension, and by others.
const (
	maxRows       = 1000
	maxStaticRows = 20
)

// cut is a table of at most n rows.
func (t Table) cut(n int) Table {
	if over := len(t.Rows) - n; over > 0 {
		t.Rows, t.More = t.Rows[:n:n], t.More+over
	}
	if t.Rows == nil {
		t.Rows = [][]string{}
	}
	return t
}

// Bundle shows the table. Every row has as many cells as there are columns, or the table is its own error.
func (t Table) Bundle() display.Bundle {
	for i, r := range t.Rows {
		if len(r) != len(t.Columns) {
			return display.Bundle{display.MIMEText: fmt.Sprintf("table %s: row %d has %d cells and there are %d columns", t.Title, i, len(r), len(t.Columns))}
		}
	}
	static := t.cut(maxStaticRows)
	g := display.Grid{Caption: t.Title, Cells: static.Rows, MoreRows: static.More}
	for _, c := range t.Columns {
		g.Columns, g.Right = append(g.Columns, c.Name), append(g.Right, c.Numeric)
	}
	return bundle("table", t.cut(maxRows), g.HTML(), g.Text())
}

// Display shows the table.
func (t Table) Display() display.Bundle { return t.Bundle() }
