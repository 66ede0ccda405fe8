package head

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/sched"
	"mobula/cluster/state"
	"mobula/internal/filestore"
	"mobula/internal/id"
)

func (h *Head) submitJob(ctx context.Context, _ *session, in headwire.JobSubmission) (headwire.SubmittedJob, error) {
	c := &state.SubmissionCreate{
		ID: in.ID, Key: in.Key, Name: in.Name, Entrypoint: in.Entrypoint, Env: in.Env, Metadata: in.Metadata, Outputs: in.Outputs, Grace: in.Grace, Retries: in.Retries,
		Needs: state.Needs{Resources: in.Resources, Selector: in.Selector}, Time: now(),
	}
	if in.Files != nil {
		c.Files = &state.File{Sum: in.Files.Sum, Size: in.Files.Size}
	}
	if err := c.Validate(); err != nil {
		return headwire.SubmittedJob{}, answerable(err)
	}
	if _, known := h.View().Submission(in.ID); !known {
		if err := h.submittable(ctx, c); err != nil {
			return headwire.SubmittedJob{}, err
		}
	}
	s, err := proposeFor[*state.Submission](h, c)
	if err != nil {
		return headwire.SubmittedJob{}, err
	}
	h.logger.Info("a job is submitted", "job", s.ID, "name", s.Name)
	return h.submittedJob(s), nil
}

// submittable finds what a job lacks.
func (h *Head) submittable(ctx context.Context, c *state.SubmissionCreate) error {
	if c.Files != nil {
		store, err := h.files.open()
		if err != nil {
			return err
		}
		ref := filestore.Ref{Sum: c.Files.Sum, Size: c.Files.Size}
		if size, ok := store.Size(ref.Sum); (!ok || size != ref.Size) && h.fetch(ctx, ref) != nil {
			return headwire.Errorf(headwire.NotFound, "the working files of job %s are not here: send them first", c.ID)
		}
	}
	if why := h.infeasible(&c.Needs); why != nil {
		return headwire.Errorf(headwire.Infeasible, "job %s can never run: %v", c.ID, why)
	}
	return nil
}

// infeasible says what no node of the present ones can ever give. Without a node nothing is impossible.
func (h *Head) infeasible(needs *state.Needs) *sched.Infeasible {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.newPlan(time.Now())
	p.addNodes()
	if !p.anyAlive() {
		return nil
	}
	decided := sched.Decide(&p.snapshot, []sched.Request{{ID: id.Lease{ID: p.names.Next()}, Resources: needs.Resources, Selector: needs.Selector}})
	if len(decided.Infeasible) == 0 {
		return nil
	}
	return decided.Infeasible[0]
}

func (h *Head) getSubmitted(_ context.Context, _ *session, in headwire.JobRef) (headwire.SubmittedJob, error) {
	s, err := submission(h.View(), in.ID)
	if err != nil {
		return headwire.SubmittedJob{}, err
	}
	return h.submittedJob(s), nil
}

func submission(v *state.View, which string) (*state.Submission, error) {
	s, ok := v.Submission(which)
	if !ok {
		return nil, headwire.Errorf(headwire.NotFound, "there is no submitted job %.100q: see  mobula job list", which)
	}
	return s, nil
}

// waitSubmitted answers when a job has ended, or is not as its caller knows it.
func (h *Head) waitSubmitted(ctx context.Context, _ *session, in headwire.JobWait) (headwire.SubmittedJob, error) {
	s, err := await(ctx, h, func(v *state.View) (*state.Submission, bool, error) {
		s, err := submission(v, in.ID)
		if err != nil {
			return nil, false, err
		}
		return s, s.State.Ended() || in.Seen != "" && (s.State.String() != in.Seen || len(s.Attempts) != in.Attempts), nil
	})
	if err != nil {
		return headwire.SubmittedJob{}, err
	}
	return h.submittedJob(s), nil
}

func (h *Head) listSubmitted(context.Context, *session, headwire.None) ([]headwire.SubmittedJob, error) {
	all := []headwire.SubmittedJob{}
	for s := range h.View().Submissions() {
		all = append(all, h.submittedJob(s))
	}
	slices.SortFunc(all, func(a, b headwire.SubmittedJob) int {
		return cmp.Or(cmp.Compare(a.Created, b.Created), cmp.Compare(a.ID, b.ID))
	})
	return all, nil
}

func (h *Head) stopSubmitted(_ context.Context, _ *session, in headwire.JobRef) (headwire.SubmittedJob, error) {
	s, err := proposeFor[*state.Submission](h, &state.SubmissionStop{ID: in.ID, Time: now()})
	if err != nil {
		return headwire.SubmittedJob{}, err
	}
	return h.submittedJob(s), nil
}

func (h *Head) deleteSubmitted(_ context.Context, _ *session, in headwire.JobRef) (headwire.None, error) {
	_, err := h.propose(&state.SubmissionDelete{ID: in.ID})
	return headwire.None{}, err
}

func (h *Head) submittedJob(s *state.Submission) headwire.SubmittedJob {
	j := headwire.SubmittedJob{
		ID: s.ID, Name: s.Name, State: s.State.String(), Message: s.Message, Stopping: s.Stopping && !s.State.Ended(), Entrypoint: s.Entrypoint,
		Env: slices.Sorted(maps.Keys(s.Env)), Metadata: s.Metadata, Resources: s.Needs.Resources, Selector: s.Needs.Selector, Grace: s.Grace, Retries: s.Retries,
		Created: s.Created, Ended: s.Ended,
	}
	if s.Files != nil {
		j.Files = &filestore.Ref{Sum: s.Files.Sum, Size: s.Files.Size}
	}
	for _, f := range s.Kept {
		j.Outputs = append(j.Outputs, headwire.JobFile{Name: f.Name, Ref: filestore.Ref{Sum: f.Sum, Size: f.Size}})
	}
	for i, a := range s.Attempts {
		j.Attempts = append(j.Attempts, headwire.JobAttempt{
			Number: i + 1, Node: a.Node, NodeName: a.NodeName, PID: a.PID, Drivers: a.Drivers, Placed: a.Placed, Started: a.Started, Ended: a.Ended,
			ExitCode: a.ExitCode, Signal: a.Signal, Message: a.Message,
		})
		j.ExitCode = a.ExitCode
	}
	if s.State == state.JobPending {
		j.Message = h.whyPending(s)
	}
	return j
}

// whyPending says what a job waits for.
func (h *Head) whyPending(s *state.Submission) string {
	why := "it is about to be given to a node"
	if a := s.Current(); a != nil {
		why = "node " + cmp.Or(a.NodeName, a.Node.Short()) + " gets it ready"
	} else if wait := time.Until(time.UnixMilli(s.NotBefore)); wait > 0 {
		why = "it is tried again in " + wait.Round(100*time.Millisecond).String()
	} else {
		h.mu.Lock()
		defer h.mu.Unlock()
		why = cmp.Or(h.reasons[s.ID], why)
	}
	if s.Message != "" {
		return s.Message + "; " + why
	}
	return why
}

// readJobLog reads what an attempt wrote: from its node while it runs, and after that from what the node has left here.
func (h *Head) readJobLog(ctx context.Context, _ *session, in headwire.JobLogRange) (headwire.JobLogPart, error) {
	s, number, err := h.attemptFor(ctx, in)
	if err != nil || number == 0 {
		return headwire.JobLogPart{Ended: s != nil && s.State.Ended()}, err
	}
	a := s.Attempts[number-1]
	switch {
	case a.Ended == 0:
		in.Attempt = number
		return h.readRunLog(ctx, a, in)
	case a.Log != nil:
		return h.readKeptLog(ctx, a.Outcome, number, in.Offset)
	}
	in.Attempt, in.Wait = number, 0
	if part, err := h.readRunLog(ctx, a, in); err == nil && len(part.Text) > 0 { // it could not be sent
		return part, nil
	}
	if a.ExitCode == nil && a.Signal == 0 && a.Started != 0 {
		return headwire.JobLogPart{}, headwire.Errorf(headwire.NotFound, "the log of attempt %d of job %s is lost with its node: %s", number, s.ID, a.Message)
	}
	return headwire.JobLogPart{Attempt: number, Ended: true}, nil
}

// attemptFor finds the attempt that is asked for, or waits for one to begin. 0: there is none yet.
func (h *Head) attemptFor(ctx context.Context, in headwire.JobLogRange) (*state.Submission, int, error) {
	ctx, cancel := context.WithTimeout(ctx, min(time.Duration(in.Wait)*time.Millisecond, longestWait))
	defer cancel()
	s, err := await(ctx, h, func(v *state.View) (*state.Submission, bool, error) {
		s, err := submission(v, in.ID)
		if err != nil {
			return nil, false, err
		}
		return s, s.State.Ended() || len(s.Attempts) >= max(1, in.Attempt), nil
	})
	switch {
	case s == nil:
		return nil, 0, err
	case in.Attempt < 0 || in.Attempt > len(s.Attempts) && s.State.Ended():
		return s, 0, headwire.Errorf(headwire.NotFound, "job %s has no attempt %d: it was tried %d times", s.ID, in.Attempt, len(s.Attempts))
	case in.Attempt > len(s.Attempts):
		return s, 0, nil
	}
	return s, cmp.Or(in.Attempt, len(s.Attempts)), nil
}

// longestWait bounds how long a call waits for more of a log.
const longestWait = 20 * time.Second

// readRunLog asks the node that runs an attempt.
func (h *Head) readRunLog(ctx context.Context, a state.Attempt, in headwire.JobLogRange) (headwire.JobLogPart, error) {
	h.mu.Lock()
	var peer *headwire.Peer
	if l := h.links[a.Node]; l != nil && l.session != nil {
		peer = l.session.peer
	}
	h.mu.Unlock()
	if peer == nil {
		return headwire.JobLogPart{}, headwire.Errorf(headwire.Unavailable, "node %s, which runs job %s, is not connected: its log can be read when it is back", cmp.Or(a.NodeName, a.Node.Short()), in.ID)
	}
	in.Wait = min(in.Wait, longestWait.Milliseconds())
	part, err := headwire.Ask(ctx, peer, headwire.ReadRunLog, in)
	if headwire.HasCode(err, headwire.NotFound) { // it has not taken it on yet, or has just told of its end
		h.awaitChange(ctx, a, in)
		return headwire.JobLogPart{Attempt: in.Attempt, Next: max(in.Offset, 0)}, nil
	}
	return part, err
}

// awaitChange waits until the present attempt of a job is not as it was.
func (h *Head) awaitChange(ctx context.Context, was state.Attempt, in headwire.JobLogRange) {
	ctx, cancel := context.WithTimeout(ctx, min(time.Duration(in.Wait)*time.Millisecond, time.Second))
	defer cancel()
	_, _ = await(ctx, h, func(v *state.View) (bool, bool, error) { // whatever has happened, the caller asks again
		s, err := submission(v, in.ID)
		return true, err == nil && (len(s.Attempts) != in.Attempt || s.Attempts[in.Attempt-1].Started != was.Started || s.Attempts[in.Attempt-1].Ended != 0), err
	})
}

// readKeptLog reads a log that is here.
func (h *Head) readKeptLog(ctx context.Context, of state.Outcome, number int, offset int64) (headwire.JobLogPart, error) {
	end := of.LogStart + of.Log.Size
	if offset < 0 {
		offset += end
	}
	offset = min(max(offset, of.LogStart), end)
	text, err := h.readFile(ctx, nil, headwire.FileRange{Sum: of.Log.Sum, Offset: offset - of.LogStart})
	next := offset + int64(len(text.Data))
	return headwire.JobLogPart{Attempt: number, Text: text.Data, Next: next, Ended: next == end}, err
}
