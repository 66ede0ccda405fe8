package sched

import (
	"fmt"
	"slices"

	"mobula/internal/id"
)

// BundleKey names one bundle of a placement group.
type BundleKey struct {
	Group id.PlacementGroup
	Index int
}

// Ledger is the account of one node: who holds what of it.
//
// What is free and what is held always add up to what there is, and no device is given out beyond 1. Nothing is
// given twice, but for the CPUs of tasks that wait: Block returns them and Unblock takes them back, whether free or not.
type Ledger struct {
	node    Pool
	grants  map[id.Lease]*grant
	bundles map[BundleKey]*reserve
}

type grant struct {
	pool    *Pool // the node's or a bundle's
	bundle  BundleKey
	takes   Resources
	shares  []Share
	blocked bool
}

type reserve struct {
	pool   Pool
	takes  Resources
	shares []Share
	leases int
}

// NewLedger returns the account of a node on which nothing is held. See NewPool for the devices.
func NewLedger(total Resources, devices []Device) *Ledger {
	return &Ledger{NewPool(total, devices), map[id.Lease]*grant{}, map[BundleKey]*reserve{}}
}

// Pool returns a copy of what the node has and what of it is free.
func (l *Ledger) Pool() Pool { return l.node.Clone() }

// BundlePool returns a copy of what a bundle has and what of it is free.
func (l *Ledger) BundlePool(key BundleKey) (Pool, bool) {
	b, ok := l.bundles[key]
	if !ok {
		return Pool{}, false
	}
	return b.pool.Clone(), true
}

// Leases returns how many leases are held.
func (l *Ledger) Leases() int { return len(l.grants) }

// Acquire holds r for a lease, on the devices that Decide chose or, with none given, on devices of the ledger's choice, which it returns.
func (l *Ledger) Acquire(lease id.Lease, r Resources, devices []Share) ([]Share, error) {
	return l.acquire(lease, r, devices, &l.node, BundleKey{})
}

// AcquireIn is Acquire in a bundle.
func (l *Ledger) AcquireIn(key BundleKey, lease id.Lease, r Resources, devices []Share) ([]Share, error) {
	b, ok := l.bundles[key]
	if !ok {
		return nil, &LedgerError{"acquire", fmt.Sprintf("bundle %d of group %s is not on this node", key.Index, key.Group.Short())}
	}
	shares, err := l.acquire(lease, r, devices, &b.pool, key)
	if err == nil {
		b.leases++
	}
	return shares, err
}

func (l *Ledger) acquire(lease id.Lease, r Resources, devices []Share, from *Pool, key BundleKey) ([]Share, error) {
	if _, ok := l.grants[lease]; ok {
		return nil, &LedgerError{"acquire", "lease " + lease.Short() + " is held already"}
	}
	shares, err := from.allocate("acquire", r, devices, Holders{Tasks: 1})
	if err != nil {
		return nil, err
	}
	l.grants[lease] = &grant{pool: from, bundle: key, takes: r.clone(), shares: shares}
	return slices.Clone(shares), nil
}

// Release returns all that a lease holds.
func (l *Ledger) Release(lease id.Lease) error {
	g, err := l.grant("release", lease)
	if err != nil {
		return err
	}
	g.pool.give(g.holds(), g.shares, Holders{Tasks: 1})
	if b, ok := l.bundles[g.bundle]; ok {
		b.leases--
	}
	delete(l.grants, lease)
	return nil
}

// Block returns the CPUs of a lease whose task waits for others. It keeps all else.
func (l *Ledger) Block(lease id.Lease) error {
	g, err := l.grant("block", lease)
	if err != nil {
		return err
	}
	if g.blocked {
		return &LedgerError{"block", "lease " + lease.Short() + " is blocked already"}
	}
	g.blocked = true
	g.pool.give(Resources{CPU: g.takes.CPU}, nil, Holders{Tasks: 1})
	return nil
}

// Unblock takes the CPUs of a lease back, also those that are in use by then.
func (l *Ledger) Unblock(lease id.Lease) error {
	g, err := l.grant("unblock", lease)
	if err != nil {
		return err
	}
	if !g.blocked {
		return &LedgerError{"unblock", "lease " + lease.Short() + " is not blocked"}
	}
	g.blocked = false
	g.pool.take(Resources{CPU: g.takes.CPU}, nil, Holders{Tasks: 1})
	return nil
}

// holds is what of the grant is not lent to others.
func (g *grant) holds() Resources {
	r := g.takes
	if g.blocked {
		r.CPU = 0
	}
	return r
}

func (l *Ledger) grant(op string, lease id.Lease) (*grant, error) {
	g, ok := l.grants[lease]
	if !ok {
		return nil, &LedgerError{op, "lease " + lease.Short() + " is not held"}
	}
	return g, nil
}

// Reserve holds r for a bundle, from which AcquireIn then serves. The devices are as in Acquire.
func (l *Ledger) Reserve(key BundleKey, r Resources, devices []Share) ([]Share, error) {
	if _, ok := l.bundles[key]; ok {
		return nil, &LedgerError{"reserve", fmt.Sprintf("bundle %d of group %s is here already", key.Index, key.Group.Short())}
	}
	shares, err := l.node.allocate("reserve", r, devices, Holders{Groups: 1})
	if err != nil {
		return nil, err
	}
	b := &reserve{takes: r.clone(), shares: shares}
	b.pool = l.node.bundlePool(b.takes, shares)
	l.bundles[key] = b
	return slices.Clone(shares), nil
}

// Unreserve returns what a bundle holds. Its leases must have been released.
func (l *Ledger) Unreserve(key BundleKey) error {
	b, ok := l.bundles[key]
	switch {
	case !ok:
		return &LedgerError{"unreserve", fmt.Sprintf("bundle %d of group %s is not on this node", key.Index, key.Group.Short())}
	case b.leases > 0:
		return &LedgerError{"unreserve", fmt.Sprintf("bundle %d of group %s still has %d leases: release them first", key.Index, key.Group.Short(), b.leases)}
	}
	l.node.give(b.takes, b.shares, Holders{Groups: 1})
	delete(l.bundles, key)
	return nil
}

// SetLost marks a device as lost, or as found again. Who holds it keeps it.
func (l *Ledger) SetLost(device string, lost bool) error {
	i := slices.IndexFunc(l.node.Devices, func(d Device) bool { return d.ID == device })
	if i < 0 {
		return &LedgerError{"set lost", fmt.Sprintf("no device has the id %q", device)}
	}
	l.node.Devices[i].Lost = lost
	l.node.recount()
	for _, b := range l.bundles {
		for j := range b.pool.Devices {
			if b.pool.Devices[j].Index == i {
				b.pool.Devices[j].Lost = lost
			}
		}
		b.pool.recount()
	}
	return nil
}
