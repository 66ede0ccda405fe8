package gpu

import (
	"cmp"
	"slices"
	"strings"
)

// Event is a kind of Change.
type Event string

// What may happen to a device.
const (
	WasLost     Event = "lost"      // it cannot be used any more
	WasFound    Event = "found"     // it can be used again
	WasDegraded Event = "degraded"  // it works, and needs attention
	Recovered   Event = "recovered" // it works as it should
	Appeared    Event = "appeared"  // it was not there when the node started
)

// Change is what has happened to one device.
type Change struct {
	ID    string
	Event Event
	Why   string
}

// patience is how many looks in a row may fail before what they cannot see counts as lost.
const patience = 2

// tracker decides what has changed from one look to the next.
type tracker struct {
	offered []Unit          // as they are known to be
	seen    map[string]bool // ids of all units that were ever reported
	failed  int             // looks in a row
}

func newTracker(offered []Unit, r Report) *tracker {
	t := &tracker{offered: slices.Clone(offered), seen: map[string]bool{}}
	t.notice(r.Units())
	return t
}

// notice returns the units that were never seen before.
func (t *tracker) notice(units []Unit) []Unit {
	var fresh []Unit
	for _, u := range units {
		if !t.seen[u.ID] {
			t.seen[u.ID] = true
			fresh = append(fresh, u)
		}
	}
	return fresh
}

// next takes a new report in. Devices are matched by id: numbers shift when a GPU goes.
func (t *tracker) next(r Report) []Change {
	if r.Problem != nil {
		if t.failed++; t.failed < patience {
			return nil
		}
	} else {
		t.failed = 0
	}
	units := r.Units()
	var changes []Change
	for i := range t.offered {
		old := &t.offered[i]
		now := absent(*old, r)
		if j := slices.IndexFunc(units, func(u Unit) bool { return u.ID == old.ID }); j >= 0 {
			now = units[j].Health
		}
		if c, ok := compare(old.ID, old.Health, now); ok {
			changes = append(changes, c)
		}
		old.Health = now
	}
	for _, u := range t.notice(units) {
		changes = append(changes, Change{u.ID, Appeared, cmp.Or(u.Name, "a device") + " was not there when the node started"})
	}
	return changes
}

// absent is the health of a unit that a report does not list.
func absent(u Unit, r Report) Health {
	if r.Problem != nil {
		return Health{Lost, []string{r.Problem.Text}}
	}
	for _, g := range r.GPUs {
		if g.Index == u.GPU && g.ID == "" && len(g.Health.Reasons) > 0 {
			return Health{Lost, g.Health.Reasons}
		}
	}
	return Health{Lost, []string{"the driver does not list it any more"}}
}

func compare(id string, old, now Health) (Change, bool) {
	why := strings.Join(now.Reasons, "; ")
	switch {
	case now.State == Lost && old.State != Lost:
		return Change{id, WasLost, why}, true
	case now.State != Lost && old.State == Lost:
		return Change{id, WasFound, why}, true
	case now.State == Degraded && (old.State == OK || why != strings.Join(old.Reasons, "; ")):
		return Change{id, WasDegraded, why}, true
	case now.State == OK && old.State == Degraded:
		return Change{id, Recovered, ""}, true
	}
	return Change{}, false
}
