package eventually

import (
	"strings"
	"testing"
	"testing/synctest"
)

func TestHolds(t *testing.T) {
	looks := 0
	Holds(t, "it has looked three times", func() bool { looks++; return looks == 3 })
	if looks != 3 {
		t.Errorf("%d looks", looks)
	}
}

// failing is a test that notes why it fails.
type failing struct {
	testing.TB
	why string
}

func (f *failing) Helper()                      {}
func (f *failing) Fatalf(_ string, args ...any) { f.why = args[1].(string); panic(f) }

func TestNeverHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &failing{}
		defer func() {
			if recover() != any(f) || !strings.Contains(f.why, "the impossible") {
				t.Errorf("it fails with %q", f.why)
			}
		}()
		Holds(f, "the impossible", func() bool { return false })
	})
}
