package display

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
)

// Text is shown as it is, without quotes.
type Text string

// Display shows the text.
func (t Text) Display() Bundle { return Bundle{MIMEText: string(t)} }

// HTML is trusted markup: the caller escapes what it puts in.
type HTML string

// Display shows the markup.
func (h HTML) Display() Bundle { return Bundle{MIMEHTML: string(h), MIMEText: string(h)} }

// Markdown is Markdown text; formulas between dollar signs are typeset.
type Markdown string

// Display shows the Markdown.
func (m Markdown) Display() Bundle { return Bundle{MIMEMarkdown: string(m), MIMEText: string(m)} }

// LaTeX is a formula with its delimiters, as in `$x^2$`.
type LaTeX string

// Display shows the formula.
func (l LaTeX) Display() Bundle { return Bundle{MIMELaTeX: string(l), MIMEText: string(l)} }

// SVG is an SVG document.
type SVG string

// Display shows the document. Inline SVG is lost in notebooks that are not trusted, so
// the HTML form carries it as an image.
func (s SVG) Display() Bundle {
	return Bundle{
		MIMESVG:  string(s),
		MIMEHTML: ImageTag(MIMESVG, []byte(s), "SVG image"),
		MIMEText: fmt.Sprintf("<SVG image, %d bytes>", len(s)),
	}
}

// ImageTag is an HTML image that holds its data, so that it survives the sanitiser, with a text for those who do not see it.
func ImageTag(mime string, data []byte, alt string) string {
	return fmt.Sprintf(`<img alt="%s" src="data:%s;base64,%s">`,
		html.EscapeString(alt), mime, base64.StdEncoding.EncodeToString(data))
}

// JSON shows v as a tree that can be folded. A json.RawMessage is shown as it is.
func JSON(v any) Bundle {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return Bundle{MIMEText: "display: JSON: " + err.Error()}
	}
	return Bundle{MIMEJSON: json.RawMessage(text), MIMEText: clip(string(text), maxText)}
}

// VegaLite shows a chart. spec is a Vega-Lite specification: JSON text as string, []byte
// or json.RawMessage, or a value that encodes to it.
func VegaLite(spec any) Bundle {
	var raw json.RawMessage
	var err error
	switch s := spec.(type) {
	case string:
		raw = json.RawMessage(s)
	case []byte:
		raw = json.RawMessage(s)
	default:
		raw, err = encodeJSON(s)
	}
	if err == nil && !json.Valid(raw) {
		err = fmt.Errorf("the specification is not valid JSON (%d bytes)", len(raw))
	}
	if err != nil {
		return Bundle{MIMEText: "display: Vega-Lite: " + err.Error()}
	}
	return Bundle{MIMEVegaLite: raw, MIMEText: "<Vega-Lite chart>"}
}
