package node

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"mobula/cluster/sched"
	"mobula/cluster/wire"
)

// class is a wire.Class as the scheduler sees it.
type class struct {
	wire      wire.Class
	resources sched.Resources
	selector  sched.Selector
	strategy  sched.Strategy
	key       string // of the worker that serves it, for classes that share one
	dedicated bool   // a process for each lease
}

// parseClass reads what a client asks for. Its errors are for the user.
func parseClass(w wire.Class) (*class, error) {
	c := &class{wire: w, key: w.Program + "\x00" + w.Environment}
	var err error
	if c.resources, err = parseResources(w.Resources); err != nil {
		return nil, err
	}
	if c.selector, err = sched.ParseSelector(strings.Join(w.Selector, ",")); err != nil {
		return nil, err
	}
	if c.strategy, err = parseStrategy(w.Strategy); err != nil {
		return nil, err
	}
	c.dedicated = w.Isolated || c.resources.GPU > 0 || c.resources.Memory > 0
	return c, nil
}

func parseResources(of map[string]float64) (sched.Resources, error) {
	var r sched.Resources
	for _, name := range slices.Sorted(maps.Keys(of)) {
		if name == sched.Memory {
			r.Memory = int64(of[name])
			continue
		}
		a, err := sched.AmountOf(of[name])
		if err != nil {
			return r, fmt.Errorf("resource %s: %w", name, err)
		}
		switch name {
		case sched.CPU:
			r.CPU = a
		case sched.GPU:
			r.GPU = a
		default:
			if r.Custom == nil {
				r.Custom = map[string]sched.Amount{}
			}
			r.Custom[name] = a
		}
	}
	return r, r.Validate()
}

func parseStrategy(text string) (s sched.Strategy, err error) {
	switch {
	case text == "" || strings.EqualFold(text, "default"):
		return s, nil
	case strings.EqualFold(text, "spread"):
		return sched.Strategy{Kind: sched.Spread}, nil
	}
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return s, fmt.Errorf("strategy %.40q is not known: use spread, or leave it out", text)
	}
	return s, nil
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
func (c *class) lacks(free sched.Resources) (names []string) {
	for _, name := range c.resources.Names() {
		if free.Get(name) < c.resources.Get(name) {
			names = append(names, name)
		}
	}
	return names
}
