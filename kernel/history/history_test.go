package history

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func add(t *testing.T, s *Store, sources ...string) {
	t.Helper()
	for _, src := range sources {
		s.mu.Lock()
		line := len(s.entries) + 1
		s.mu.Unlock()
		if err := s.Append(Entry{Line: line, Source: src, Output: "out " + src}); err != nil {
			t.Fatal(err)
		}
	}
}

func sources(entries []Entry) string {
	var s []string
	for _, e := range entries {
		s = append(s, e.Source)
	}
	return strings.Join(s, " ")
}

func TestQueries(t *testing.T) {
	dir := t.TempDir()
	for _, session := range [][]string{{"a", "b", "c"}, {"a", "x1", "x22"}} {
		s := open(t, dir)
		add(t, s, session...)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, dir)
	defer s.Close()
	if s.Session() != 3 {
		t.Fatalf("session %d, want 3", s.Session())
	}
	add(t, s, "c", "now")
	tests := []struct {
		name string
		got  []Entry
		want string
	}{
		{"tail", s.Tail(3), "x22 c now"},
		{"tail beyond all", s.Tail(100), "a b c a x1 x22 c now"},
		{"this session", s.Range(0, 1, 0), "c now"},
		{"this session by number", s.Range(3, 2, 3), "now"},
		{"the session before", s.Range(-1, 1, 3), "a x1"},
		{"two before", s.Range(-2, 2, 0), "b c"},
		{"before all", s.Range(-9, 1, 0), ""},
		{"unknown", s.Range(77, 1, 0), ""},
		{"search", s.Search("x*", 0, false), "x1 x22"},
		{"search the last", s.Search("?", 2, false), "a c"},
		{"search unique", s.Search("?", 0, true), "b a c"},
		{"search all, not unique", s.Search("?", 0, false), "a b c a c"},
	}
	for _, tt := range tests {
		if got := sources(tt.got); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	if e := s.Range(-1, 1, 2)[0]; e.Session != 2 || e.Output != "out a" {
		t.Errorf("the entry read back is %+v", e)
	}
}

func TestSideBySideAndDamaged(t *testing.T) {
	dir := t.TempDir()
	a, b := open(t, dir), open(t, dir)
	if a.Session() == b.Session() {
		t.Fatal("two sessions share a number")
	}
	add(t, a, "one", "two")
	if got := sources(b.Tail(5)); got != "one two" {
		t.Errorf("the other session's entries: %q", got)
	}
	f, err := os.OpenFile(filepath.Join(dir, fileName(a.Session())), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString("\n\x00\x00{\"line\":3,\"in\":\"thr")
	f.Close()
	if got := sources(b.Tail(5)); got != "one two" {
		t.Errorf("after a cut line: %q", got)
	}
	b.Close()
	if _, err := os.Stat(filepath.Join(dir, fileName(b.Session()))); !os.IsNotExist(err) {
		t.Errorf("an empty session left its file: %v", err)
	}
	a.Close()
}

func TestPruneKeepsTheNewest(t *testing.T) {
	dir := t.TempDir()
	for n := 1; n <= MaxSessions+20; n++ {
		if err := os.WriteFile(filepath.Join(dir, fileName(n)), []byte(`{"line":1,"in":"x"}`+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, dir)
	defer s.Close()
	left, err := s.sessions()
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != MaxSessions || left[len(left)-1] != MaxSessions+21 || slices.Contains(left, 5) {
		t.Errorf("%d sessions are left, %d..%d", len(left), left[0], left[len(left)-1])
	}
}

func TestLongTextIsCut(t *testing.T) {
	s := open(t, "")
	add(t, s, strings.Repeat("é", MaxText))
	if got := s.Tail(1)[0].Source; len(got) > MaxText || len(got) < MaxText-4 || strings.ContainsRune(got, '\uFFFD') {
		t.Errorf("%d bytes are kept", len(got))
	}
}

func TestMatch(t *testing.T) {
	tests := []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true}, {"", "a", false}, {"*", "", true}, {"*", "a\nb", true}, {"a*", "abc", true}, {"*c", "abcbc", true},
		{"a*c", "abd", false}, {"a?c", "aéc", true}, {"a?c", "ac", false}, {"*x*y*", "1x2y3", true}, {"*x*y*", "1y2x3", false},
		{"fmt.Print*(\"[x]\")", "fmt.Println(\"[x]\")", true}, {"a*a", "a", false}, {"*aab", "aaab", true},
	}
	for _, tt := range tests {
		if got := Match(tt.pattern, tt.text); got != tt.want {
			t.Errorf("Match(%q, %q) = %v", tt.pattern, tt.text, got)
		}
	}
}
