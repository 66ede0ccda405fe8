//go:build unix

package node

import (
	"testing"

	"mobula/cluster/head"
	"mobula/internal/eventually"
)

// TestPausedActorThatLivesElsewhere: one that the head does not count on when it is back is ended without going on for a moment.
func TestPausedActorThatLivesElsewhere(t *testing.T) {
	h := startHead(t, head.Config{})
	a := joined(t, h, "a", func(c *Config) { c.StopGrace = 10 * patience })
	actor := driverIn(t, a, "team").NewNamed(counterSpec("hits"))
	pid := count(t, actor, 0).pid
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	eventually.Holds(t, "its process is stopped", func() bool { return stateOf(pid) == "T" })
	a.mu.Lock()
	a.keepActorsLocked(nil) // as hello does, before it resumes the others
	a.mu.Unlock()
	eventually.Holds(t, "its process ends", func() bool { return !running(pid) })
	eventually.Holds(t, "its resources come back", func() bool { i := a.info(); return i.Free.Equal(i.Total) })
}
