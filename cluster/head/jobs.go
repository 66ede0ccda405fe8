package head

import (
	"cmp"
	"context"

	"mobula/cluster/headwire"
	"mobula/cluster/state"
)

func (h *Head) startJob(_ context.Context, _ *session, in headwire.JobSpec) (headwire.JobInfo, error) {
	j, err := proposeFor[*state.Job](h, &state.JobStart{
		ID: in.ID, Name: in.Name, Namespace: in.Namespace, Driver: state.Driver{Node: in.Node, Process: in.PID}, Entrypoint: in.Entrypoint, Submission: in.Submission, Time: now(),
	})
	if err != nil {
		return headwire.JobInfo{}, err
	}
	return jobInfo(j), nil
}

func (h *Head) endJob(_ context.Context, _ *session, in headwire.JobEnd) (headwire.None, error) {
	how, err := state.ParseJobEnd(cmp.Or(in.State, state.JobStopped.String()))
	if err != nil {
		return headwire.None{}, answerable(err)
	}
	j, ok := h.View().Job(in.ID)
	switch {
	case !ok:
		return headwire.None{}, headwire.Errorf(headwire.NotFound, "there is no job %s", in.ID)
	case j.State.Ended(), !in.Node.IsZero() && in.Node != j.Driver.Node:
		return headwire.None{}, nil // said again, or of a worker that submits tasks for the job
	}
	_, err = h.propose(&state.JobEnd{ID: in.ID, State: how, Message: in.Message, Time: now()})
	return headwire.None{}, err
}

func (h *Head) listJobs(context.Context, *session, headwire.None) ([]headwire.JobInfo, error) {
	all := []headwire.JobInfo{}
	for j := range h.View().Jobs() {
		all = append(all, jobInfo(j))
	}
	return all, nil
}

func jobInfo(j *state.Job) headwire.JobInfo {
	return headwire.JobInfo{
		JobSpec: headwire.JobSpec{ID: j.ID, Name: j.Name, Namespace: j.Namespace, Node: j.Driver.Node, PID: j.Driver.Process, Entrypoint: j.Entrypoint, Submission: j.Submission},
		State:   j.State.String(), Message: j.Message, Created: j.Created, Ended: j.EndedAt,
	}
}
