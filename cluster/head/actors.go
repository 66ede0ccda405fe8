package head

import (
	"context"
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/sched"
	"mobula/cluster/state"
	"mobula/internal/id"
)

// startActor has a node begin the life of an actor; h.mu is held.
func (h *Head) startActor(a *state.Actor, at sched.Placement) {
	l := h.links[at.Node]
	if l == nil || l.session == nil {
		return // it has just gone: the next pass sees that
	}
	h.last++
	run := headwire.ActorRun{
		ActorLife: headwire.ActorLife{ID: a.ID, Epoch: a.Epoch}, Assignment: h.last, Name: a.Name, Namespace: a.Namespace, Job: a.Job, Maker: a.Spec,
		Group: at.Group, Bundle: at.Bundle,
	}
	if a.Needs != nil {
		run.Resources = a.Needs.Resources
	}
	l.inflight[h.last] = inflight{resources: run.Resources, group: at.Group, bundle: at.Bundle, until: time.Now().Add(inflightTime)}
	ctx, stop := context.WithCancel(h.ctx)
	h.starting[a.ID] = stop
	delete(h.verdicts, a.ID.ID)
	peer, node, epoch := l.session.peer, l.id, l.epoch
	h.wg.Go(func() {
		defer stop()
		h.runActor(ctx, run, peer, node, epoch)
		h.mu.Lock()
		delete(h.starting, a.ID)
		h.mu.Unlock()
		h.poke()
	})
}

// stopStarts gives up on lives of actors that were killed before they had begun: a constructor may never end. h.mu is held.
func (h *Head) stopStarts(view *state.View) {
	for actor, stop := range h.starting {
		if a, ok := view.Actor(actor); !ok || a.State == state.ActorDead {
			stop()
		}
	}
}

// runActor begins a life on a node, and notes how that went. The node gives up on it when ctx ends.
func (h *Head) runActor(ctx context.Context, run headwire.ActorRun, peer *headwire.Peer, node id.Node, epoch uint64) {
	place, err := headwire.Ask(ctx, peer, headwire.RunActor, run)
	switch {
	case err == nil:
		c := &state.ActorStarted{
			ID: run.ID, Epoch: run.Epoch, NodeEpoch: epoch, Time: now(),
			Place: state.Place{Node: node, Worker: place.Worker, Lease: place.Lease, Address: place.Address},
		}
		if _, err := h.propose(c); err != nil { // it was killed meanwhile, or its node was taken for dead
			h.logger.Info("an actor's begin does not count", "actor", run.ID, "error", err)
			_ = peer.Notify(headwire.StopActorMethod, run.ActorLife) // a node that connects again learns what it must have
		}
	case headwire.HasCode(err, headwire.Invalid):
		if a, ok := h.View().Actor(run.ID); ok && a.Epoch == run.Epoch {
			h.fail(a, state.ConstructorFailed, err.Error())
		}
	default:
		_ = peer.Notify(headwire.StopActorMethod, run.ActorLife) // as above
		if ctx.Err() != nil {
			return
		}
		h.logger.Info("an actor is not started this time", "actor", run.ID, "node", node, "error", err)
		h.mu.Lock()
		h.verdicts[run.ID.ID] = verdict{reason: err.Error()}
		h.mu.Unlock()
		h.pause()
	}
}

// fail notes that an actor's present life is over, or could not begin.
func (h *Head) fail(a *state.Actor, kind state.CauseKind, message string) {
	c := &state.ActorFailed{ID: a.ID, Epoch: a.Epoch, Cause: state.Cause{Kind: kind, Message: message}, Time: now()}
	if _, err := h.propose(c); err != nil {
		h.logger.Info("an actor's end does not count", "actor", a.ID, "error", err)
	}
}

// actorEnded hears from a node that a life has ended.
func (h *Head) actorEnded(_ context.Context, _ *session, in headwire.ActorEnd) (headwire.None, error) {
	a, ok := h.View().Actor(in.ID)
	if !ok || a.Epoch != in.Epoch || a.State != state.ActorAlive {
		return headwire.None{}, nil // said again, or of an earlier life
	}
	kind := state.WorkerDied
	switch {
	case a.Stopping:
		kind = state.Killed
	case in.Kind == headwire.EndFinished:
		kind = state.Finished
	}
	_, err := h.propose(&state.ActorFailed{ID: in.ID, Epoch: in.Epoch, Cause: state.Cause{Kind: kind, Message: in.Message}, Time: now()})
	if headwire.HasCode(err, headwire.Stale) || headwire.HasCode(err, headwire.Invalid) {
		err = nil
	}
	return headwire.None{}, err
}

func (h *Head) registerActor(_ context.Context, _ *session, in headwire.ActorSpec) (headwire.Registration, error) {
	r, err := proposeFor[*state.Registered](h, &state.ActorRegister{
		ID: in.ID, Name: in.Name, Namespace: in.Namespace, Job: in.Job, Detached: in.Detached, GetIfExists: in.GetIfExists, Class: in.Class, Spec: in.Maker,
		Needs:       &state.Needs{Resources: in.Resources, Selector: in.Selector, Fallbacks: in.Fallbacks, Strategy: in.Strategy},
		MaxRestarts: in.MaxRestarts, Time: now(),
	})
	if err != nil {
		return headwire.Registration{}, err
	}
	return headwire.Registration{Actor: h.actorInfo(r.Actor), Existed: r.Existed}, nil
}

// waitActor answers when an actor lives, in an epoch that is not older than the one given, or is dead.
func (h *Head) waitActor(ctx context.Context, _ *session, in headwire.ActorWait) (headwire.ActorInfo, error) {
	a, err := await(ctx, h, func(v *state.View) (*state.Actor, bool, error) {
		a, ok := v.Actor(in.ID)
		if !ok {
			return nil, false, headwire.Errorf(headwire.NotFound, "there is no actor %s", in.ID)
		}
		return a, a.State == state.ActorDead || a.State == state.ActorAlive && a.Epoch >= in.Epoch, nil
	})
	if err != nil {
		return headwire.ActorInfo{}, err
	}
	return h.actorInfo(a), nil
}

func (h *Head) findActor(_ context.Context, _ *session, in headwire.ActorName) (headwire.ActorInfo, error) {
	view := h.View()
	namespace, err := namespaceOf(view, in.Namespace, in.Job)
	if err != nil {
		return headwire.ActorInfo{}, err
	}
	a, err := view.ActorByName(namespace, in.Name)
	if err != nil {
		return headwire.ActorInfo{}, answerable(err)
	}
	return h.actorInfo(a), nil
}

// namespaceOf is where a name is looked up: in the given namespace, or in that of the job.
func namespaceOf(v *state.View, given string, job id.Job) (string, error) {
	if given != "" {
		return given, nil
	}
	j, ok := v.Job(job)
	if !ok {
		return "", headwire.Errorf(headwire.Invalid, "a name is looked up in a namespace, or in that of a job; there is no job %s", job)
	}
	return j.Namespace, nil
}

func (h *Head) killActor(_ context.Context, _ *session, in headwire.ActorKill) (headwire.ActorInfo, error) {
	if in.Message == "" {
		in.Message = "it was killed"
	}
	a, err := proposeFor[*state.Actor](h, &state.ActorKill{ID: in.ID, Restart: in.Restart, Message: in.Message, Time: now()})
	if err != nil {
		return headwire.ActorInfo{}, err
	}
	return h.actorInfo(a), nil
}

func (h *Head) listActors(context.Context, *session, headwire.None) ([]headwire.ActorInfo, error) {
	all := []headwire.ActorInfo{}
	for a := range h.View().Actors() {
		all = append(all, h.actorInfo(a))
	}
	return all, nil
}

func (h *Head) actorInfo(a *state.Actor) headwire.ActorInfo {
	info := headwire.ActorInfo{
		ID: a.ID, Name: a.Name, Namespace: a.Namespace, Job: a.Job, Detached: a.Detached, Class: a.Class, State: a.State.String(), Epoch: a.Epoch,
		Restarts: a.Restarts, MaxRestarts: a.MaxRestarts, Node: a.Node, Worker: a.Worker, Lease: a.Lease, Cause: a.Cause.Message, Created: a.Created,
	}
	if waits(a) {
		h.mu.Lock()
		if reason := h.verdicts[a.ID.ID].reason; reason != "" {
			info.Cause = reason
		}
		h.mu.Unlock()
	}
	return info
}

// waits reports whether an actor is to be started.
func waits(a *state.Actor) bool {
	return a.State == state.ActorPending || a.State == state.ActorRestarting
}
