package controls

import (
	"html"
	"strings"

	"mobula/display"
	"mobula/internal/cellio"
)

// still is a control without a front end that draws it: what saved notebooks show. Its HTML has nothing that JupyterLab's sanitiser removes.
type still struct{ text, html string }

// stillOf is the twin of a control that shows a name and a value.
func stillOf(name, value string) still {
	if name == "" {
		return still{value, "<div>" + html.EscapeString(value) + "</div>"}
	}
	return still{name + ": " + value, "<div>" + html.EscapeString(name) + ": <b>" + html.EscapeString(value) + "</b></div>"}
}

func (s still) bundle() display.Bundle {
	return display.Bundle{display.MIMEText: s.text, display.MIMEHTML: s.html}
}

func (s still) data() cellio.Data { return display.Of(s.bundle()) }

// stillBelow puts twins below each other, stillBeside beside each other.
func stillBelow(list []still) still {
	var text, page []string
	for _, s := range list {
		text, page = append(text, s.text), append(page, s.html)
	}
	return still{strings.Join(text, "\n"), "<div>" + strings.Join(page, "") + "</div>"}
}

func stillBeside(list []still) still {
	var text, page []string
	for _, s := range list {
		text, page = append(text, s.text), append(page, "<td>"+s.html+"</td>")
	}
	sep := "  "
	if strings.Contains(strings.Join(text, ""), "\n") {
		sep = "\n"
	}
	return still{strings.Join(text, sep), "<table><tr>" + strings.Join(page, "") + "</tr></table>"}
}
