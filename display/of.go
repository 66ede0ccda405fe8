package display

import (
	"encoding/hex"
	"fmt"
	"image"
	"reflect"
	"strconv"
	"unicode"
	"unicode/utf8"

	"mobula/internal/cellio"
)

// maxText bounds the text/plain form of one value, in bytes.
const maxText = 64 << 10

// maxDump bounds how many bytes of binary data are dumped.
const maxDump = 512

// Of returns the bundle by which v is shown as the result of a cell: what its Display
// method returns, else an image, a table (slices of structs or maps, and maps), what
// its Error or String method returns, else Go-like text of bounded size.
func Of(v any) cellio.Data {
	if r, ok := v.(reflect.Value); ok && r.IsValid() && r.CanInterface() {
		v = r.Interface()
	}
	return bundleOf(v).data()
}

func bundleOf(v any) Bundle {
	if isNil(v) {
		return Bundle{MIMEText: Sprint(v)}
	}
	switch v := v.(type) {
	case Displayer:
		b := v.Display()
		if b == nil {
			return Bundle{MIMEText: Sprint(v)}
		}
		return b
	case error:
		return Bundle{MIMEText: clip(v.Error(), maxText)}
	case image.Image:
		return Image(v)
	case fmt.Stringer:
		return Bundle{MIMEText: clip(v.String(), maxText)}
	case []byte:
		return Bundle{MIMEText: dump(v)}
	}
	if t, ok := tableOf(reflect.ValueOf(v)); ok {
		b := t.bundle()
		if t.keyed {
			b[MIMEText] = Sprint(v)
		}
		return b
	}
	return Bundle{MIMEText: Sprint(v)}
}

// isNil reports a nil interface, or a nil pointer whose methods might not expect that.
func isNil(v any) bool {
	if v == nil {
		return true
	}
	r := reflect.ValueOf(v)
	return r.Kind() == reflect.Pointer && r.IsNil()
}

func dump(b []byte) string {
	if utf8.Valid(b) && isPrintable(string(b)) {
		return "[]byte(" + strconv.Quote(clip(string(b), maxText)) + ")"
	}
	s := hex.Dump(b[:min(len(b), maxDump)])
	if len(b) > maxDump {
		s += fmt.Sprintf("… %d more bytes\n", len(b)-maxDump)
	}
	return fmt.Sprintf("[]byte, %d bytes\n%s", len(b), s)
}

func isPrintable(s string) bool {
	for _, r := range s {
		if !unicode.IsPrint(r) && !unicode.IsSpace(r) {
			return false
		}
	}
	return true
}

// clip shortens s to about n bytes at a rune boundary and says so.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + fmt.Sprintf("… %d more bytes", len(s)-n)
}
