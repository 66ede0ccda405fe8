package state

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"mobula/cluster/sched"
	"mobula/internal/bytesize"
	"mobula/internal/id"
)

const (
	maxSubmission = 256 << 10 // bytes of one, as JSON
	maxRetries    = 100       // each attempt is kept
	maxGrace      = 24 * 60 * 60 * 1000
)

// SubmissionCreate adds a submission, for which a node is then sought. Sent again with the same key, it changes nothing. Its value is the *Submission.
type SubmissionCreate struct {
	ID         string            `json:"id"`
	Key        string            `json:"key"`
	Name       string            `json:"name,omitzero"`
	Entrypoint []string          `json:"entrypoint"`
	Env        map[string]string `json:"env,omitempty"`
	Metadata   map[string]string `json:"metadata,omitempty"`
	Needs      Needs             `json:"needs,omitzero"`
	Files      *File             `json:"files,omitempty"`
	Outputs    []string          `json:"outputs,omitempty"`
	Grace      int64             `json:"grace"`
	Retries    int               `json:"retries,omitzero"`
	Time       int64             `json:"time"`
}

func (*SubmissionCreate) kind() Kind { return kindSubmissionCreate }

func (c *SubmissionCreate) apply(t *tx) (any, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if was, ok := t.submissions.get(name{name: c.ID}); ok {
		if was.Key == c.Key {
			return was, nil
		}
		return nil, &SubmissionAlreadyExists{c.ID, was.State}
	}
	s := &Submission{
		ID: c.ID, Key: c.Key, Name: c.Name, Entrypoint: c.Entrypoint, Env: c.Env, Metadata: c.Metadata, Needs: c.Needs, Files: c.Files, Outputs: c.Outputs,
		Grace: c.Grace, Retries: c.Retries, Created: c.Time,
	}
	t.setSubmission(s)
	t.event(s.wanted())
	return s, nil
}

var submissionID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// Validate finds what is not allowed.
func (c *SubmissionCreate) Validate() error {
	switch {
	case !submissionID.MatchString(c.ID):
		return &Invalid{fmt.Sprintf("id %.40q", c.ID), "up to 100 letters, digits and any of . _ - , with a letter or digit first"}
	case c.Key == "":
		return &Invalid{"key", "something random, so that the same call can be told from another"}
	case len(c.Entrypoint) == 0 || c.Entrypoint[0] == "":
		return &Invalid{"entrypoint", "a program and its arguments"}
	case c.Retries < 0 || c.Retries > maxRetries:
		return &Invalid{"retries", fmt.Sprintf("0 to %d", maxRetries)}
	case c.Grace < 0 || c.Grace > maxGrace:
		return &Invalid{"grace", "0 to 24 hours"}
	case c.Needs.Strategy.Kind == sched.GroupBundle:
		return &Invalid{"strategy", "without a placement group: those are of drivers"}
	}
	if err := c.Needs.Resources.Validate(); err != nil {
		return &Invalid{"resources", "valid: " + err.Error()}
	}
	for _, variable := range slices.Sorted(maps.Keys(c.Env)) {
		if variable == "" || strings.ContainsAny(variable, "=\x00") || strings.Contains(c.Env[variable], "\x00") {
			return &Invalid{fmt.Sprintf("variable %.40q", variable), "a name without = and a value, both without NUL"}
		}
	}
	for _, word := range c.Entrypoint {
		if strings.Contains(word, "\x00") {
			return &Invalid{"entrypoint", "without NUL"}
		}
	}
	size, err := json.Marshal(c)
	if err != nil || len(size) > maxSubmission {
		return &Invalid{"submission", fmt.Sprintf("at most %s with its arguments, variables and metadata: put the rest into its working files", bytesize.Format(maxSubmission))}
	}
	return nil
}

// SubmissionPlace gives the next attempt to a node. Its value is the *Submission.
type SubmissionPlace struct {
	ID        string  `json:"id"`
	Attempt   int     `json:"attempt"` // 1 is the first
	Node      id.Node `json:"node"`
	NodeEpoch uint64  `json:"node_epoch"`
	Time      int64   `json:"time"`
}

func (*SubmissionPlace) kind() Kind { return kindSubmissionPlace }

func (c *SubmissionPlace) apply(t *tx) (any, error) {
	was, err := t.liveSubmission(c.ID, "be placed")
	if err != nil {
		return nil, err
	}
	switch {
	case was.Current() != nil || c.Attempt != len(was.Attempts)+1:
		return nil, &Stale{was.title(), uint64(c.Attempt), uint64(len(was.Attempts))}
	case c.Time < was.NotBefore:
		return nil, &WrongState{was.title(), "waiting for its next attempt", "be placed yet"}
	}
	n, err := t.liveNode(c.Node, c.NodeEpoch, "run a job")
	if err != nil {
		return nil, err
	}
	s, _ := was.change()
	s.Attempts = append(s.Attempts, Attempt{Node: c.Node, NodeName: n.Name, Placed: c.Time})
	t.setSubmission(s)
	t.event(s.wanted())
	return s, nil
}

// SubmissionUnplace takes an attempt back that its node could not begin, as if it had never been.
type SubmissionUnplace struct {
	ID      string  `json:"id"`
	Attempt int     `json:"attempt"`
	Node    id.Node `json:"node"`
	Time    int64   `json:"time"`
}

func (*SubmissionUnplace) kind() Kind { return kindSubmissionUnplace }

func (c *SubmissionUnplace) apply(t *tx) (any, error) {
	was, err := t.present(c.ID, c.Attempt, c.Node)
	if err != nil {
		return nil, err
	}
	if was.State != JobPending {
		return nil, &WrongState{was.title(), was.State.String(), "be placed anew"}
	}
	s := *was
	s.Attempts = slices.Clone(was.Attempts[:len(was.Attempts)-1])
	if s.Stopping {
		s.State, s.Message, s.Ended = JobStopped, stoppedBefore, c.Time
	}
	t.setSubmission(&s)
	if s.State == JobPending {
		t.event(s.wanted())
	}
	return nil, nil
}

const stoppedBefore = "stopped before it ran"

// SubmissionStarted says that the process of an attempt runs.
type SubmissionStarted struct {
	ID      string  `json:"id"`
	Attempt int     `json:"attempt"`
	Node    id.Node `json:"node"`
	PID     int     `json:"pid"`
	Time    int64   `json:"time"`
}

func (*SubmissionStarted) kind() Kind { return kindSubmissionStarted }

func (c *SubmissionStarted) apply(t *tx) (any, error) {
	was, err := t.present(c.ID, c.Attempt, c.Node)
	if err != nil || was.State == JobRunning {
		return nil, err
	}
	s, a := was.change()
	s.State, s.Message = JobRunning, ""
	a.PID, a.Started = c.PID, c.Time
	t.setSubmission(s)
	return nil, nil
}

// SubmissionEnded says how an attempt ended. Its value is the *Submission afterwards.
type SubmissionEnded struct {
	ID      string  `json:"id"`
	Attempt int     `json:"attempt"`
	Node    id.Node `json:"node"`
	Outcome Outcome `json:"outcome"`
	Kept    []File  `json:"kept,omitempty"`
	Time    int64   `json:"time"`
}

func (*SubmissionEnded) kind() Kind { return kindSubmissionEnded }

func (c *SubmissionEnded) apply(t *tx) (any, error) {
	was, err := t.present(c.ID, c.Attempt, c.Node)
	if err != nil {
		return nil, err
	}
	s := *was
	s.Kept = c.Kept
	t.endAttempt(&s, c.Outcome, 0, c.Time)
	after, _ := t.submissions.get(name{name: c.ID})
	return after, nil
}

// SubmissionStop ends a submission because its user wants that: at once where nothing runs, else when its node says so. For one that has ended it
// does nothing. Its value is the *Submission afterwards.
type SubmissionStop struct {
	ID   string `json:"id"`
	Time int64  `json:"time"`
}

func (*SubmissionStop) kind() Kind { return kindSubmissionStop }

func (c *SubmissionStop) apply(t *tx) (any, error) {
	was, ok := t.submissions.get(name{name: c.ID})
	switch {
	case !ok:
		return nil, &NotFound{"job", c.ID}
	case was.State.Ended(), was.Stopping:
		return was, nil
	}
	s, a := was.change()
	s.Stopping = true
	if a == nil {
		s.State, s.Ended, s.NotBefore = JobStopped, c.Time, 0
		if len(s.Attempts) == 0 {
			s.Message = stoppedBefore
		}
	}
	t.setSubmission(s)
	if a != nil {
		t.event(s.unwanted(a))
	}
	return s, nil
}

// SubmissionDelete forgets a submission that has ended.
type SubmissionDelete struct {
	ID string `json:"id"`
}

func (*SubmissionDelete) kind() Kind { return kindSubmissionDelete }

func (c *SubmissionDelete) apply(t *tx) (any, error) {
	was, ok := t.submissions.get(name{name: c.ID})
	switch {
	case !ok:
		return nil, &NotFound{"job", c.ID}
	case !was.State.Ended():
		return nil, &WrongState{was.title(), was.State.String(), "be deleted: stop it first"}
	}
	t.submissions = t.submissions.remove(name{name: c.ID})
	t.event(Event{Kind: SubmissionChanged, Submission: c.ID, State: "deleted"})
	return nil, nil
}

// liveSubmission returns a submission that has not ended.
func (t *tx) liveSubmission(i, op string) (*Submission, error) {
	s, ok := t.submissions.get(name{name: i})
	switch {
	case !ok:
		return nil, &NotFound{"job", i}
	case s.State.Ended():
		return nil, &WrongState{s.title(), s.State.String(), op}
	}
	return s, nil
}

// present returns a submission whose present attempt is the one of that number, on that node.
func (t *tx) present(i string, attempt int, node id.Node) (*Submission, error) {
	s, err := t.liveSubmission(i, "change")
	if err != nil {
		return nil, err
	}
	now := len(s.Attempts)
	a := s.Current()
	if a == nil {
		now++ // that one has ended, and another comes
	}
	if a == nil || attempt != now || a.Node != node {
		return nil, &Stale{s.title() + " on its node", uint64(max(attempt, 0)), uint64(now)}
	}
	return s, nil
}
