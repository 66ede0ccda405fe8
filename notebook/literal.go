package notebook

import (
	"cmp"
	"errors"
	"fmt"
	"go/constant"
	"go/types"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// literal writes data of a YAML or JSON file as a Go expression of type t.
func literal(t types.Type, data any) (string, error) {
	if isDuration(t) {
		s, ok := data.(string)
		if !ok {
			return "", fmt.Errorf("write it as in \"90s\"")
		}
		d, err := time.ParseDuration(s)
		if err != nil {
			return "", errNoFit
		}
		return durationText(d), nil
	}
	switch u := t.Underlying().(type) {
	case *types.Basic:
		return basicLiteral(t, u, data)
	case *types.Slice:
		return listLiteral(t, u.Elem(), data)
	case *types.Array:
		if list, ok := data.([]any); !ok || int64(len(list)) != u.Len() {
			return "", fmt.Errorf("%d values are needed", u.Len())
		}
		return listLiteral(t, u.Elem(), data)
	case *types.Map:
		return mapLiteral(t, u, data)
	case *types.Interface:
		if u.Empty() {
			return untyped(data)
		}
	}
	if s, ok := data.(string); ok {
		if _, err := checkExpr(t, s); err == nil {
			return s, nil
		}
	}
	return "", errNoFit
}

func basicLiteral(t types.Type, b *types.Basic, data any) (string, error) {
	switch v := data.(type) {
	case string:
		if b.Info()&types.IsString != 0 {
			return strconv.Quote(v), nil
		}
		return "", errNoFit
	case bool:
		if b.Info()&types.IsBoolean == 0 {
			return "", errNoFit
		}
		return strconv.FormatBool(v), nil
	case int, int64, uint64, float64:
		if b.Info()&types.IsNumeric == 0 {
			return "", errNoFit
		}
		text, err := number(v)
		if err == nil {
			_, err = checkExpr(t, text)
		}
		return text, err
	}
	return "", errNoFit
}

// number writes a number. Go has no constants for infinities.
func number(v any) (string, error) {
	f, ok := v.(float64)
	switch {
	case !ok:
		return fmt.Sprint(v), nil
	case math.IsNaN(f) || math.IsInf(f, 0):
		return "", errors.New("it is no constant of Go: have the notebook say math.Inf or math.NaN")
	}
	text := strconv.FormatFloat(f, 'g', -1, 64)
	if !strings.ContainsAny(text, ".e") {
		text += ".0"
	}
	return text, nil
}

func listLiteral(t, elem types.Type, data any) (string, error) {
	list, ok := data.([]any)
	if !ok {
		return "", errors.New("want a list")
	}
	items := make([]string, len(list))
	for i, v := range list {
		var err error
		if items[i], err = literal(elem, v); err != nil {
			return "", part(fmt.Sprintf("value %d", i+1), elem, v, err)
		}
	}
	return typeText(t) + "{" + strings.Join(items, ", ") + "}", nil
}

func part(what string, t types.Type, v any, err error) error {
	if errors.Is(err, errNoFit) {
		err = fmt.Errorf("%q is no %s", fmt.Sprint(v), typeText(t))
	}
	return fmt.Errorf("%s: %w", what, err)
}

func mapLiteral(t types.Type, m *types.Map, data any) (string, error) {
	entries, ok := entriesOf(data)
	if !ok {
		return "", errors.New("want a map of names to values")
	}
	items := make([]string, len(entries))
	for i, e := range entries {
		key, err := literal(m.Key(), e.key)
		if err != nil {
			return "", part(fmt.Sprintf("key %v", e.key), m.Key(), e.key, err)
		}
		value, err := literal(m.Elem(), e.value)
		if err != nil {
			return "", part(fmt.Sprintf("value of %v", e.key), m.Elem(), e.value, err)
		}
		items[i] = key + ": " + value
	}
	return typeText(t) + "{" + strings.Join(items, ", ") + "}", nil
}

type entry struct{ key, value any }

// entriesOf returns the entries of a map in the order of their keys.
func entriesOf(data any) (entries []entry, ok bool) {
	switch m := data.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(m)) {
			entries = append(entries, entry{key, m[key]})
		}
		return entries, true
	case map[any]any:
		for key, value := range m {
			entries = append(entries, entry{key, value})
		}
		slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(fmt.Sprint(a.key), fmt.Sprint(b.key)) })
		return entries, true
	}
	return nil, false
}

// untyped writes data as an expression whose type is that of the data.
func untyped(data any) (string, error) {
	switch v := data.(type) {
	case nil:
		return "", errors.New("null has no type: give it a value, or a default in a cell tagged " + TagParameters)
	case string:
		return strconv.Quote(v), nil
	case bool:
		return strconv.FormatBool(v), nil
	case int, int64, float64:
		return number(v)
	case uint64:
		return fmt.Sprintf("uint64(%d)", v), nil
	case time.Time:
		return strconv.Quote(v.Format(time.RFC3339)), nil
	case []any:
		items := make([]string, len(v))
		for i, x := range v {
			var err error
			if items[i], err = untyped(x); err != nil {
				return "", err
			}
		}
		return "[]" + commonType(v) + "{" + strings.Join(items, ", ") + "}", nil
	}
	entries, ok := entriesOf(data)
	if !ok {
		return "", fmt.Errorf("a value of type %T", data)
	}
	var keys, values []any
	var items []string
	for _, e := range entries {
		value, err := untyped(e.value)
		if err != nil {
			return "", err
		}
		keys, values = append(keys, e.key), append(values, e.value)
		key, err := untyped(e.key)
		if err != nil {
			return "", err
		}
		items = append(items, key+": "+value)
	}
	return "map[" + commonType(keys) + "]" + commonType(values) + "{" + strings.Join(items, ", ") + "}", nil
}

// commonType is the type that all values have, or any. Of ints and floats it is float64.
func commonType(values []any) string {
	if len(values) == 0 {
		return "any"
	}
	common := ""
	for _, v := range values {
		t := ""
		switch v.(type) {
		case bool, string, int, int64, float64:
			t = fmt.Sprintf("%T", v)
		case time.Time:
			t = "string"
		default:
			return "any"
		}
		switch {
		case common == "" || common == t:
			common = t
		case common == "int" && t == "float64" || common == "float64" && t == "int":
			common = "float64"
		default:
			return "any"
		}
	}
	return common
}

// plain makes data what JSON can hold.
func plain(data any) any {
	switch v := data.(type) {
	case time.Time:
		return v.Format(time.RFC3339)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Sprint(v)
		}
	case []any:
		list := make([]any, len(v))
		for i, x := range v {
			list[i] = plain(x)
		}
		return list
	case map[string]any, map[any]any:
		m := map[string]any{}
		entries, _ := entriesOf(v)
		for _, e := range entries {
			m[fmt.Sprint(e.key)] = plain(e.value)
		}
		return m
	}
	return data
}

// constantData is the value of a constant as data.
func constantData(v constant.Value) any {
	switch v.Kind() {
	case constant.Bool:
		return constant.BoolVal(v)
	case constant.String:
		return constant.StringVal(v)
	case constant.Int:
		if n, exact := constant.Int64Val(v); exact {
			return n
		}
		if n, exact := constant.Uint64Val(v); exact {
			return n
		}
	case constant.Float:
		if f, _ := constant.Float64Val(v); !math.IsInf(f, 0) {
			return f
		}
	}
	return v.ExactString()
}
