package host

import "testing"

func TestPlainName(t *testing.T) {
	for name, want := range map[string]string{
		"scan":                          "scan",
		"cell.func1":                    "cell.func1",
		"cell.cell.func1.func2":         "cell.func1",
		"cell.cell.func3.func7.1":       "cell.func3.1",
		"(*T).M.(*T).M.func1.func2":     "(*T).M.func1",
		"cell.other.func1.func2":        "cell.other.func1.func2",
		"outer.func1.1":                 "outer.func1.1",
		"slices.SortFunc[...]":          "slices.SortFunc[...]",
		"a.func1.a.func1.func2.func3.4": "a.func1.a.func1.func2.func3.4",
	} {
		if got := plainName(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
