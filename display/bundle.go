package display

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"mobula/internal/cellio"
)

// Media types of bundles.
const (
	MIMEText     = "text/plain"
	MIMEHTML     = "text/html"
	MIMEMarkdown = "text/markdown"
	MIMELaTeX    = "text/latex"
	MIMEJSON     = "application/json"
	MIMESVG      = "image/svg+xml"
	MIMEPNG      = "image/png"
	MIMEJPEG     = "image/jpeg"
	MIMEVegaLite = "application/vnd.vegalite.v5+json"
)

// Displayer is implemented by types that show themselves.
type Displayer interface {
	Display() Bundle
}

// Bundle is one output in several media types; the front end shows the richest that it
// knows. Keys are media types. Values are strings for text types, []byte for binary
// types, and for JSON types anything that encoding/json takes. A bundle should have
// "text/plain"; where it has none, it is made from the other types.
type Bundle map[string]any

// Display returns b itself: a bundle is shown as it is.
func (b Bundle) Display() Bundle { return b }

// data encodes the bundle. A value that cannot be encoded becomes its error, as text.
func (b Bundle) data() cellio.Data {
	d := make(cellio.Data, len(b)+1)
	var failed []string
	for mime, v := range b {
		raw, err := encode(mime, v)
		if err != nil {
			failed = append(failed, fmt.Sprintf("%s: %v", mime, err))
			continue
		}
		d[mime] = raw
	}
	if len(failed) > 0 {
		d[MIMEText] = quote("display: cannot encode " + strings.Join(failed, "; "))
	}
	if _, ok := d[MIMEText]; !ok {
		d[MIMEText] = quote(b.fallback())
	}
	return d
}

func (b Bundle) fallback() string {
	for _, mime := range []string{MIMEMarkdown, MIMELaTeX, MIMEHTML} {
		if s, ok := b[mime].(string); ok {
			return s
		}
	}
	for mime := range b {
		return "<" + mime + ">"
	}
	return ""
}

// isJSON reports whether a media type is carried as a JSON value and not as a string.
func isJSON(mime string) bool {
	return mime == MIMEJSON || strings.HasSuffix(mime, "+json")
}

func encode(mime string, v any) (json.RawMessage, error) {
	if raw, ok := v.(json.RawMessage); ok {
		if !json.Valid(raw) {
			return nil, fmt.Errorf("not valid JSON (%d bytes)", len(raw))
		}
		return raw, nil
	}
	if isJSON(mime) {
		return encodeJSON(v)
	}
	switch v := v.(type) {
	case string:
		return quote(v), nil
	case []byte:
		if strings.HasPrefix(mime, "text/") || mime == MIMESVG {
			return quote(string(v)), nil
		}
		return quote(base64.StdEncoding.EncodeToString(v)), nil
	case fmt.Stringer:
		return quote(v.String()), nil
	}
	return nil, fmt.Errorf("want a string or []byte, have %T", v)
}

func encodeJSON(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// quote returns s as a JSON string; that cannot fail (invalid UTF-8 is replaced).
func quote(s string) json.RawMessage {
	raw, err := encodeJSON(s)
	if err != nil {
		panic(fmt.Sprintf("display: a string did not encode: %v", err))
	}
	return raw
}
