package widgets

import (
	"encoding/base64"
	"fmt"
	"html"
	"strconv"
	"strings"
	"time"

	"mobula/display"
)

// MIME returns the media type of a kind of widget.
func MIME(kind string) string { return "application/vnd.mobula." + kind + ".v1+json" }

// bundle is an output: state for the extension, page and text for others.
func bundle(kind string, state any, page, text string) display.Bundle {
	return display.Bundle{MIME(kind): state, display.MIMEHTML: page, display.MIMEText: text}
}

// image is an SVG as a page shows it that lets no SVG elements through.
func image(svg, alt string) string {
	return fmt.Sprintf(`<img alt="%s" src="data:image/svg+xml;base64,%s">`, html.EscapeString(alt), base64.StdEncoding.EncodeToString([]byte(svg)))
}

// grid is a table for people: a page's and a text's.
type grid struct {
	columns []string
	rows    [][]string
	numeric []bool // columns that are aligned to the right
	more    int    // rows that are not here
}

func (g *grid) page(caption string) string {
	var b strings.Builder
	b.WriteString("<table>")
	if caption != "" {
		b.WriteString("<caption>" + html.EscapeString(caption) + "</caption>")
	}
	b.WriteString("<thead><tr>")
	for _, c := range g.columns {
		b.WriteString(`<th scope="col">` + html.EscapeString(c) + "</th>")
	}
	b.WriteString("</tr></thead><tbody>")
	for _, r := range g.rows {
		b.WriteString("<tr>")
		for i, cell := range r {
			align := "left"
			if i < len(g.numeric) && g.numeric[i] {
				align = "right"
			}
			b.WriteString(`<td style="text-align:` + align + `">` + html.EscapeString(cell) + "</td>")
		}
		b.WriteString("</tr>")
	}
	b.WriteString("</tbody></table>")
	if g.more > 0 {
		fmt.Fprintf(&b, "<div>… %d more</div>", g.more)
	}
	return b.String()
}

func (g *grid) text(title string) string {
	width := make([]int, len(g.columns))
	all := append([][]string{g.columns}, g.rows...)
	for _, r := range all {
		for i, cell := range r {
			width[i] = max(width[i], len([]rune(cell)))
		}
	}
	var lines []string
	if title != "" {
		lines = append(lines, title)
	}
	for _, r := range all {
		var b strings.Builder
		for i, cell := range r {
			pad := strings.Repeat(" ", width[i]-len([]rune(cell)))
			if i < len(g.numeric) && g.numeric[i] {
				b.WriteString(pad + cell + "  ")
			} else {
				b.WriteString(cell + pad + "  ")
			}
		}
		lines = append(lines, strings.TrimRight(b.String(), " "))
	}
	if g.more > 0 {
		lines = append(lines, fmt.Sprintf("… %d more", g.more))
	}
	return strings.Join(lines, "\n")
}

// number writes a figure as people read it.
func number(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

// span is a duration as people say it.
func span(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
