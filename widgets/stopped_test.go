package widgets

import (
	"testing"

	"mobula/display"
	"mobula/internal/cellio"
)

// TestOnlyViewsGoOn: what ended, what never changes, and what is no widget does not.
func TestOnlyViewsGoOn(t *testing.T) {
	going := map[string]bool{"progress": true, "progress-unknown": true, "chart": true}
	for name, w := range samples() {
		data := display.Of(w)
		if Going(data) != going[name] {
			t.Errorf("%s goes on: %v", name, Going(data))
		}
		if !Going(data) {
			continue
		}
		if view, err := Stopped(data, start); err != nil || Going(display.Of(view)) {
			t.Errorf("%s goes on when it is stopped (%v)", name, err)
		}
	}
	for _, text := range []string{"null", `"x"`, `{"state":7}`, "{"} {
		if Going(cellio.Data{MIME("progress"): []byte(text)}) {
			t.Errorf("%s goes on", text)
		}
	}
}
