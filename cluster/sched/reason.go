package sched

import (
	"fmt"
	"strings"
)

// explain says why a shape finds no place: it waits, or it is infeasible.
func (p *pass) explain(q *Request, s *shape) answer {
	wait := func(reason string) answer { return answer{reason: reason} }
	if q.Strategy.Kind == GroupBundle {
		return p.explainInGroup(q)
	}
	for _, c := range s.choices {
		if len(c.eligible) > 0 {
			return wait(waits(c.eligible, q.Resources))
		}
	}
	nodes, _ := p.reach(q)
	for _, selector := range append([]Selector{q.Selector}, q.Fallbacks...) {
		if lost := eligible(nodes, selector, q.Resources, Suspect); len(lost) > 0 {
			return wait("waits for " + names(lost) + ", not heard from of late")
		}
	}
	e := p.explainNode(q)
	if e == nil {
		e = p.infeasible(q.Selector, q.Resources)
		if kind := p.futureKind(q); kind != "" {
			return wait("waits for a new node of type " + kind + ": " + e.What)
		}
		if len(q.Fallbacks) > 0 {
			e.What += "; no fallback helps"
		}
	}
	return answer{infeasible: e}
}

// explainNode says why one node that is asked for cannot serve, or nil where others may.
func (p *pass) explainNode(q *Request) *Infeasible {
	if q.Strategy.Kind != NodeAffinity || q.Strategy.Soft {
		return nil
	}
	next := "ask for another node, or use NearNode"
	n, ok := p.byID[q.Strategy.Node]
	switch {
	case !ok:
		return &Infeasible{Lacks: "node", What: "node " + q.Strategy.Node.Short() + " is not in the cluster: it left, or never joined", Next: next}
	case n.State >= Draining:
		return &Infeasible{Lacks: "node", What: n.Name + " is " + n.State.String() + " and takes no new work", Next: next}
	case !q.selects(n.Labels):
		return &Infeasible{Lacks: "node", What: n.Name + " does not have label " + q.Selector.String(), Next: next}
	}
	for _, name := range q.Resources.Names() {
		if has := n.real.Total.Get(name); has < q.Resources.Get(name) {
			what := fmt.Sprintf("needs %s; %s has %s%s", quantity(name, q.Resources.Get(name)), n.Name, number(name, has), n.real.lostDevices(name))
			return &Infeasible{Lacks: name, What: what, Next: next}
		}
	}
	return apart([]*node{n}, q.Resources, "")
}

// futureKind names a type of node that an autoscaler may add and that could hold the request.
func (p *pass) futureKind(q *Request) string {
	for _, n := range p.futureNodes(1) {
		if q.selects(n.Labels) && n.real.Holds(q.Resources) {
			return n.Name
		}
	}
	return ""
}

// explainInGroup says why a request finds no room in its placement group.
func (p *pass) explainInGroup(q *Request) answer {
	g, ok := p.groups[q.Strategy.Group]
	if !ok {
		return answer{infeasible: &Infeasible{
			Lacks: "group", What: "placement group " + q.Strategy.Group.Short() + " does not exist: it was removed, or never created", Next: "create it first",
		}}
	}
	bundles := g.candidates(q.Strategy.Bundle)
	if len(bundles) == 0 {
		what := fmt.Sprintf("placement group %s has no bundle %d; it has %s, counted from 0", g.title(), q.Strategy.Bundle, count(len(g.bundles), "bundle"))
		return answer{infeasible: &Infeasible{Lacks: "group", What: what, Next: "use one of them, or -1 for any"}}
	}
	var able []*node
	stopped := ""
	for _, b := range bundles {
		pool := b.pool
		if b.on == nil {
			empty := NewPool(b.Resources, nil)
			empty.addShare(b.Resources.GPU)
			pool = &empty
		}
		able = append(able, &node{Node: &Node{Name: fmt.Sprintf("bundle %d", b.index)}, real: pool, open: pool, order: b.index})
		if stopped == "" && pool.Holds(q.Resources) {
			stopped = b.stopped()
		}
	}
	fit := filter(able, func(n *node) bool { return n.real.Holds(q.Resources) })
	switch {
	case len(fit) == 0:
		return answer{infeasible: tooSmall(g, able, q.Resources)}
	case stopped != "" && g.hopeless:
		return answer{infeasible: &Infeasible{Lacks: "group", What: "placement group " + g.title() + " can never be placed: " + g.reason, Next: "create another one"}}
	case stopped != "" && g.reason != "":
		stopped += " (" + g.reason + ")"
	case stopped == "":
		stopped = waits(fit, q.Resources)
	}
	return answer{reason: "placement group " + g.title() + ": " + stopped}
}

// addShare makes a device of a fraction, for a bundle that has no node yet.
func (p *Pool) addShare(gpu Amount) {
	if share := gpu % One; share > 0 {
		p.Devices = append(p.Devices, Device{Index: len(p.Devices), Capacity: share, Free: share})
		p.recount()
	}
}

// stopped says why a bundle takes nothing at all, or "".
func (b *bundle) stopped() string {
	switch {
	case b.on == nil:
		return fmt.Sprintf("bundle %d has no node yet", b.index)
	case b.on.State != Alive:
		return fmt.Sprintf("bundle %d is on %s, which is %v", b.index, b.on.Name, b.on.State)
	}
	return ""
}

func tooSmall(g *group, bundles []*node, r Resources) *Infeasible {
	for _, name := range r.Names() {
		n := largest(bundles, name)
		if has := n.real.Total.Get(name); has < r.Get(name) {
			what := fmt.Sprintf("needs %s; the largest bundle of placement group %s has %s (%s)", quantity(name, r.Get(name)), g.title(), number(name, has), n.Name)
			return &Infeasible{Lacks: name, What: what, Next: "ask for less, or create the group with larger bundles"}
		}
	}
	e := apart(bundles, r, "")
	e.What = "placement group " + g.title() + ": " + strings.Replace(e.What, "no node", "no bundle", 1)
	e.Next = "create the group with larger bundles"
	return e
}

// title is the group's name, or where it has none its id.
func (g *group) title() string {
	if g.Name != "" {
		return g.Name
	}
	return g.ID.Short()
}

// waits says what a request waits for that each of these nodes could hold if idle.
func waits(nodes []*node, r Resources) string {
	for _, name := range r.Names() {
		blocked := len(filter(nodes, func(n *node) bool { return n.real.Fits(only(r, name)) })) == 0
		if blocked {
			return waitsFor(nodes, r, name)
		}
	}
	fit := filter(nodes, func(n *node) bool { return n.real.Fits(r) })
	if len(fit) > 0 {
		return "waits its turn: what is free on " + names(fit) + " is kept for work that waited longer"
	}
	var lacks []string
	for _, n := range nodes {
		for _, name := range r.Names() {
			if !n.real.Fits(only(r, name)) {
				lacks = append(lacks, fmt.Sprintf("%s has %s free", n.Name, quantity(name, max(0, n.real.Free.Get(name)))))
				break
			}
		}
	}
	return "waits for " + r.String() + " on one node: " + some(lacks)
}

// waitsFor says who uses the one resource that none of the nodes has enough of.
func waitsFor(nodes []*node, r Resources, name string) string {
	var used, total, free int64
	var by Holders
	most := nodes[0]
	for _, n := range nodes {
		now := n.real.Free.Get(name)
		total += n.real.Total.Get(name)
		used += n.real.Total.Get(name) - now
		free += max(0, now)
		by.Tasks += n.real.Users[name].Tasks
		by.Groups += n.real.Users[name].Groups
		if now > most.real.Free.Get(name) {
			most = n
		}
	}
	text := fmt.Sprintf("waits for %s: %s of %s are in use%s", quantity(name, r.Get(name)), number(name, used), number(name, total), by)
	switch {
	case free == 0:
	case name == GPU && r.GPU < One:
		text += "; the most on one device is " + freest(nodes).String()
	case name == GPU:
		text += fmt.Sprintf("; whole ones free on one node: %d", mostWhole(nodes))
	case len(nodes) > 1:
		text += fmt.Sprintf("; the most on one node is %s (%s)", number(name, most.real.Free.Get(name)), most.Name)
	}
	return text
}

// only is one resource of a set.
func only(r Resources, name string) Resources {
	switch name {
	case CPU:
		return Resources{CPU: r.CPU}
	case GPU:
		return Resources{GPU: r.GPU}
	case Memory:
		return Resources{Memory: r.Memory}
	}
	return Resources{Custom: map[string]Amount{name: r.Custom[name]}}
}

// freest is the largest free part of any device.
func freest(nodes []*node) (most Amount) {
	for _, n := range nodes {
		for _, d := range n.real.Devices {
			if !d.Lost {
				most = max(most, d.Free)
			}
		}
	}
	return most
}

// mostWhole is how many whole devices are free on the node that has most of them.
func mostWhole(nodes []*node) (most int) {
	for _, n := range nodes {
		whole := 0
		for _, d := range n.real.Devices {
			if d.Free >= One && !d.Lost {
				whole++
			}
		}
		most = max(most, whole)
	}
	return most
}
