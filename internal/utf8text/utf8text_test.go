package utf8text

import "testing"

func TestIncomplete(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "a": 0, "é": 0, "a\xc3": 1, "\xe2\x82": 2, "€": 0, "\xf0\x9f\x98": 3, "😀": 0, "\x80\x80\x80\x80": 0, "a\xff": 0, "\xf0\x9f\x98a": 0,
	} {
		if got := Incomplete([]byte(text)); got != want {
			t.Errorf("%q: %d", text, got)
		}
	}
}
