package magic

import (
	"slices"
	"testing"
)

func TestGo(t *testing.T) {
	for _, tt := range []struct{ source, want string }{
		{"x := 1", "x := 1"},
		{"%cd /tmp\nx := 1", "        \nx := 1"},
		{"!ls é\nx", "      \nx"},
		{"%%bash\nfor i in 1; do\nx", "      \n              \n "},
		{"%%time\nx := 1", "      \nx := 1"},
		{"  %time f()\ny", "        f()\ny"},
		{"%%\nx := 1", "  \nx := 1"},
		{"%nosuch\nx", "       \nx"},
	} {
		if got := New().Go(tt.source); got != tt.want {
			t.Errorf("Go(%q) = %q, want %q", tt.source, got, tt.want)
		}
	}
}

func TestComplete(t *testing.T) {
	for _, tt := range []struct {
		source string
		cursor int
		start  int
		want   string // one of the names; "" for none
		ok     bool
	}{
		{"%hel", 4, 0, "%help", true},
		{"x := 1\n  %ti", 12, 9, "%time", true},
		{"%%ba", 4, 0, "%%bash", true},
		{"%", 1, 0, "%help", true},
		{"%zzz", 4, 0, "", true},
		{"%cd /tm", 7, 0, "", false},
		{"!ls", 2, 0, "", false},
		{"x % he", 6, 0, "", false},
		{"%help", 0, 0, "", false},
	} {
		start, names, ok := New().Complete(tt.source, tt.cursor)
		if ok != tt.ok || start != tt.start || tt.want != "" && !slices.Contains(names, tt.want) || tt.want == "" && len(names) > 0 {
			t.Errorf("Complete(%q, %d) = %d, %q, %v", tt.source, tt.cursor, start, names, ok)
		}
	}
}

func TestAt(t *testing.T) {
	r := New()
	if m, ok := r.At("x\n%cd /tmp", 4); !ok || m.Name != "cd" {
		t.Errorf("At: %q, %v", m.Name, ok)
	}
	for _, cursor := range []int{0, 1, 2, 7} {
		if m, ok := r.At("x\n%cd /tmp", cursor); ok {
			t.Errorf("At %d: %q", cursor, m.Name)
		}
	}
}
