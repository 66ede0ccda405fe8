package host

import (
	"fmt"
	"unicode/utf8"

	"mobula/display"
	"mobula/interp/direct"
	"mobula/interp/hostrpc"
)

// values prints session variables. It runs between cells; goroutines that a cell has left
// may still change them, so a value that cannot be printed is only said to be so.
func (h *Host) values(v *hostrpc.Values) *hostrpc.Reply {
	r := &hostrpc.Reply{}
	for _, name := range v.Names {
		x, ok := direct.Default.Variable(name)
		if !ok {
			continue
		}
		r.Values = append(r.Values, hostrpc.Value{Name: name, Type: x.Type().String(), Text: printed(x.Interface(), v.Limit)})
	}
	return r
}

func printed(v any, limit int) (s string) {
	defer func() {
		if r := recover(); r != nil {
			s = fmt.Sprintf("(cannot be printed: %v)", r)
		}
	}()
	s = display.Sprint(v)
	if limit <= 0 || len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit] + "…"
}
