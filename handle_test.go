package mobula_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"mobula"
)

var refGate = make(chan struct{}) // of the package: a task's channel cannot be captured

// TestStringOfRef: the text of a Ref tells how it stands, also of what never was a task.
func TestStringOfRef(t *testing.T) {
	freed := mobula.Put(1)
	freed.Free()
	waits := mobula.Run(func() { <-refGate })
	fails := mobula.Try(func(context.Context) (int, error) { return 0, errors.New("no") })
	<-fails.Done()
	for _, c := range []struct {
		ref         fmt.Stringer
		kind, state string
	}{
		{mobula.Put(1), "int", "ready"},
		{mobula.Put(make(chan int)), "chan int", "failed"},
		{fails, "int", "failed"},
		{freed, "int", "freed"},
		{mobula.Ref[int]{}, "int", "failed"},
		{waits, "struct {}", "waits"},
	} {
		if text := c.ref.String(); !strings.HasPrefix(text, "Ref["+c.kind+"] ") || !strings.HasSuffix(text, "("+c.state+")") {
			t.Errorf("%s, want a %s that is %s", text, c.kind, c.state)
		}
	}
	close(refGate)
	<-waits.Done()
}
