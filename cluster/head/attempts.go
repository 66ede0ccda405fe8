package head

import (
	"context"
	"slices"
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/sched"
	"mobula/cluster/state"
	"mobula/internal/filestore"
	"mobula/internal/id"
)

// addSubmissions adds the submitted jobs whose next attempt has no node.
func (p *plan) addSubmissions() {
	for _, s := range p.h.found.submissions {
		if p.h.launching[s.ID] || s.NotBefore > p.at.UnixMilli() {
			continue
		}
		r := sched.Request{
			ID: id.Lease{ID: p.names.Next()}, Resources: s.Needs.Resources, Selector: s.Needs.Selector, Fallbacks: s.Needs.Fallbacks, Strategy: s.Needs.Strategy, Since: s.Created,
		}
		p.submissions[r.ID] = s
		p.queue = append(p.queue, r)
	}
}

// placeable reports whether a submitted job is to be given to a node.
func placeable(s *state.Submission) bool { return s.State == state.JobPending && s.Current() == nil }

// launch gives the next attempt of a submitted job to a node; h.mu is held.
func (h *Head) launch(s *state.Submission, on id.Node) {
	l := h.links[on]
	if l == nil || l.session == nil {
		return // it has just gone: the next pass sees that
	}
	h.last++
	assignment := h.last
	l.inflight[assignment] = inflight{resources: s.Needs.Resources, until: time.Now().Add(inflightTime)}
	h.launching[s.ID] = true
	delete(h.reasons, s.ID)
	place := &state.SubmissionPlace{ID: s.ID, Attempt: len(s.Attempts) + 1, Node: on, NodeEpoch: l.epoch}
	peer := l.session.peer
	h.wg.Go(func() {
		place.Time = now()
		placed, err := proposeFor[*state.Submission](h, place) // from here on it is that node's, whatever becomes of this head
		if err == nil {
			h.askToRun(peer, placed, assignment)
		} else {
			h.logger.Info("a job is not placed this time", "job", s.ID, "error", err)
			h.pause()
		}
		h.mu.Lock()
		delete(h.launching, s.ID)
		h.mu.Unlock()
		h.poke()
	})
}

// runTime bounds how long a node may take to take an attempt on.
const runTime = 10 * time.Second

// askToRun has a node begin the attempt that it was given. Where its answer does not come, it is asked again when it connects.
func (h *Head) askToRun(peer *headwire.Peer, s *state.Submission, assignment uint64) {
	ctx, cancel := context.WithTimeout(h.ctx, runTime)
	defer cancel()
	a := s.Current()
	run := headwire.JobRun{
		JobLife: headwire.JobLife{ID: s.ID, Attempt: len(s.Attempts)}, Assignment: assignment, Entrypoint: s.Entrypoint, Env: s.Env, Resources: s.Needs.Resources,
		Outputs: s.Outputs, Grace: s.Grace, Retried: s.Retrying(),
	}
	if s.Files != nil {
		run.Files = &filestore.Ref{Sum: s.Files.Sum, Size: s.Files.Size}
	}
	_, err := headwire.Ask(ctx, peer, headwire.RunJob, run)
	if err == nil {
		h.stopIfUnwanted(peer, run.JobLife)
		return
	}
	if !isAnswer(err) {
		return
	}
	h.logger.Info("a node does not take a job on this time", "job", s.ID, "node", a.Node, "error", err)
	if _, failed := h.propose(&state.SubmissionUnplace{ID: s.ID, Attempt: run.Attempt, Node: a.Node, Time: now()}); failed != nil {
		h.logger.Info("a job is not placed anew", "job", s.ID, "error", failed)
	}
	h.mu.Lock()
	h.reasons[s.ID] = err.Error()
	h.mu.Unlock()
	h.pause()
}

// stopIfUnwanted tells a node that has taken an attempt on of a stop that it may have been told of before.
func (h *Head) stopIfUnwanted(peer *headwire.Peer, life headwire.JobLife) {
	if s, ok := h.View().Submission(life.ID); !ok || s.Stopping || len(s.Attempts) != life.Attempt {
		_ = peer.Notify(headwire.StopJobMethod, life) // as in stopJob
	}
}

// isAnswer reports whether the other end has refused, so that nothing of it will happen.
func isAnswer(err error) bool {
	return is[*headwire.Error](err) && !headwire.HasCode(err, headwire.Canceled)
}

// reconcileJobs says which submitted jobs a node must have, and has it begin those that it never heard of.
func (h *Head) reconcileJobs(w *headwire.NodeWelcome, in headwire.NodeHello, peer *headwire.Peer) {
	for s := range h.View().SubmissionsOn(in.ID) {
		life := headwire.JobLife{ID: s.ID, Attempt: len(s.Attempts)}
		switch {
		case slices.Contains(in.Jobs, life):
			w.Jobs = append(w.Jobs, headwire.JobKeep{JobLife: life, Stop: s.Stopping})
		case s.State == state.JobPending && s.Stopping:
			h.over(in.ID, headwire.JobOver{JobLife: life, Message: "it had not begun"})
		case s.State == state.JobPending:
			w.Jobs = append(w.Jobs, headwire.JobKeep{JobLife: life}) // it may hear of it before it hears this
			h.wg.Go(func() { h.askToRun(peer, s, 0) })
		default:
			h.over(in.ID, headwire.JobOver{JobLife: life, Message: "its node does not have it any more"})
		}
	}
}

// stopJob tells a node that the present attempt of a job is to end; h.mu is held.
func (l *link) stopJob(life headwire.JobLife) {
	_ = l.session.peer.Notify(headwire.StopJobMethod, life) // a node that connects again learns what it must have
}

// speaker is the node that a connection is of.
func (h *Head) speaker(s *session) (id.Node, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.link == nil || s.link.session != s {
		return id.Node{}, headwire.Errorf(headwire.Stale, "it has not said hello on this connection")
	}
	return s.link.id, nil
}

func (h *Head) jobStarted(_ context.Context, s *session, in headwire.JobBegun) (headwire.None, error) {
	node, err := h.speaker(s)
	if err != nil {
		return headwire.None{}, err
	}
	_, err = h.propose(&state.SubmissionStarted{ID: in.ID, Attempt: in.Attempt, Node: node, PID: in.PID, Time: now()})
	return headwire.None{}, err
}

func (h *Head) jobEnded(_ context.Context, s *session, in headwire.JobOver) (headwire.None, error) {
	node, err := h.speaker(s)
	if err != nil {
		return headwire.None{}, err
	}
	return headwire.None{}, h.over(node, in)
}

// over notes the end of an attempt. One that is known, or of no account, is no error.
func (h *Head) over(node id.Node, in headwire.JobOver) error {
	c := &state.SubmissionEnded{
		ID: in.ID, Attempt: in.Attempt, Node: node, Outcome: state.Outcome{ExitCode: in.ExitCode, Signal: in.Signal, Message: in.Message, LogStart: in.LogStart}, Time: now(),
	}
	if in.Log != nil {
		c.Outcome.Log = &state.File{Sum: in.Log.Sum, Size: in.Log.Size}
	}
	for _, f := range in.Outputs {
		c.Kept = append(c.Kept, state.File{Name: f.Name, Sum: f.Sum, Size: f.Size})
	}
	_, err := h.propose(c)
	switch {
	case err == nil:
		h.logger.Info("an attempt of a job has ended", "job", in.ID, "attempt", in.Attempt, "how", in.Message)
	case headwire.HasCode(err, headwire.Stale), headwire.HasCode(err, headwire.Invalid), headwire.HasCode(err, headwire.NotFound):
		err = nil
	}
	return err
}
