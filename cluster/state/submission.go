package state

import (
	"fmt"
	"slices"

	"mobula/internal/id"
)

// Submission is a job that was submitted: an entrypoint that the cluster runs. The drivers that its processes start are Jobs of their own.
//
// It is pending without an attempt, or with one that was given to a node and has not started; then running, until its attempt ends: then it is
// pending again, or over.
type Submission struct {
	ID         string            `json:"id"`
	Key        string            `json:"key"` // of its submission: sent again it is the same
	Name       string            `json:"name,omitzero"`
	Entrypoint []string          `json:"entrypoint"` // the program and its arguments
	Env        map[string]string `json:"env,omitempty"`
	Metadata   map[string]string `json:"metadata,omitempty"`
	Needs      Needs             `json:"needs,omitzero"`
	Files      *File             `json:"files,omitempty"`   // the archive of its working files
	Outputs    []string          `json:"outputs,omitempty"` // files of its working directory that are kept
	Grace      int64             `json:"grace"`             // ms from SIGTERM to SIGKILL
	Retries    int               `json:"retries,omitzero"`
	State      JobState          `json:"state"`
	Stopping   bool              `json:"stopping,omitzero"` // its user wants it to end
	Message    string            `json:"message,omitzero"`  // how it ended, or why it is tried again
	NotBefore  int64             `json:"not_before,omitzero"`
	Attempts   []Attempt         `json:"attempts,omitempty"` // the last one is the present one
	Kept       []File            `json:"kept,omitempty"`     // what Outputs found
	Created    int64             `json:"created"`
	Ended      int64             `json:"ended,omitzero"`
}

// File is one that the head keeps.
type File struct {
	Name string `json:"name,omitzero"`
	Sum  string `json:"sum"` // SHA-256 in hex
	Size int64  `json:"size"`
}

// Attempt is one run of an entrypoint.
type Attempt struct {
	Node     id.Node  `json:"node"`
	NodeName string   `json:"node_name,omitzero"`
	PID      int      `json:"pid,omitzero"`
	Drivers  []id.Job `json:"drivers,omitempty"` // that its processes have started
	Placed   int64    `json:"placed"`
	Started  int64    `json:"started,omitzero"`
	Outcome
}

// Outcome is how an attempt ended.
type Outcome struct {
	Ended    int64  `json:"ended,omitzero"`
	ExitCode *int   `json:"exit_code,omitempty"` // none where it did not exit by itself
	Signal   int    `json:"signal,omitzero"`     // that ended it
	Message  string `json:"message,omitzero"`
	Log      *File  `json:"log,omitempty"`      // what it wrote
	LogStart int64  `json:"log_start,omitzero"` // the bytes before are gone
}

// succeeded reports whether the program says so.
func (o *Outcome) succeeded() bool { return o.ExitCode != nil && *o.ExitCode == 0 && o.Signal == 0 }

// maxDrivers is how many drivers of an attempt are listed.
const maxDrivers = 1000

// Current is the attempt that was given to a node and has not ended, nil without one. Its number is that of all attempts.
func (s *Submission) Current() *Attempt {
	if n := len(s.Attempts); n > 0 && s.Attempts[n-1].Ended == 0 {
		return &s.Attempts[n-1]
	}
	return nil
}

// Retrying reports whether an attempt that fails may be followed by another.
func (s *Submission) Retrying() bool { return !s.Stopping && len(s.Attempts) <= s.Retries }

func (s *Submission) title() string { return "job " + s.ID }

// wanted is the work that a pending submission makes.
func (s *Submission) wanted() Event {
	e := Event{Kind: StartSubmission, Submission: s.ID, Epoch: uint64(len(s.Attempts)), NotBefore: s.NotBefore}
	if a := s.Current(); a != nil {
		e.Node = a.Node
	}
	return e
}

// unwanted is the work that a stop makes.
func (s *Submission) unwanted(a *Attempt) Event {
	return Event{Kind: StopSubmission, Submission: s.ID, Node: a.Node, Epoch: uint64(len(s.Attempts))}
}

// change returns a copy that may be changed, with its present attempt, if it has one.
func (s *Submission) change() (*Submission, *Attempt) {
	now := *s
	now.Attempts = slices.Clone(s.Attempts)
	return &now, now.Current()
}

func (t *tx) setSubmission(s *Submission) {
	t.submissions = t.submissions.set(name{name: s.ID}, s)
	e := Event{Kind: SubmissionChanged, Submission: s.ID, Epoch: uint64(len(s.Attempts)), State: s.State.String(), Reason: s.Message}
	if a := s.Current(); a != nil {
		e.Node = a.Node
	}
	t.event(e)
}

// backoff is how long after its end the attempt of a number is followed by another, in ms.
func backoff(attempt int) int64 {
	const first, most = int64(1000), int64(60_000)
	return min(most, first<<min(attempt-1, 10))
}

// endAttempt ends the present attempt, with the work of its drivers: another follows, or the submission is over.
func (t *tx) endAttempt(was *Submission, how Outcome, notBefore, time int64) {
	s, a := was.change()
	how.Ended = time
	a.Outcome = how
	for _, driver := range a.Drivers {
		if j, ok := t.jobs.get(driver.ID); ok && !j.State.Ended() {
			t.endJob(j, JobStopped, s.title()+" ended", time)
		}
	}
	s.Message, s.NotBefore = how.Message, 0
	switch {
	case s.Stopping:
		s.State, s.Message = JobStopped, "stopped: "+how.Message
	case how.succeeded():
		s.State = JobSucceeded
	case s.Retrying():
		s.State, s.Message = JobPending, fmt.Sprintf("attempt %d failed: %s", len(s.Attempts), how.Message)
		s.NotBefore = max(notBefore, time+backoff(len(s.Attempts)))
	default:
		s.State = JobFailed
	}
	if s.State.Ended() {
		s.Ended = time
	}
	t.setSubmission(s)
	if s.State == JobPending {
		t.event(s.wanted())
	}
}

// addDriver notes that a process of a submission's present attempt has started a driver, and reports whether it has such an attempt.
func (t *tx) addDriver(submission string, job id.Job) bool {
	was, ok := t.submissions.get(name{name: submission})
	if !ok {
		return false
	}
	s, a := was.change()
	if a == nil {
		return false
	}
	if len(a.Drivers) < maxDrivers {
		a.Drivers = append(slices.Clip(a.Drivers), job)
		t.submissions = t.submissions.set(name{name: s.ID}, s)
	}
	return true
}

// loseSubmissions ends the attempts on a node that is dead.
func (t *tx) loseSubmissions(n *Node, notBefore, time int64) {
	for s := range t.submissions.values() {
		if a := s.Current(); a != nil && a.Node == n.ID {
			t.endAttempt(s, Outcome{Message: n.title() + " died: " + n.Reason}, notBefore, time)
		}
	}
}
