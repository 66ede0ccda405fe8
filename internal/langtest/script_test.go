package langtest

import (
	"strings"
	"testing"
)

func TestScript(t *testing.T) {
	cases := []struct{ name, text, wrong string }{
		{"as expected", "-- cell --\nx\n-- out --\n1\n", ""},
		{"output not expected", "-- cell --\nx\n", "output is\n1\n"},
		{"output differs", "-- cell --\nx\n-- out --\n2\n", "output is"},
		{"match", "-- cell --\nx\n-- match --\n1\n", ""},
		{"no match", "-- cell --\nx\n-- match --\n7\n", `output lacks "7"`},
		{"error", "-- cell --\nfail()\n-- error --\ntold\n", ""},
		{"another error", "-- cell --\nfail()\n-- error --\nother\n", `the error lacks "other"`},
		{"no error", "-- cell --\nx\n-- out --\n1\n-- error --\ntold\n", "does not fail"},
		{"error not expected", "-- cell --\nfail()\n", "it fails"},
		{"fault", "-- cell --\ngoroutine()\n-- out --\n1\n-- fault --\nelsewhere\n", ""},
		{"fault not expected", "-- cell --\ngoroutine()\n-- out --\n1\n", "a goroutine fails"},
		{"stderr", "-- cell --\nx\n-- out --\n1\n-- stderr --\nwarning\n", "stderr lacks"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			script, err := ParseScript([]byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			rec := NewRecorder()
			got := strings.Join(script.Run(t.Context(), &scripted{sink: rec}, rec), "\n")
			if !strings.Contains(got, c.wrong) || (got == "") != (c.wrong == "") {
				t.Errorf("got %q, want %q", got, c.wrong)
			}
		})
	}
	for _, bad := range []string{"", "-- out --\n1\n", "-- cell --\nx\n-- otu --\n1\n"} {
		if _, err := ParseScript([]byte(bad)); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}
