package head

import (
	"maps"
	"slices"
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/sched"
	"mobula/cluster/state"
	"mobula/internal/id"
)

const (
	pruneEvery = 10 * time.Minute
	keepEnded  = 24 * time.Hour
	keepJobs   = 7 * 24 * time.Hour // submitted ones
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
		return // it learns that when it connects, also where a notification is lost
	}
	switch e.Kind {
	case state.ReleaseGroup:
		_ = l.session.peer.Notify(headwire.ReleaseMethod, headwire.Bundles{Group: e.Group})
	case state.StopActor:
		_ = l.session.peer.Notify(headwire.StopActorMethod, headwire.ActorLife{ID: e.Actor, Epoch: e.Epoch})
	case state.StopSubmission:
		l.stopJob(headwire.JobLife{ID: e.Submission, Attempt: int(e.Epoch)})
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
		h.forgetVerdicts()
	}
	h.mu.Unlock()
	if !due {
		return
	}
	if _, err := h.propose(&state.Prune{Before: at.Add(-keepEnded).UnixMilli(), BeforeJobs: at.Add(-keepJobs).UnixMilli()}); err != nil {
		h.logger.Warn("what has ended is not forgotten", "error", err)
	}
	h.files.tidy(at)
}

// verdict is what was last decided about a group or an actor that waits.
type verdict struct {
	reason string
	never  bool // no node can hold the group as the cluster is
}

// forgetVerdicts forgets those about what does not wait any more; h.mu is held.
func (h *Head) forgetVerdicts() {
	view := h.View()
	maps.DeleteFunc(h.verdicts, func(of id.ID, _ verdict) bool {
		if a, ok := view.Actor(id.Actor{ID: of}); ok {
			return !waits(a)
		}
		g, ok := view.Group(id.PlacementGroup{ID: of})
		return !ok || g.State != state.GroupPending
	})
	maps.DeleteFunc(h.reasons, func(of string, _ string) bool {
		s, ok := view.Submission(of)
		return !ok || !placeable(s)
	})
}

// plan is one run of decide.
type plan struct {
	h           *Head
	at          time.Time
	view        *state.View
	snapshot    sched.Snapshot
	queue       []sched.Request
	demands     map[id.Lease]wanted
	actors      map[id.Lease]*state.Actor
	submissions map[id.Lease]*state.Submission
	names       *id.Generator
	failed      []impossible
}

// impossible is an actor that no node can ever hold.
type impossible struct {
	actor *state.Actor
	why   string
}

// wanted is a request for one slot of a node's demand.
type wanted struct {
	from *link
	*demand
}

// maxSlots bounds how many slots of a demand are decided at a time; the others follow with the next pass.
const maxSlots = 256

// decide places what waits: groups, actors, submitted jobs, and what nodes could not place. It is called without locks.
func (h *Head) decide(at time.Time) {
	for _, x := range h.place(at) {
		h.fail(x.actor, state.Infeasible, x.why)
	}
}

// place does that, and returns the actors that are to be given up.
func (h *Head) place(at time.Time) []impossible {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.newPlan(at)
	h.stopStarts(p.view)
	h.lookIn(p.view)
	p.addActors()
	p.addSubmissions()
	p.addDemands()
	if len(p.queue) == 0 && !slices.ContainsFunc(h.found.groups, p.toPlace) {
		return nil
	}
	p.addGroups(h.found.groups)
	p.addNodes()
	p.snapshot.Now, p.snapshot.Last = at.UnixMilli(), h.turn
	p.snapshot.Patience = sched.Patience{Age: (5 * time.Second).Milliseconds()}
	began := time.Now()
	decided := sched.Decide(&p.snapshot, p.queue)
	h.counted.took += time.Since(began)
	h.counted.passes++
	h.turn = decided.Last
	p.carryOut(&decided)
	return p.failed
}

// newPlan begins a run; h.mu is held.
func (h *Head) newPlan(at time.Time) *plan {
	return &plan{
		h: h, at: at, view: h.View(), demands: map[id.Lease]wanted{}, actors: map[id.Lease]*state.Actor{}, submissions: map[id.Lease]*state.Submission{},
		names: id.NewGenerator([8]byte{}),
	}
}

// found is what a state has to be placed, and what that depends on.
type found struct {
	in          *state.View
	actors      []*state.Actor      // that wait
	submissions []*state.Submission // that have no node
	groups      []*state.Group      // that are not removed
}

// lookIn finds that, once for each state: nodes have decide called far more often than the state changes, and most of it has long ended. h.mu is held.
func (h *Head) lookIn(v *state.View) {
	if h.found.in == v {
		return
	}
	h.found = found{in: v}
	for a := range v.Actors() {
		if waits(a) {
			h.found.actors = append(h.found.actors, a)
		}
	}
	for s := range v.Submissions() {
		if placeable(s) {
			h.found.submissions = append(h.found.submissions, s)
		}
	}
	h.found.groups = slices.DeleteFunc(v.Groups(), func(g *state.Group) bool { return g.State == state.GroupRemoved })
}

func (p *plan) addActors() {
	for _, a := range p.h.found.actors {
		if p.h.starting[a.ID] != nil || a.NotBefore > p.at.UnixMilli() {
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
