package nearest

import "testing"

func TestName(t *testing.T) {
	known := []string{"engine", "env", "time", "%%time"}
	tests := []struct {
		name string
		most int
		want string
	}{
		{"engin", 2, "engine"}, {"evn", 2, "env"}, {"tmie", 2, "time"}, {"%time", 2, "time"}, {"%%tim", 2, "%%time"},
		{"env", 0, "env"}, {"evn", 1, ""}, {"something", 2, ""}, {"", 2, ""},
	}
	for _, tt := range tests {
		if got, ok := Name(tt.name, known, tt.most); got != tt.want || ok != (tt.want != "") {
			t.Errorf("%q within %d: %q, %v; want %q", tt.name, tt.most, got, ok, tt.want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"help", "hlep", 2}, {"time", "tim", 1}, {"kitten", "sitting", 3}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("%q %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
