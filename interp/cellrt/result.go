package cellrt

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"mobula/internal/cellio"
)

// Formatter turns a value into its MIME bundle. The session host sets it to display.Of.
var Formatter = func(v any) cellio.Data { return textData(fmt.Sprintf("%v", v)) }

// Result shows the values of a cell's last expression; several are separated by commas, none show nothing.
func Result(values ...any) {
	if len(values) == 0 {
		return
	}
	data := Formatter(values[0])
	if len(values) > 1 {
		parts := make([]string, len(values))
		for i, v := range values {
			parts[i] = plainText(Formatter(v))
		}
		data = textData(strings.Join(parts, ", "))
	}
	if err := cellio.Current().Display(cellio.Display{Data: data, Result: true}); err != nil {
		panic(fmt.Errorf("show the result of the cell: %w", err))
	}
}

// ResultOf shows reflected values, for package direct.
func ResultOf(values []reflect.Value) {
	list := make([]any, len(values))
	for i, v := range values {
		list[i] = v.Interface()
	}
	Result(list...)
}

func textData(s string) cellio.Data {
	b, err := json.Marshal(s)
	if err != nil {
		b = []byte(`""`) // a string always encodes
	}
	return cellio.Data{"text/plain": b}
}

func plainText(d cellio.Data) string {
	var s string
	if json.Unmarshal(d["text/plain"], &s) != nil {
		return string(d["text/plain"])
	}
	return s
}
