package state

import (
	"maps"
	"slices"

	"mobula/internal/id"
)

// JobState is where a job is in its life.
type JobState int

// The states of jobs.
const (
	JobPending JobState = iota // submitted, its driver does not run yet
	JobRunning
	JobSucceeded
	JobFailed
	JobStopped // by someone, or with the loss of its driver
)

var jobStates = [...]string{"pending", "running", "succeeded", "failed", "stopped"}

// String returns the state's name.
func (s JobState) String() string {
	if s < 0 || int(s) >= len(jobStates) {
		return "unknown"
	}
	return jobStates[s]
}

// ParseJobEnd reads how a job has ended.
func ParseJobEnd(name string) (JobState, error) {
	s := JobState(slices.Index(jobStates[:], name))
	if !s.Ended() {
		return 0, &Invalid{"state", "succeeded, failed or stopped"}
	}
	return s, nil
}

// Ended reports whether the job is over.
func (s JobState) Ended() bool { return s >= JobSucceeded }

// Driver is the process that runs a job.
type Driver struct {
	Node    id.Node `json:"node,omitzero"` // its own, or its gateway's
	Address string  `json:"address,omitzero"`
	Process int     `json:"process,omitzero"`
}

// Job is one run of a driver.
type Job struct {
	ID         id.Job            `json:"id"`
	Name       string            `json:"name,omitzero"`
	Namespace  string            `json:"namespace"`
	State      JobState          `json:"state"`
	Driver     Driver            `json:"driver,omitzero"`
	Entrypoint string            `json:"entrypoint,omitzero"`
	Metadata   map[string]string `json:"metadata,omitempty"`
	RuntimeEnv string            `json:"runtime_env,omitzero"` // digest
	Submission string            `json:"submission,omitzero"`  // whose process the driver is, or a child of it
	Message    string            `json:"message,omitzero"`     // how it ended
	Created    int64             `json:"created"`
	Started    int64             `json:"started,omitzero"`
	EndedAt    int64             `json:"ended,omitzero"`
}

// JobStart adds a job: one whose driver runs, or one that was submitted. Sent again for the same job, it changes nothing. Its value is the *Job.
type JobStart struct {
	ID         id.Job            `json:"id"`
	Name       string            `json:"name,omitzero"`
	Namespace  string            `json:"namespace,omitzero"` // if empty, one of its own
	Submitted  bool              `json:"submitted,omitzero"` // the driver does not run yet
	Driver     Driver            `json:"driver,omitzero"`
	Entrypoint string            `json:"entrypoint,omitzero"`
	Metadata   map[string]string `json:"metadata,omitempty"`
	RuntimeEnv string            `json:"runtime_env,omitzero"`
	Submission string            `json:"submission,omitzero"` // since version 2
	Time       int64             `json:"time"`
}

func (*JobStart) kind() Kind { return kindJobStart }

func (c *JobStart) apply(t *tx) (any, error) {
	if c.ID.IsZero() {
		return nil, &Invalid{"id", "the job's id"}
	}
	if was, ok := t.jobs.get(c.ID.ID); ok {
		return was, nil
	}
	j := &Job{
		ID: c.ID, Name: c.Name, Namespace: c.Namespace, Driver: c.Driver, Entrypoint: c.Entrypoint,
		Metadata: c.Metadata, RuntimeEnv: c.RuntimeEnv, Created: c.Time,
	}
	if j.Namespace == "" {
		j.Namespace = c.ID.String()
	}
	if !c.Submitted {
		j.State, j.Started = JobRunning, c.Time
	}
	if c.Submission != "" && t.addDriver(c.Submission, c.ID) {
		j.Submission = c.Submission
	}
	t.setJob(j)
	return j, nil
}

// JobUpdate says that the driver of a job runs, and where, or adds to its metadata.
type JobUpdate struct {
	ID       id.Job            `json:"id"`
	Driver   *Driver           `json:"driver,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"` // an empty value removes the name
	Time     int64             `json:"time"`
}

func (*JobUpdate) kind() Kind { return kindJobUpdate }

func (c *JobUpdate) apply(t *tx) (any, error) {
	was, err := t.liveJob(c.ID, "change")
	if err != nil {
		return nil, err
	}
	j := *was
	if c.Driver != nil {
		j.Driver = *c.Driver
		if j.State == JobPending {
			j.State, j.Started = JobRunning, c.Time
		}
	}
	if len(c.Metadata) > 0 {
		metadata := map[string]string{}
		maps.Copy(metadata, j.Metadata)
		maps.Copy(metadata, c.Metadata)
		maps.DeleteFunc(metadata, func(_, value string) bool { return value == "" })
		j.Metadata = metadata
	}
	t.setJob(&j)
	return nil, nil
}

// JobEnd ends a job. Its actors die and its placement groups are removed, except detached ones.
type JobEnd struct {
	ID      id.Job   `json:"id"`
	State   JobState `json:"state"`
	Message string   `json:"message,omitzero"`
	Time    int64    `json:"time"`
}

func (*JobEnd) kind() Kind { return kindJobEnd }

func (c *JobEnd) apply(t *tx) (any, error) {
	was, err := t.liveJob(c.ID, "end again")
	if err != nil {
		return nil, err
	}
	if !c.State.Ended() || c.State > JobStopped {
		return nil, &Invalid{"state", "succeeded, failed or stopped"}
	}
	t.endJob(was, c.State, c.Message, c.Time)
	return nil, nil
}

// endJob ends a job, and what it owns.
func (t *tx) endJob(was *Job, how JobState, message string, time int64) {
	j := *was
	j.State, j.Message, j.EndedAt = how, message, time
	t.setJob(&j)
	for a := range t.actors.values() {
		if a.Job == j.ID && !a.Detached && a.State != ActorDead {
			t.stop(a)
			t.endLife(a, Cause{JobEnded, "its job " + j.State.String()}, false, 0, time)
		}
	}
	for g := range t.groups.values() {
		if g.Job == j.ID && !g.Detached && g.State != GroupRemoved {
			t.removeGroup(g, "its job "+j.State.String(), time)
		}
	}
}

// liveJob returns a job that has not ended.
func (t *tx) liveJob(i id.Job, op string) (*Job, error) {
	j, ok := t.jobs.get(i.ID)
	switch {
	case !ok:
		return nil, &NotFound{"job", i.String()}
	case j.State.Ended():
		return nil, &WrongState{"job " + i.Short(), j.State.String(), op}
	}
	return j, nil
}

func (t *tx) setJob(j *Job) {
	t.jobs = t.jobs.set(j.ID.ID, j)
	t.event(Event{Kind: JobChanged, Job: j.ID, State: j.State.String(), Reason: j.Message})
}
