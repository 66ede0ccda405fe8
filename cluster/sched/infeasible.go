package sched

import (
	"fmt"
	"strconv"

	"mobula/internal/id"
)

// Infeasible tells that nothing in the cluster, and nothing that an autoscaler may add, can ever hold a request or a placement group.
type Infeasible struct {
	Request id.Lease          // or
	Group   id.PlacementGroup // of which one is zero
	Lacks   string            // what there is not enough of: a resource, a label, "node" or "group"
	What    string            // the same in words, with what there is
	Next    string            // what its user can do
}

// Error says what the cluster lacks and what to do.
func (e *Infeasible) Error() string {
	what := e.What
	if e.Next != "" {
		what += "; " + e.Next
	}
	return "can never be placed: " + what
}

// What users can do.
const (
	askLess   = "ask for less, or add such a node"
	checkName = "check the spelling, or start a node with it"
)

// infeasible says what the nodes lack for r under a selector.
func (p *pass) infeasible(selector Selector, r Resources) *Infeasible {
	all := filter(p.inState(Alive, Suspect), func(n *node) bool { return !n.gateway() })
	if len(all) == 0 {
		if len(p.snap.NodeTypes) > 0 {
			return &Infeasible{Lacks: "node", What: "the cluster has no node that takes work, and no group of the autoscaler has nodes for " + r.String() + under(selector), Next: askLess}
		}
		return &Infeasible{Lacks: "node", What: "the cluster has no node that takes work", Next: "start one"}
	}
	selected := filter(all, func(n *node) bool { return selector.Matches(n.Labels) })
	if len(selected) == 0 {
		return unselected(all, selector)
	}
	where := under(selector)
	for _, name := range r.Names() {
		largest := largest(selected, name)
		most, need := largest.real.Total.Get(name), r.Get(name)
		if most > 0 && most >= need {
			continue
		}
		if most == 0 {
			return absent(all, name, where, need)
		}
		what := fmt.Sprintf("needs %s; the largest node%s has %s%s (%s); %s in all",
			quantity(name, need), where, number(name, most), largest.real.lostDevices(name), largest.Name, count(len(selected), "node"))
		return &Infeasible{Lacks: name, What: what, Next: askLess}
	}
	return apart(selected, r, where)
}

// under names the selector, where there is one.
func under(selector Selector) string {
	if len(selector) == 0 {
		return ""
	}
	return " with " + selector.String()
}

// unselected says which label no node has.
func unselected(nodes []*node, selector Selector) *Infeasible {
	for _, c := range selector {
		if len(filter(nodes, func(n *node) bool { return c.matches(n.Labels) })) > 0 {
			continue
		}
		var values []string
		for _, n := range nodes {
			if v, ok := n.Labels[c.Key]; ok {
				values = append(values, v)
			}
		}
		what := "no node has label " + c.String()
		if len(values) > 0 {
			return &Infeasible{Lacks: c.Key, What: what + "; values of " + c.Key + " here: " + some(distinct(values)), Next: checkName}
		}
		return &Infeasible{Lacks: c.Key, What: what + "; no node has a label " + c.Key + nearName(c.Key, labelKeys(nodes)), Next: checkName}
	}
	return &Infeasible{
		Lacks: selector[0].Key, What: "no node has all of the labels " + selector.String() + ", though each is there", Next: "ask for fewer labels",
	}
}

// absent says that no node has a resource, and which one may have been meant.
func absent(all []*node, name, where string, need int64) *Infeasible {
	if most := largest(all, name); most.real.Total.Get(name) > 0 {
		what := fmt.Sprintf("needs %s; no node%s has any; %s has", quantity(name, need), where, most.Name)
		return &Infeasible{Lacks: name, What: what, Next: askLess}
	}
	if name == CPU || name == GPU || name == Memory {
		what := fmt.Sprintf("needs %s; no node has any%s (%s in all)", quantity(name, need), largest(all, name).real.lostDevices(name), count(len(all), "node"))
		return &Infeasible{Lacks: name, What: what, Next: askLess}
	}
	return &Infeasible{Lacks: name, What: "no node has a resource " + name + nearName(name, customNames(all)), Next: checkName}
}

// apart says that what is needed is there, but not on one node.
func apart(nodes []*node, r Resources, where string) *Infeasible {
	names := r.Names()
	if len(names) == 1 { // GPU: neither a share of one device nor whole ones
		return &Infeasible{Lacks: GPU, What: "needs " + r.String() + ": more than one device cannot be shared", Next: "ask for whole devices"}
	}
	var has []string
	for _, name := range names {
		n := largest(nodes, name)
		has = append(has, n.Name+" has "+quantity(name, n.real.Total.Get(name)))
	}
	what := fmt.Sprintf("no node%s has %v; %s", where, r, sentence(has, "and"))
	return &Infeasible{Lacks: names[0], What: what, Next: askLess}
}

// groupInfeasible says why a group cannot be placed. Lacks is empty where that is not certain.
func (p *pass) groupInfeasible(g *group) *Infeasible {
	t := newTrial(g, p.inState(Alive, Suspect), true)
	all := Resources{}
	for _, b := range t.missing {
		all.add(b.Resources)
		if len(filter(t.nodes, func(n *node) bool { return t.fits(b, n) })) == 0 {
			e := p.infeasible(b.Selector, b.Resources)
			e.What = "bundle " + strconv.Itoa(b.index) + ": " + e.What
			return e
		}
	}
	switch g.Strategy {
	case PackStrictly:
		what := fmt.Sprintf("PackStrictly needs one node with %v for its %s", all, count(len(t.missing), "bundle"))
		if len(t.count) > 0 {
			return &Infeasible{Lacks: "node", What: what + " beside those that it has", Next: "create the group anew"}
		}
		name, n := p.tightest(t.nodes, all)
		return &Infeasible{Lacks: name, What: what + fmt.Sprintf("; the largest has %s (%s)", quantity(name, n.real.Total.Get(name)), n.Name), Next: "use Pack to allow several nodes"}
	case SpreadStrictly:
		what := fmt.Sprintf("SpreadStrictly needs %s, one for each bundle; %s can hold one",
			count(len(g.bundles), "node"), count(len(filter(t.nodes, t.holdsAny)), "node"))
		return &Infeasible{Lacks: "node", What: what, Next: "use SpreadOut to allow several bundles on a node"}
	case Pack, SpreadOut:
	}
	for _, name := range all.Names() {
		if has := total(t.nodes, name); has < all.Get(name) {
			what := fmt.Sprintf("the bundles need %s in all; the cluster has %s", quantity(name, all.Get(name)), number(name, has))
			return &Infeasible{Lacks: name, What: what, Next: "ask for less, or add nodes"}
		}
	}
	return &Infeasible{What: "waits for more nodes: no way was found to fit all bundles on those here, even idle"}
}

func (t *trial) holdsAny(n *node) bool {
	for _, b := range t.group.bundles {
		if b.on == n || b.on == nil && t.fits(b, n) {
			return true
		}
	}
	return false
}

// tightest returns the resource of which the best node has the smallest part of what is needed, and that node.
func (p *pass) tightest(nodes []*node, r Resources) (string, *node) {
	name, least := "", 0.0
	for _, candidate := range r.Names() {
		if ratio := float64(largest(nodes, candidate).real.Total.Get(candidate)) / float64(r.Get(candidate)); name == "" || ratio < least {
			name, least = candidate, ratio
		}
	}
	return name, largest(nodes, name)
}
