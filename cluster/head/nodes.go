package head

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/sched"
	"mobula/cluster/state"
	"mobula/internal/id"
)

// link is what is known of a node beside the state: what it tells while it is connected. Head.mu guards it.
type link struct {
	id       id.Node
	epoch    uint64
	session  *session // nil while it is not connected
	hello    headwire.NodeHello
	status   headwire.Status
	told     bool // status is of this connection
	heard    time.Time
	demands  map[uint64]*demand
	inflight map[uint64]inflight // assignments that its status does not show yet
}

// demand is what a node wants to have placed.
type demand struct {
	headwire.Demand
	since  time.Time
	reason string // why it waits, as the node was told
}

// inflight is what was given out on a node.
type inflight struct {
	resources sched.Resources
	group     id.PlacementGroup // in a bundle of it
	bundle    int
	until     time.Time
}

// inflightTime bounds how long an assignment counts that the node never heard of, because who had it changed its mind.
const inflightTime = 3 * time.Second

func (l *link) disconnected() {
	l.session, l.told = nil, false
	l.demands, l.inflight = map[uint64]*demand{}, map[uint64]inflight{}
}

func (h *Head) sortedLinks() []*link {
	return slices.SortedFunc(maps.Values(h.links), func(a, b *link) int { return cmp.Or(cmp.Compare(a.epoch, b.epoch), a.id.Compare(b.id.ID)) })
}

func (l *link) sortedDemands() []*demand {
	return slices.SortedFunc(maps.Values(l.demands), func(a, b *demand) int { return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.Number, b.Number)) })
}

// helloNode takes a node in, or takes it back.
func (h *Head) helloNode(_ context.Context, s *session, in headwire.NodeHello) (headwire.NodeWelcome, error) {
	if s.rights == mayServe && in.ID != s.node {
		return headwire.NodeWelcome{}, headwire.Errorf(headwire.Denied, "node %s speaks for node %s", s.node.Short(), in.ID.Short())
	}
	h.mu.Lock()
	l := h.links[in.ID]
	if l == nil {
		l = &link{id: in.ID}
		h.links[in.ID] = l
	}
	l.heard = time.Now() // before the state has it: it is not to be taken for dead at once
	h.mu.Unlock()
	n, err := proposeFor[*state.Node](h, &state.NodeJoin{
		ID: in.ID, Name: in.Name, Address: in.Address, Labels: in.Labels, Total: in.Total, Devices: in.Devices,
		Lease: now() + h.conf.Timing.Lease.Milliseconds(), Time: now(),
	})
	if err != nil {
		return headwire.NodeWelcome{}, err
	}
	h.mu.Lock()
	h.links[in.ID] = l // it may have been forgotten meanwhile
	earlier := l.session
	l.disconnected()
	s.link = l
	l.session, l.epoch, l.hello, l.heard = s, n.Epoch, in, time.Now()
	l.hello.Actors, l.hello.Jobs = nil, nil
	h.mu.Unlock()
	if earlier != nil && earlier != s {
		earlier.conn.Abort()
	}
	w := headwire.NodeWelcome{Cluster: h.View().Meta().ID, Epoch: n.Epoch, Heartbeat: h.conf.Timing.Heartbeat.Milliseconds(), Lease: n.Lease - now()}
	h.reconcile(&w, in)
	h.reconcileJobs(&w, in, s.peer)
	h.logger.Info("a node has connected", "node", in.ID, "name", in.Name, "epoch", n.Epoch)
	h.poke()
	return w, nil
}

// reconcile says what of the cluster's a node must have. What it should run and does not has ended.
func (h *Head) reconcile(w *headwire.NodeWelcome, in headwire.NodeHello) {
	view := h.View()
	for a := range view.ActorsOn(in.ID) {
		life := headwire.ActorLife{ID: a.ID, Epoch: a.Epoch}
		if slices.Contains(in.Actors, life) {
			w.Actors = append(w.Actors, life)
			continue
		}
		c := &state.ActorFailed{ID: a.ID, Epoch: a.Epoch, Cause: state.Cause{Kind: state.WorkerDied, Message: "its node does not have it any more"}, Time: now()}
		if _, err := h.propose(c); err != nil {
			h.logger.Warn("an actor's end is not noted", "actor", a.ID, "error", err)
		}
	}
	for _, g := range view.Groups() {
		if parts := partsOn(g, in.ID); len(parts) > 0 {
			w.Bundles = append(w.Bundles, headwire.Bundles{Group: g.ID, List: parts})
		}
	}
}

// partsOn are the bundles of a group on a node.
func partsOn(g *state.Group, node id.Node) (parts []headwire.BundlePart) {
	for i, b := range g.Bundles {
		if b.Node == node {
			parts = append(parts, headwire.BundlePart{Index: i, Resources: b.Resources})
		}
	}
	return parts
}

// heartbeat extends a node's lease.
func (h *Head) heartbeat(_ context.Context, s *session, in headwire.Status) (headwire.HeartbeatReply, error) {
	h.mu.Lock()
	l := s.link
	if l == nil || l.session != s {
		h.mu.Unlock()
		return headwire.HeartbeatReply{}, headwire.Errorf(headwire.Stale, "a heartbeat on a connection that is not the node's: say hello first")
	}
	h.take(l, in)
	node, epoch := l.id, l.epoch
	h.mu.Unlock()
	h.poke()
	n, ok := h.View().Node(node)
	if !ok || n.Epoch != epoch || n.State == sched.Dead {
		s.conn.Abort() // it connects again, and learns its new epoch
		return headwire.HeartbeatReply{}, headwire.Errorf(headwire.Stale, "the cluster took this node for dead: it must join again")
	}
	lease := h.conf.Timing.Lease.Milliseconds()
	until := n.Lease
	if t := now(); until < t+lease*2/3 {
		until = t + lease
		if _, err := h.propose(&state.NodeLease{ID: node, Epoch: epoch, Until: until}); err != nil {
			return headwire.HeartbeatReply{}, err
		}
	}
	return headwire.HeartbeatReply{Lease: until - now()}, nil
}

// leaveNode hears that a node ends, with all that it ran.
func (h *Head) leaveNode(_ context.Context, s *session, _ headwire.None) (headwire.None, error) {
	h.mu.Lock()
	l := s.link
	h.mu.Unlock()
	if l == nil {
		return headwire.None{}, headwire.Errorf(headwire.Stale, "it has not said hello on this connection")
	}
	_, err := h.propose(&state.NodeState{ID: l.id, Epoch: l.epoch, State: sched.Dead, Reason: "it was stopped", Time: now()})
	if err == nil {
		h.endJobsOfTheDead()
	}
	return headwire.None{}, err
}

// take notes a node's status; h.mu is held.
func (h *Head) take(l *link, in headwire.Status) {
	l.status, l.told, l.heard = in, true, time.Now()
	for _, seen := range in.Seen {
		delete(l.inflight, seen)
	}
	l.status.Seen = nil
}

// notified takes what nodes say without waiting for an answer.
func (s *session) notified(name string, body json.RawMessage) error {
	h := s.h
	h.mu.Lock()
	defer h.mu.Unlock()
	l := s.link
	if l == nil || l.session != s {
		return nil // replaced by a newer connection
	}
	switch name {
	case headwire.StatusMethod:
		var in headwire.Status
		if err := json.Unmarshal(body, &in); err != nil {
			return err
		}
		h.take(l, in)
	case headwire.DemandMethod:
		var in headwire.Demand
		if err := json.Unmarshal(body, &in); err != nil {
			return err
		}
		l.demand(in)
	}
	h.poke()
	return nil
}

// maxDemands bounds what one node may have waiting.
const maxDemands = 100_000

func (l *link) demand(in headwire.Demand) {
	d := l.demands[in.Number]
	switch {
	case in.Slots <= 0:
		delete(l.demands, in.Number)
	case d != nil:
		d.Demand = in
	case len(l.demands) < maxDemands:
		l.demands[in.Number] = &demand{Demand: in, since: time.Now()}
	}
}

// checkNodes notes which nodes are heard from. It is called without locks.
func (h *Head) checkNodes(at time.Time) {
	for _, n := range h.View().Nodes() {
		if n.State == sched.Dead {
			continue
		}
		becomes, reason := h.judge(n, at)
		if becomes == n.State || n.State == sched.Draining && becomes != sched.Dead {
			continue
		}
		h.logger.Info("a node changes", "node", n.ID, "name", n.Name, "state", becomes, "reason", reason)
		if _, err := h.propose(&state.NodeState{ID: n.ID, Epoch: n.Epoch, State: becomes, Reason: reason, Time: now()}); err != nil {
			h.logger.Warn("a node's state is not noted", "node", n.ID, "error", err)
			continue
		}
		if becomes == sched.Dead {
			h.buried(n, reason)
		}
	}
	h.endJobsOfTheDead()
}

// buried tells all nodes of one that is dead: their connections to it may not have noticed. If it has one to the head, that ends, so that what the
// node wants is not placed; one that was only stopped for a while says hello again.
func (h *Head) buried(n *state.Node, reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, l := range h.links {
		switch {
		case l.session == nil:
		case l.id != n.ID:
			_ = l.session.peer.Notify(headwire.NodeGoneMethod, headwire.NodeRef{Node: n.ID, Reason: reason}) // its connection's end is noticed where it is read
		case l.epoch == n.Epoch:
			h.wg.Go(l.session.conn.Abort) // it may wait for a write
		}
	}
}

// endJobsOfTheDead ends the jobs whose driver was a client of a node that is dead.
func (h *Head) endJobsOfTheDead() {
	view := h.View()
	for j := range view.Jobs() {
		if j.State.Ended() || j.Driver.Node.IsZero() {
			continue
		}
		if n, ok := view.Node(j.Driver.Node); !ok || n.State == sched.Dead {
			c := &state.JobEnd{ID: j.ID, State: state.JobStopped, Message: "the node of its driver has ended", Time: now()}
			if _, err := h.propose(c); err != nil {
				if j, ok := h.View().Job(j.ID); ok && j.State.Ended() {
					continue // its node had told, too
				}
				h.logger.Warn("a job's end is not noted", "job", j.ID, "error", err)
			}
		}
	}
}

// rejoinTime is what nodes get beyond Timing.Dead after a head has started: they try to connect every few seconds only.
const rejoinTime = 4 * time.Second

func (h *Head) judge(n *state.Node, at time.Time) (sched.NodeState, string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	heard, connected := h.began.Add(rejoinTime), false
	if l := h.links[n.ID]; l != nil {
		heard, connected = l.heard, l.session != nil
	}
	switch silent := at.Sub(heard); {
	case silent >= h.conf.Timing.Dead:
		return sched.Dead, "not heard from for " + silent.Round(100*time.Millisecond).String()
	case !connected:
		return sched.Suspect, "its connection has ended"
	case silent >= h.conf.Timing.Suspect:
		return sched.Suspect, "not heard from of late"
	}
	return sched.Alive, ""
}

func (h *Head) drainNode(_ context.Context, _ *session, in headwire.NodeRef) (headwire.None, error) {
	n, ok := h.View().Node(in.Node)
	if !ok {
		return headwire.None{}, headwire.Errorf(headwire.NotFound, "there is no node %s", in.Node)
	}
	_, err := h.propose(&state.NodeState{ID: n.ID, Epoch: n.Epoch, State: sched.Draining, Reason: cmp.Or(in.Reason, "asked for"), Time: now()})
	return headwire.None{}, err
}

func (h *Head) listNodes(context.Context, *session, headwire.None) ([]headwire.NodeInfo, error) {
	all := []headwire.NodeInfo{}
	for _, n := range h.View().Nodes() {
		info := headwire.NodeInfo{State: n.State.String(), Reason: n.Reason, Epoch: n.Epoch, Joined: n.Joined}
		info.NodeHello = headwire.NodeHello{ID: n.ID, Name: n.Name, Address: n.Address, Labels: n.Labels, Total: n.Total, Devices: n.Devices}
		h.mu.Lock()
		if l := h.links[n.ID]; l != nil {
			info.Version, info.PID, info.Prefix = l.hello.Version, l.hello.PID, l.hello.Prefix
			if l.told {
				info.Free, info.Waiting, info.Workers = l.status.Pool.Free, l.status.Waiting, l.status.Workers
			}
		}
		h.mu.Unlock()
		all = append(all, info)
	}
	return all, nil
}
