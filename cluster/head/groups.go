package head

import (
	"cmp"
	"context"
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/sched"
	"mobula/cluster/state"
	"mobula/internal/id"
)

// placing is a group whose bundles are being reserved.
type placing struct{ bundles map[int]placed }

type placed struct {
	node      id.Node
	epoch     uint64
	resources sched.Resources
}

// reserveTime bounds how long nodes may take to reserve bundles.
const reserveTime = 5 * time.Second

// toPlace reports whether some bundle of a group has no node, and none is being reserved.
func (p *plan) toPlace(g *state.Group) bool {
	return g.State == state.GroupPending && p.h.placing[g.ID] == nil
}

// addGroups adds groups, with what is free in their bundles.
func (p *plan) addGroups(groups []*state.Group) {
	for _, g := range groups {
		way := p.h.placing[g.ID]
		s := sched.Group{ID: g.ID, Name: g.Name, Strategy: g.Strategy, Since: g.Created}
		for i, b := range g.Bundles {
			bundle := sched.Bundle{Resources: b.Resources, Selector: b.Selector, Node: b.Node}
			if way != nil && b.Node.IsZero() {
				bundle.Node = way.bundles[i].node // it is there, with nothing free
			}
			bundle.Pool = p.bundlePool(g.ID, i, &bundle)
			s.Bundles = append(s.Bundles, bundle)
		}
		p.snapshot.Groups = append(p.snapshot.Groups, s)
	}
}

// bundlePool is what is free in a bundle: nothing until its node tells.
func (p *plan) bundlePool(group id.PlacementGroup, index int, b *sched.Bundle) sched.Pool {
	full := sched.NewPool(b.Resources, nil)
	full.Free = sched.Resources{}
	for i := range full.Devices {
		full.Devices[i].Free = 0
	}
	l := p.h.links[b.Node]
	if l == nil || !l.told {
		return full
	}
	pool := l.bundle(group, index)
	if pool == nil {
		return full
	}
	free := pool.Clone()
	for _, x := range l.inflight {
		if x.group == group && x.bundle == index {
			withhold(&free, x.resources)
		}
	}
	return free
}

// reserve has nodes keep the bundles of a group, and then notes where they are; h.mu is held.
func (h *Head) reserve(g *state.Group, bundles []sched.BundlePlacement, view *state.View) {
	way := &placing{bundles: map[int]placed{}}
	parts := map[id.Node][]headwire.BundlePart{}
	c := &state.GroupPlace{ID: g.ID, Generation: g.Generation}
	for _, b := range bundles {
		n, _ := view.Node(b.Node)
		resources := g.Bundles[b.Bundle].Resources
		way.bundles[b.Bundle] = placed{b.Node, n.Epoch, resources}
		parts[b.Node] = append(parts[b.Node], headwire.BundlePart{Index: b.Bundle, Resources: resources})
		c.Bundles = append(c.Bundles, state.BundleNode{Bundle: b.Bundle, Node: b.Node, Epoch: n.Epoch})
	}
	peers := map[id.Node]*headwire.Peer{}
	for node := range parts {
		l := h.links[node]
		if l == nil || l.session == nil {
			return // it has just gone: the next pass sees that
		}
		peers[node] = l.session.peer
	}
	h.placing[g.ID] = way
	delete(h.verdicts, g.ID.ID)
	h.wg.Go(func() {
		err := reserveAll(h.ctx, g.ID, parts, peers)
		if err == nil {
			c.Time = now()
			_, err = h.propose(c)
		}
		if err != nil {
			h.logger.Info("a placement group is not placed this time", "group", g.ID, "error", err)
			for node, peer := range peers {
				_ = peer.Notify(headwire.ReleaseMethod, headwire.Bundles{Group: g.ID, List: parts[node]}) // a node that connects again learns what it must have
			}
			h.mu.Lock()
			way.bundles = nil // nothing is kept for it while it waits
			h.verdicts[g.ID.ID] = verdict{reason: err.Error()}
			h.mu.Unlock()
			h.pause()
		}
		h.mu.Lock()
		delete(h.placing, g.ID)
		h.mu.Unlock()
		h.poke()
	})
}

// reserveAll has each node reserve its bundles.
func reserveAll(ctx context.Context, group id.PlacementGroup, parts map[id.Node][]headwire.BundlePart, peers map[id.Node]*headwire.Peer) error {
	ctx, cancel := context.WithTimeout(ctx, reserveTime)
	defer cancel()
	failed := make(chan error, len(peers))
	for node, peer := range peers {
		go func() { // each is waited for below
			_, err := headwire.Ask(ctx, peer, headwire.ReserveBundles, headwire.Bundles{Group: group, List: parts[node]})
			failed <- err
		}()
	}
	var first error
	for range peers {
		first = cmp.Or(first, <-failed)
	}
	return first
}

func (h *Head) createGroup(_ context.Context, _ *session, in headwire.GroupSpec) (headwire.GroupInfo, error) {
	strategy, err := sched.ParseGroupStrategy(in.Strategy)
	if err != nil {
		return headwire.GroupInfo{}, headwire.Errorf(headwire.Invalid, "%v", err)
	}
	c := &state.GroupCreate{ID: in.ID, Name: in.Name, Namespace: in.Namespace, Job: in.Job, Detached: in.Detached, Strategy: strategy, Time: now()}
	for _, b := range in.Bundles {
		c.Bundles = append(c.Bundles, state.Bundle{Resources: b.Resources, Selector: b.Selector})
	}
	g, err := proposeFor[*state.Group](h, c)
	if err != nil {
		return headwire.GroupInfo{}, err
	}
	return h.groupInfo(g), nil
}

// waitGroup answers when all bundles have a node, or never can.
func (h *Head) waitGroup(ctx context.Context, _ *session, in headwire.GroupRef) (headwire.GroupInfo, error) {
	g, err := h.group(in)
	if err != nil {
		return headwire.GroupInfo{}, err
	}
	g, err = await(ctx, h, func(v *state.View) (*state.Group, bool, error) {
		now, ok := v.Group(g.ID)
		if !ok {
			return g, true, nil
		}
		if now.State == state.GroupPending {
			h.mu.Lock()
			defer h.mu.Unlock()
			if why := h.verdicts[g.ID.ID]; why.never && now.Placed == 0 { // else what it lived on may come back
				return now, true, headwire.Errorf(headwire.Infeasible, "%s", why.reason)
			}
		}
		return now, now.State != state.GroupPending, nil
	})
	return h.groupInfo(g), err
}

func (h *Head) getGroup(_ context.Context, _ *session, in headwire.GroupRef) (headwire.GroupInfo, error) {
	g, err := h.group(in)
	if err != nil {
		return headwire.GroupInfo{}, err
	}
	return h.groupInfo(g), nil
}

func (h *Head) removeGroup(_ context.Context, _ *session, in headwire.GroupRef) (headwire.None, error) {
	g, err := h.group(in)
	if err != nil {
		return headwire.None{}, err
	}
	_, err = h.propose(&state.GroupRemove{ID: g.ID, Time: now()})
	return headwire.None{}, err
}

func (h *Head) listGroups(context.Context, *session, headwire.None) ([]headwire.GroupInfo, error) {
	all := []headwire.GroupInfo{}
	for _, g := range h.View().Groups() {
		all = append(all, h.groupInfo(g))
	}
	return all, nil
}

func (h *Head) group(in headwire.GroupRef) (*state.Group, error) {
	if in.ID.IsZero() {
		view := h.View()
		namespace, err := namespaceOf(view, in.Namespace, in.Job)
		if err != nil {
			return nil, err
		}
		g, err := view.GroupByName(namespace, in.Name)
		return g, answerable(err)
	}
	g, ok := h.View().Group(in.ID)
	if !ok {
		return nil, headwire.Errorf(headwire.NotFound, "there is no placement group %s", in.ID)
	}
	return g, nil
}

func (h *Head) groupInfo(g *state.Group) headwire.GroupInfo {
	info := headwire.GroupInfo{State: g.State.String(), Created: g.Created}
	info.GroupSpec = headwire.GroupSpec{ID: g.ID, Name: g.Name, Namespace: g.Namespace, Job: g.Job, Detached: g.Detached, Strategy: g.Strategy.String()}
	for _, b := range g.Bundles {
		info.Bundles = append(info.Bundles, headwire.BundleInfo{Resources: b.Resources, Selector: b.Selector, Node: b.Node})
	}
	if g.State == state.GroupPending {
		h.mu.Lock()
		info.Reason = h.verdicts[g.ID.ID].reason
		h.mu.Unlock()
	}
	return info
}
