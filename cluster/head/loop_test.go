package head

import (
	"testing"

	"mobula/cluster/headwire"
	"mobula/internal/id"
)

// TestOnlyWhatWaitsIsLookedAt: actors and groups that have ended stay in the state for a day; passes of the loop do not go through them.
func TestOnlyWhatWaitsIsLookedAt(t *testing.T) {
	h := start(t, Config{})
	c := inside(t, h)
	job := id.New[id.Job]()
	ask(t, c, headwire.StartJob, headwire.JobSpec{ID: job})
	for range 3 {
		a := ask(t, c, headwire.RegisterActor, headwire.ActorSpec{ID: id.New[id.Actor](), Job: job, MaxRestarts: 1}).Actor
		ask(t, c, headwire.KillActor, headwire.ActorKill{ID: a.ID})
		g := ask(t, c, headwire.CreateGroup, headwire.GroupSpec{ID: id.New[id.PlacementGroup](), Job: job, Strategy: "Pack", Bundles: []headwire.BundleInfo{{Resources: cpus(1)}}})
		ask(t, c, headwire.RemoveGroup, headwire.GroupRef{ID: g.ID})
	}
	last := ask(t, c, headwire.RegisterActor, headwire.ActorSpec{ID: id.New[id.Actor](), Job: job, MaxRestarts: 1}).Actor
	h.mu.Lock()
	defer h.mu.Unlock()
	for range 2 { // the second time it is there already
		h.lookIn(h.View())
		if f := h.found; len(f.actors) != 1 || f.actors[0].ID != last.ID || len(f.groups) != 0 || f.in != h.View() {
			t.Errorf("%d actors, %d groups", len(f.actors), len(f.groups))
		}
	}
}
