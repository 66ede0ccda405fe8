package node

import (
	"mobula/cluster/headwire"
	"mobula/cluster/sched"
	"mobula/cluster/wire"
)

// class is a wire.Class as the scheduler sees it.
type class struct {
	wire      wire.Class
	resources sched.Resources
	selector  sched.Selector
	strategy  sched.Strategy
	key       string           // of the worker that serves it, for classes that share one
	dedicated bool             // a process for each lease
	bundle    *sched.BundleKey // that it is to be in; nil for none, or where any of its group will do
}

// parseClass reads what a client asks for. Its errors are for the user.
func parseClass(w wire.Class) (*class, error) {
	needs, err := headwire.ParseClass(w)
	if err != nil {
		return nil, err
	}
	c := &class{wire: w, resources: needs.Resources, selector: needs.Selector, strategy: needs.Strategy, key: w.Program + "\x00" + w.Environment}
	c.dedicated = w.Isolated || c.resources.GPU > 0 || c.resources.Memory > 0
	if c.strategy.Kind == sched.GroupBundle && c.strategy.Bundle >= 0 {
		c.bundle = &sched.BundleKey{Group: c.strategy.Group, Index: c.strategy.Bundle}
		c.key += "\x00" + bundleName(*c.bundle) // so that it can be ended with its group
	}
	return c, nil
}

// worker is the class of the process that serves c: one that many share knows no resources.
func (c *class) worker() wire.Class {
	if c.dedicated {
		return c.wire
	}
	return wire.Class{Program: c.wire.Program, Environment: c.wire.Environment}
}

// empty reports whether the class holds nothing, so that any number of its slots can be given.
func (c *class) empty() bool { return c.resources.IsZero() }

// maxUnits bounds how many slots of one request a pass looks at.
const maxUnits = 1024

// units is how many slots may fit into what is free: never less than do fit, and one more, for the reason.
func (c *class) units(pool *sched.Pool) int {
	n := int64(maxUnits)
	for _, name := range c.resources.Names() {
		need, free := c.resources.Get(name), pool.Free.Get(name)
		if name == sched.GPU && need < int64(sched.One) {
			free = int64(len(pool.Devices)) * (int64(sched.One) / need) * need
		}
		n = min(n, max(0, free)/need)
	}
	return int(n) + 1
}

// lacks lists the resources of which there is not enough for one slot.
func (c *class) lacks(free sched.Resources) []string { return lacking(c.resources, free) }

// lacking lists the resources of which less is free than wanted.
func lacking(wanted, free sched.Resources) (names []string) {
	for _, name := range wanted.Names() {
		if free.Get(name) < wanted.Get(name) {
			names = append(names, name)
		}
	}
	return names
}
