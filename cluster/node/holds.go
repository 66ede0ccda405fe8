package node

import (
	"slices"
	"time"

	"mobula/cluster/sched"
	"mobula/internal/id"
)

// hold is what the entrypoint of a submitted job holds: an account of the ledger without a worker.
type hold struct {
	slot      id.Lease
	resources sched.Resources
}

// holdGranted says that a hold has what it wants.
type holdGranted struct {
	slot    id.Lease
	devices []string
}

// hold wants resources for an entrypoint. The head has seen that they are free; where they are not any more, they are kept for it.
func (b *book) hold(slot id.Lease, r sched.Resources, now time.Time) {
	b.holds = append(b.holds, hold{slot, r})
	b.schedule(now)
}

// unhold gives up a hold, whether it has got what it wanted or not.
func (b *book) unhold(slot id.Lease, now time.Time) {
	if _, held := b.held[slot]; held {
		b.must(b.ledger.Release(slot))
		delete(b.held, slot)
	}
	b.holds = slices.DeleteFunc(b.holds, func(h hold) bool { return h.slot == slot })
	b.schedule(now)
}

// grantHolds gives those who wait what is free, in order, and returns the resources that they lack: others do not get them.
func (b *book) grantHolds() map[string]bool {
	kept := map[string]bool{}
	b.holds = slices.DeleteFunc(b.holds, func(h hold) bool {
		free := withhold(b.ledger.Pool(), kept).Free
		lacks := lacking(h.resources, free)
		if len(lacks) == 0 {
			shares, err := b.ledger.Acquire(h.slot, h.resources, nil)
			if err == nil {
				b.held[h.slot] = h.resources
				b.out = append(b.out, holdGranted{h.slot, b.deviceIDs(shares)})
				return true
			}
			lacks = []string{sched.GPU} // free, but not of one device
		}
		for _, name := range lacks {
			kept[name] = true
		}
		return false
	})
	return kept
}
