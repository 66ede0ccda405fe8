package head

import (
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/sched"
	"mobula/cluster/state"
	"mobula/internal/id"
)

const (
	pruneEvery = 10 * time.Minute
	keepEnded  = 24 * time.Hour
)

// loop watches nodes and decides, until the head ends.
func (h *Head) loop() {
	tick := time.NewTicker(max(h.conf.Timing.Heartbeat/2, 10*time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-h.ctx.Done():
			return
		case <-h.wake:
		case <-tick.C:
		}
		at := time.Now()
		h.checkNodes(at)
		for _, e := range h.hub.takeWork() {
			h.carryOut(&e)
		}
		h.decide(at)
		h.prune(at)
	}
}

// carryOut tells nodes what they must no longer have. What must be placed is found in the state by decide.
func (h *Head) carryOut(e *state.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.links[e.Node]
	if l == nil || l.session == nil {
		return // it learns that when it connects
	}
	switch e.Kind {
	case state.ReleaseGroup:
		_ = l.session.peer.Notify(headwire.ReleaseMethod, headwire.Bundles{Group: e.Group}) // as above
	case state.StopActor:
		_ = l.session.peer.Notify(headwire.StopActorMethod, headwire.ActorLife{ID: e.Actor, Epoch: e.Epoch})
	}
}

// tellGone tells all nodes of one that is dead: their connections to it may not have noticed. h.mu is held.
func (h *Head) tellGone(n *state.Node) {
	for _, l := range h.links {
		if l.session != nil && l.id != n.ID {
			_ = l.session.peer.Notify(headwire.NodeGoneMethod, headwire.NodeRef{Node: n.ID, Reason: n.Reason}) // its connection's end is noticed where it is read
		}
	}
}

// prune forgets what ended long ago.
func (h *Head) prune(at time.Time) {
	h.mu.Lock()
	due := at.Sub(h.pruned) >= pruneEvery
	if due {
		h.pruned = at
		for node, l := range h.links {
			if n, ok := h.View().Node(node); l.session == nil && (!ok || n.State == sched.Dead) {
				delete(h.links, node)
			}
		}
	}
	h.mu.Unlock()
	if !due {
		return
	}
	if _, err := h.propose(&state.Prune{Before: at.Add(-keepEnded).UnixMilli()}); err != nil {
		h.logger.Warn("what has ended is not forgotten", "error", err)
	}
}

// plan is one run of decide.
type plan struct {
	h        *Head
	at       time.Time
	view     *state.View
	snapshot sched.Snapshot
	queue    []sched.Request
	demands  map[id.Lease]wanted
	actors   map[id.Lease]*state.Actor
	groups   map[id.PlacementGroup]*state.Group // to be placed
	names    *id.Generator
}

// wanted is a request for one slot of a node's demand.
type wanted struct {
	from *link
	*demand
}

// maxSlots bounds how many slots of a demand are decided at a time; the others follow with the next pass.
const maxSlots = 256

// decide places what waits: groups, actors, and what nodes could not place.
func (h *Head) decide(at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := &plan{
		h: h, at: at, view: h.View(), demands: map[id.Lease]wanted{}, actors: map[id.Lease]*state.Actor{}, groups: map[id.PlacementGroup]*state.Group{},
		names: id.NewGenerator([8]byte{}),
	}
	p.addGroups()
	p.addActors()
	p.addDemands()
	if len(p.queue) == 0 && len(p.groups) == 0 {
		return
	}
	p.addNodes()
	p.snapshot.Now, p.snapshot.Last = at.UnixMilli(), h.turn
	p.snapshot.Patience = sched.Patience{Age: (5 * time.Second).Milliseconds()}
	decided := sched.Decide(&p.snapshot, p.queue)
	h.turn = decided.Last
	p.carryOut(&decided)
}

func (p *plan) addActors() {
	for a := range p.view.Actors() {
		if a.State != state.ActorPending && a.State != state.ActorRestarting || p.h.starting[a.ID] || a.NotBefore > p.at.UnixMilli() {
			continue
		}
		r := sched.Request{ID: id.Lease{ID: p.names.Next()}, Job: a.Job, Since: a.Created}
		if a.Needs != nil {
			r.Resources, r.Selector, r.Fallbacks, r.Strategy = a.Needs.Resources, a.Needs.Selector, a.Needs.Fallbacks, a.Needs.Strategy
		}
		p.actors[r.ID] = a
		p.queue = append(p.queue, r)
	}
}

// addDemands adds what nodes want, deeper nesting first, then the older ones.
func (p *plan) addDemands() {
	var all []wanted
	for _, l := range p.h.links {
		for _, d := range l.demands {
			all = append(all, wanted{l, d})
		}
	}
	sortWanted(all)
	for _, w := range all {
		for range min(w.Slots, maxSlots) {
			r := sched.Request{
				ID: id.Lease{ID: p.names.Next()}, Job: w.Job, Resources: w.Resources, Selector: w.Selector, Strategy: w.Strategy,
				Local: w.from.id, Since: w.since.UnixMilli(),
			}
			p.demands[r.ID] = w
			p.queue = append(p.queue, r)
			if w.Resources.IsZero() && w.Strategy.Kind != sched.Spread {
				break // where one is, all can be
			}
		}
	}
}
