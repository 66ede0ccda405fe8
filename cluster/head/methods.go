package head

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/state"
	"mobula/internal/id"
)

// method is what can be called.
type method struct {
	needs rights
	call  func(ctx context.Context, s *session, body json.RawMessage) (any, error)
}

// table lists all methods.
func (h *Head) table() map[string]method {
	t := map[string]method{headwire.PingMethod: {mayJoin, func(context.Context, *session, json.RawMessage) (any, error) { return headwire.None{}, nil }}}
	on(t, headwire.Join, mayJoin, h.join)
	on(t, headwire.HelloNode, mayServe, h.helloNode)
	on(t, headwire.Heartbeat, mayServe, h.heartbeat)
	on(t, headwire.LeaveNode, mayServe, h.leaveNode)
	on(t, headwire.ActorEnded, mayServe, h.actorEnded)
	on(t, headwire.GetCluster, mayUse, h.cluster)
	on(t, headwire.ListNodes, mayUse, h.listNodes)
	on(t, headwire.DrainNode, mayUse, h.drainNode)
	on(t, headwire.AskNodes, mayUse, h.askNodes)
	on(t, headwire.StartJob, mayUse, h.startJob)
	on(t, headwire.EndJob, mayUse, h.endJob)
	on(t, headwire.ListJobs, mayUse, h.listJobs)
	on(t, headwire.JobStarted, mayServe, h.jobStarted)
	on(t, headwire.JobEnded, mayServe, h.jobEnded)
	on(t, headwire.SubmitJob, mayUse, h.submitJob)
	on(t, headwire.GetSubmitted, mayUse, h.getSubmitted)
	on(t, headwire.WaitSubmitted, mayUse, h.waitSubmitted)
	on(t, headwire.ListSubmitted, mayUse, h.listSubmitted)
	on(t, headwire.StopSubmitted, mayUse, h.stopSubmitted)
	on(t, headwire.DeleteSubmitted, mayUse, h.deleteSubmitted)
	on(t, headwire.ReadJobLog, mayUse, h.readJobLog)
	on(t, headwire.HaveFile, mayUse, h.haveFile)
	on(t, headwire.PutFile, mayUse, h.putFile)
	on(t, headwire.ReadFile, mayUse, h.readFile)
	on(t, headwire.CreateGroup, mayUse, h.createGroup)
	on(t, headwire.WaitGroup, mayUse, h.waitGroup)
	on(t, headwire.GetGroup, mayUse, h.getGroup)
	on(t, headwire.RemoveGroup, mayUse, h.removeGroup)
	on(t, headwire.ListGroups, mayUse, h.listGroups)
	on(t, headwire.RegisterActor, mayUse, h.registerActor)
	on(t, headwire.WaitActor, mayUse, h.waitActor)
	on(t, headwire.FindActor, mayUse, h.findActor)
	on(t, headwire.KillActor, mayUse, h.killActor)
	on(t, headwire.ListActors, mayUse, h.listActors)
	on(t, headwire.PutKey, mayUse, h.putKey)
	on(t, headwire.GetKey, mayUse, h.getKey)
	on(t, headwire.WatchEvents, mayUse, h.watch)
	on(t, headwire.GetDashboard, mayUse, h.dashboard)
	on(t, headwire.CheckToken, mayUse, h.checkToken)
	on(t, headwire.GetFigures, mayUse, h.figures)
	on(t, headwire.ListHeads, mayUse, h.listHeads)
	on(t, headwire.GetAuthority, mayAll, h.getAuthority)
	on(t, headwire.MakeBackup, mayAll, h.makeBackup)
	on(t, headwire.AddHead, mayAll, h.addHead)
	on(t, headwire.RemoveHead, mayUse, h.removeHead)
	return t
}

func on[In, Out any](t map[string]method, m headwire.Method[In, Out], needs rights, f func(ctx context.Context, s *session, in In) (Out, error)) {
	t[string(m)] = method{needs, func(ctx context.Context, s *session, body json.RawMessage) (any, error) {
		var in In
		if err := json.Unmarshal(body, &in); err != nil {
			return nil, headwire.Errorf(headwire.Invalid, "call %s: %v", string(m), err)
		}
		return f(ctx, s, in)
	}}
}

// answerable gives errors of the state their codes.
func answerable(err error) error {
	if err == nil {
		return nil
	}
	code := headwire.Internal
	switch {
	case is[*state.Invalid](err), is[*state.WrongState](err), is[*state.DamagedCommand](err):
		code = headwire.Invalid
	case is[*state.NotFound](err), is[*state.ActorNotFound](err):
		code = headwire.NotFound
	case is[*state.ActorAlreadyExists](err), is[*state.GroupAlreadyExists](err), is[*state.SubmissionAlreadyExists](err):
		code = headwire.Exists
	case is[*state.Stale](err), is[*state.KeyChanged](err), is[*state.TooEarly](err):
		code = headwire.Stale
	case is[*state.TokenRefused](err):
		code = headwire.Denied
	}
	return headwire.Errorf(code, "%v", err)
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// proposeFor proposes a command whose value is a V.
func proposeFor[V any](h *Head, c state.Command) (V, error) {
	value, err := h.propose(c)
	v, ok := value.(V)
	if err == nil && !ok {
		err = fmt.Errorf("the state answers with a %T", value)
	}
	return v, err
}

func (h *Head) join(_ context.Context, s *session, in headwire.JoinRequest) (headwire.Joined, error) {
	if h.ca == nil {
		return headwire.Joined{}, headwire.Errorf(headwire.Unavailable, "this head serves its own machine only: start one that listens on a port")
	}
	if s.rights == mayServe && in.Node != s.node {
		return headwire.Joined{}, headwire.Errorf(headwire.Denied, "node %s asks for the certificate of another one", s.node.Short())
	}
	if s.rights == mayUse {
		return headwire.Joined{}, headwire.Errorf(headwire.Denied, "nodes join with a join token, and this is a user token")
	}
	certificate, err := h.ca.certify(in.Node, in.Request)
	return headwire.Joined{Cluster: h.View().Meta().ID, Certificate: certificate, CA: h.ca.certificate.Raw}, err
}

func (h *Head) cluster(context.Context, *session, headwire.None) (headwire.ClusterInfo, error) {
	view := h.View()
	meta := view.Meta()
	info := headwire.ClusterInfo{
		ID: meta.ID, Name: meta.Name, Created: meta.Created, Version: h.conf.Version, Address: h.Address(), Dir: h.conf.Dir, PID: os.Getpid(), Index: view.Index(), Now: now(),
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	info.Dashboard = h.pages.address
	for _, l := range h.sortedLinks() {
		if l.session == nil {
			continue
		}
		info.Nodes++
		for _, d := range l.sortedDemands() {
			info.Demand = append(info.Demand, headwire.WaitingDemand{Node: l.hello.Name, Job: d.Job, Resources: d.Resources, Slots: d.Slots, Reason: d.reason})
		}
	}
	return info, nil
}

func (h *Head) putKey(_ context.Context, _ *session, in headwire.KeyPut) (headwire.KeyVersion, error) {
	version, err := proposeFor[uint64](h, &state.KeyPut{Namespace: in.Namespace, Key: in.Key, Value: in.Value, If: in.If})
	return headwire.KeyVersion{Version: version}, err
}

func (h *Head) getKey(_ context.Context, _ *session, in headwire.KeyRef) (headwire.KeyValue, error) {
	k, ok := h.View().Key(in.Namespace, in.Key)
	if !ok {
		return headwire.KeyValue{}, headwire.Errorf(headwire.NotFound, "there is no key %q in namespace %q", in.Key, in.Namespace)
	}
	return headwire.KeyValue{Key: k.Key, Value: k.Value, Version: k.Version}, nil
}

// queryTime bounds how long a node may take to answer a query.
const queryTime = 5 * time.Second

func (h *Head) askNodes(ctx context.Context, _ *session, in headwire.Query) ([]headwire.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTime)
	defer cancel()
	type asked struct {
		id   id.Node
		name string
		peer *headwire.Peer
	}
	var targets []asked
	h.mu.Lock()
	for _, l := range h.sortedLinks() {
		if l.session != nil && (in.Node.IsZero() || in.Node == l.id) {
			targets = append(targets, asked{l.id, l.hello.Name, l.session.peer})
		}
	}
	h.mu.Unlock()
	if len(targets) == 0 && !in.Node.IsZero() {
		return nil, headwire.Errorf(headwire.NotFound, "node %s is not connected to the head", in.Node.Short())
	}
	answers := make([]headwire.Answer, len(targets))
	var asking sync.WaitGroup
	for i, target := range targets {
		asking.Go(func() {
			a := headwire.Answer{Node: target.id, Name: target.name}
			data, err := headwire.Ask(ctx, target.peer, headwire.QueryNode, headwire.Query{What: in.What})
			switch {
			case errors.Is(err, context.DeadlineExceeded):
				a.Error = fmt.Sprintf("it has not answered within %v", queryTime)
			case err != nil:
				a.Error = err.Error()
			}
			a.Data = data
			answers[i] = a
		})
	}
	asking.Wait()
	return answers, nil
}
