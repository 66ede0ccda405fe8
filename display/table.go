package display

import (
	"fmt"
	"html"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of a table that is shown.
const (
	defaultRows = 60
	maxColumns  = 40
	maxCell     = 200 // runes of one cell in HTML
	maxTextCell = 40  // runes of one cell in text/plain
)

// TableOption changes how a table is shown.
type TableOption func(*table)

// MaxRows shows at most n rows (60 without it; 0 means all).
func MaxRows(n int) TableOption { return func(t *table) { t.maxRows = n } }

// Caption puts a title over the table.
func Caption(s string) TableOption { return func(t *table) { t.caption = s } }

// Columns shows only these columns, in this order.
func Columns(names ...string) TableOption { return func(t *table) { t.only = names } }

// Table shows rows as a table: a slice or array of structs (or pointers to them), of
// maps with string keys, of slices or of single values; or a map, key by key.
func Table(rows any, opts ...TableOption) Bundle {
	g, err := GridOf(rows, opts...)
	if err != nil {
		return Bundle{MIMEText: err.Error()}
	}
	return g.Display()
}

// GridOf returns what Table shows of rows, as text. The rows are read once, by the calling goroutine.
func GridOf(rows any, opts ...TableOption) (Grid, error) {
	v := reflect.ValueOf(rows)
	t, ok := anyTable(v)
	if !ok {
		return Grid{}, fmt.Errorf("display: a %T is no table: want a slice or a map", rows)
	}
	for _, o := range opts {
		o(t)
	}
	return t.grid(), nil
}

func anyTable(v reflect.Value) (*table, bool) {
	t, ok := tableOf(v)
	if !ok && (v.Kind() == reflect.Slice || v.Kind() == reflect.Array) {
		return listTable(v), true
	}
	return t, ok
}

// table is rows of cells; cell makes them on demand, so that only what is shown is read.
type table struct {
	columns []string
	rows    int
	keyed   bool // made from a map
	cell    func(row, col int) reflect.Value
	maxRows int
	caption string
	only    []string
}

// tableOf recognises what is a table by itself. A type that has its own text is none.
func tableOf(v reflect.Value) (*table, bool) {
	switch v.Kind() {
	case reflect.Map:
		if v.Len() == 0 {
			return nil, false
		}
		keys := sortedKeys(v)
		return &table{columns: []string{"key", "value"}, rows: len(keys), keyed: true, maxRows: defaultRows,
			cell: func(r, c int) reflect.Value {
				if c == 0 {
					return keys[r]
				}
				return v.MapIndex(keys[r])
			}}, true
	case reflect.Slice, reflect.Array:
		if v.Len() == 0 {
			return nil, false
		}
		e := v.Type().Elem()
		if e.Implements(reflect.TypeFor[fmt.Stringer]()) || e.Implements(reflect.TypeFor[error]()) ||
			e.Implements(reflect.TypeFor[Displayer]()) {
			return nil, false
		}
		if e.Kind() == reflect.Map && e.Key().Kind() == reflect.String {
			return mapTable(v), true
		}
		if e.Kind() == reflect.Pointer {
			e = e.Elem()
		}
		if e.Kind() == reflect.Struct && e.NumField() > 0 {
			return structTable(v, e), true
		}
	}
	return nil, false
}

func structTable(v reflect.Value, e reflect.Type) *table {
	t := &table{rows: v.Len(), maxRows: defaultRows}
	var index []int
	// Unexported fields are shown only where there are no others.
	for _, exported := range []bool{true, false} {
		for i := range e.NumField() {
			if f := e.Field(i); f.IsExported() == exported && f.Name != "_" {
				t.columns, index = append(t.columns, f.Name), append(index, i)
			}
		}
		if len(index) > 0 {
			break
		}
	}
	t.cell = func(r, c int) reflect.Value {
		row := reflect.Indirect(v.Index(r))
		if !row.IsValid() {
			return row
		}
		return row.Field(index[c])
	}
	return t
}

func mapTable(v reflect.Value) *table {
	t := &table{rows: v.Len(), maxRows: defaultRows}
	keys := map[string]reflect.Value{}
	for i := range min(v.Len(), 1000) { // a sample: columns that appear later are not shown
		for _, k := range v.Index(i).MapKeys() {
			keys[k.String()] = k
		}
	}
	for k := range keys {
		t.columns = append(t.columns, k)
	}
	slices.Sort(t.columns)
	t.cell = func(r, c int) reflect.Value { return v.Index(r).MapIndex(keys[t.columns[c]]) }
	return t
}

func listTable(v reflect.Value) *table {
	t := &table{rows: v.Len(), maxRows: defaultRows, columns: []string{"value"}}
	t.cell = func(r, _ int) reflect.Value { return v.Index(r) }
	if k := v.Type().Elem().Kind(); k != reflect.Slice && k != reflect.Array {
		return t
	}
	width := 0
	for i := range v.Len() {
		width = max(width, v.Index(i).Len())
	}
	t.columns = nil
	for i := range width {
		t.columns = append(t.columns, fmt.Sprint(i))
	}
	t.cell = func(r, c int) reflect.Value {
		if row := v.Index(r); c < row.Len() {
			return row.Index(c)
		}
		return reflect.Value{}
	}
	return t
}

// Grid is the part of a table that is shown, as text.
type Grid struct {
	Caption     string
	Columns     []string
	Right       []bool     // by column: numbers, aligned to the right
	Cells       [][]string // by row and column
	MoreRows    int        // that are not shown
	MoreColumns int
}

func (t *table) grid() Grid {
	cols := t.shownColumns()
	n := t.rows
	if t.maxRows > 0 {
		n = min(n, t.maxRows)
	}
	g := Grid{Caption: t.caption, MoreRows: t.rows - n, MoreColumns: max(0, len(cols)-maxColumns)}
	cols = cols[:len(cols)-g.MoreColumns]
	for _, c := range cols {
		g.Columns = append(g.Columns, t.columns[c])
		g.Right = append(g.Right, n > 0 && isNumber(t.cell(0, c)))
	}
	for r := range n {
		row := make([]string, len(cols))
		for i, c := range cols {
			row[i] = cellText(t.cell(r, c))
		}
		g.Cells = append(g.Cells, row)
	}
	return g
}

// Omitted says in words what is not shown, as in "… 3 more rows"; "" where that is nothing.
func (g Grid) Omitted() string {
	var parts []string
	if g.MoreColumns > 0 {
		parts = append(parts, fmt.Sprintf("%d more columns", g.MoreColumns))
	}
	if g.MoreRows > 0 {
		parts = append(parts, fmt.Sprintf("%d more rows", g.MoreRows))
	}
	if len(parts) == 0 {
		return ""
	}
	return "… " + strings.Join(parts, ", ")
}

func (t *table) shownColumns() []int {
	var cols []int
	if t.only == nil {
		for i := range t.columns {
			cols = append(cols, i)
		}
		return cols
	}
	for _, name := range t.only {
		if i := slices.Index(t.columns, name); i >= 0 {
			cols = append(cols, i)
		}
	}
	return cols
}

func isNumber(v reflect.Value) bool {
	if v.IsValid() && v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	return v.IsValid() && (v.CanInt() || v.CanUint() || v.CanFloat()) && v.Type().PkgPath() == ""
}

// cellText is a value in a table: strings without quotes, the rest as Sprint has it.
func cellText(v reflect.Value) string {
	if v.IsValid() && v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if !v.IsValid() {
		return ""
	}
	if v.Kind() == reflect.String && v.Type().NumMethod() == 0 {
		return clipRunes(v.String(), maxCell)
	}
	p := &printer{left: 100, seen: map[visit]bool{}}
	var b strings.Builder
	p.node(v, 1, false).write(&b, 0)
	return clipRunes(b.String(), maxCell)
}

func clipRunes(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	r := []rune(s)
	return string(r[:n-1]) + "…"
}

func (t *table) bundle() Bundle { return t.grid().Display() }

// Display shows the grid as a table.
func (g Grid) Display() Bundle { return Bundle{MIMEHTML: g.HTML(), MIMEText: g.Text()} }

// HTML is the grid as a table element, with what was left out below it.
func (g Grid) HTML() string {
	var b strings.Builder
	b.WriteString("<table>")
	if g.Caption != "" {
		b.WriteString("<caption>" + html.EscapeString(g.Caption) + "</caption>")
	}
	b.WriteString("<thead><tr>")
	for i, c := range g.Columns {
		fmt.Fprintf(&b, `<th scope="col" style="text-align:%s">%s</th>`, g.align(i), html.EscapeString(c))
	}
	b.WriteString("</tr></thead><tbody>")
	for _, row := range g.Cells {
		b.WriteString("<tr>")
		for i, s := range row {
			fmt.Fprintf(&b, `<td style="text-align:%s">%s</td>`, g.align(i), html.EscapeString(s))
		}
		b.WriteString("</tr>")
	}
	b.WriteString("</tbody></table>")
	if note := g.Omitted(); note != "" {
		b.WriteString("<p>" + html.EscapeString(note) + "</p>")
	}
	return b.String()
}

func (g Grid) align(col int) string {
	if g.Right[col] {
		return "right"
	}
	return "left"
}

// Text is the grid with its columns aligned by spaces.
func (g Grid) Text() string {
	width := make([]int, len(g.Columns))
	oneLine := strings.NewReplacer("\n", " ", "\t", " ")
	lines := make([][]string, 0, len(g.Cells)+1)
	for _, row := range append([][]string{g.Columns}, g.Cells...) {
		line := make([]string, len(row))
		for i, s := range row {
			line[i] = clipRunes(oneLine.Replace(s), maxTextCell)
			width[i] = max(width[i], utf8.RuneCountInString(line[i]))
		}
		lines = append(lines, line)
	}
	var b strings.Builder
	if g.Caption != "" {
		b.WriteString(g.Caption + "\n")
	}
	for _, line := range lines {
		var l strings.Builder
		for i, s := range line {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(s))
			if g.Right[i] {
				s = pad + s
			} else {
				s += pad
			}
			if i > 0 {
				l.WriteString("  ")
			}
			l.WriteString(s)
		}
		b.WriteString(strings.TrimRight(l.String(), " ") + "\n")
	}
	b.WriteString(g.Omitted())
	return strings.TrimRight(b.String(), "\n")
}
