package widgets

import (
	"encoding/base64"
	"fmt"
	"html"
	"strconv"
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
