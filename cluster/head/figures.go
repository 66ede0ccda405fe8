package head

import (
	"context"
	"crypto/tls"
	"errors"
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/sched"
	"mobula/cluster/state"
)

// counted is what a head has decided since its start. Head.mu guards it.
type counted struct {
	assigned, refused, passes uint64
	took                      time.Duration
}

// pages is a dashboard. Head.mu guards it.
type pages struct {
	address string
	link    func(context.Context) (headwire.DashboardLink, error)
}

// SetDashboard says where the dashboard is, and what makes links that open it once; who may use the head may ask. It replaces what was said before.
func (h *Head) SetDashboard(address string, link func(context.Context) (headwire.DashboardLink, error)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pages = pages{address, link}
}

func (h *Head) dashboard(ctx context.Context, _ *session, _ headwire.None) (headwire.DashboardLink, error) {
	h.mu.Lock()
	link := h.pages.link
	h.mu.Unlock()
	if link == nil {
		return headwire.DashboardLink{}, headwire.Errorf(headwire.Unavailable, "this cluster has no dashboard: its head was started without one")
	}
	return link(ctx)
}

// checkToken is for nodes, which serve their metrics to users.
func (h *Head) checkToken(_ context.Context, _ *session, in headwire.TokenHash) (headwire.None, error) {
	if !h.knowsUser(in.Hash) {
		return headwire.None{}, headwire.Errorf(headwire.Denied, "the user token is not known here")
	}
	return headwire.None{}, nil
}

// Certificate makes a certificate of the cluster's authority for a server of this process that is reached by these names and addresses.
func (h *Head) Certificate(hosts ...string) (tls.Certificate, error) {
	if h.ca == nil {
		return tls.Certificate{}, errors.New("this head has no certificate authority: it listens on no port")
	}
	return h.ca.certifyServer(hosts)
}

// states are what is told also where there are none.
var states = struct{ nodes, jobs, actors, groups []string }{
	nodes:  names(sched.Alive, sched.Suspect, sched.Draining, sched.Dead),
	jobs:   names(state.JobPending, state.JobRunning, state.JobSucceeded, state.JobFailed, state.JobStopped),
	actors: names(state.ActorPending, state.ActorAlive, state.ActorRestarting, state.ActorDead),
	groups: names(state.GroupPending, state.GroupCreated, state.GroupRemoved),
}

func names[S interface{ String() string }](all ...S) (list []string) {
	for _, s := range all {
		list = append(list, s.String())
	}
	return list
}

func counts(of []string) map[string]int {
	all := make(map[string]int, len(of))
	for _, name := range of {
		all[name] = 0
	}
	return all
}

func (h *Head) figures(context.Context, *session, headwire.None) (headwire.HeadFigures, error) {
	view := h.View()
	f := headwire.HeadFigures{
		Cluster: view.Meta().ID, Version: h.conf.Version, Started: h.began.UnixMilli(), Index: view.Index(), Proposed: h.proposed.Load(),
		Nodes: counts(states.nodes), Jobs: counts(states.jobs), Actors: counts(states.actors), Groups: counts(states.groups),
	}
	for j := range view.Jobs() {
		f.Jobs[j.State.String()]++
	}
	for a := range view.Actors() {
		f.Actors[a.State.String()]++
	}
	for _, g := range view.Groups() {
		f.Groups[g.State.String()]++
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range view.Nodes() {
		f.Nodes[n.State.String()]++
		if n.State != sched.Dead {
			h.addNode(&f, n)
		}
	}
	f.Connections = len(h.sessions)
	f.Assigned, f.Refused, f.Passes, f.Seconds = h.counted.assigned, h.counted.refused, h.counted.passes, h.counted.took.Seconds()
	return f, nil
}

// addNode adds what a node has and wants; h.mu is held.
func (h *Head) addNode(f *headwire.HeadFigures, n *state.Node) {
	f.Total = f.Total.Plus(n.Total)
	l := h.links[n.ID]
	if l == nil || !l.told {
		return
	}
	f.Free = f.Free.Plus(l.status.Pool.Free)
	f.Workers += l.status.Workers
	f.Waiting += l.status.Waiting
	for _, d := range l.demands {
		f.Demands++
		f.Slots += d.Slots
	}
}
