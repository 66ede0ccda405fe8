package state

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"mobula/cluster/sched"
	"mobula/internal/id"
)

// TestProperties applies seeded random logs on one head, and on another that is restored from a snapshot after every command: results,
// events, errors and digests are the same, and what must always hold of a state holds.
func TestProperties(t *testing.T) {
	seeds := uint64(60)
	if testing.Short() {
		seeds = 10
	}
	applied, refused := 0, 0
	for seed := range seeds {
		log, final := randomLog(t, seed, 300)
		head, other := New(), New()
		for i, data := range log {
			before := head.View()
			r, err := head.Apply(uint64(i+1), data)
			r2, err2 := other.Apply(uint64(i+1), data)
			if err == nil {
				applied++
			} else {
				refused++
			}
			problem := errors.Join(sameResults(r, err, r2, err2), sound(head.View()), announced(before, head.View(), r.Events))
			if err != nil && before.tables != head.View().tables {
				problem = errors.Join(problem, errors.New("an error changed the state"))
			}
			other = New()
			problem = errors.Join(problem, sameAfterRestore(head.View()), other.Restore(bytes.NewReader(encoded(head.View()))))
			if problem != nil {
				t.Fatalf("seed %d, command %d, %s: %v", seed, i+1, data, problem)
			}
		}
		if head.View().Digest() != final.View().Digest() {
			t.Fatalf("seed %d: replay gave another digest", seed)
		}
	}
	if applied < refused/2 {
		t.Errorf("only %d commands were applied and %d refused: the test proves little", applied, refused)
	}
	t.Logf("%d applied, %d refused", applied, refused)
}

func sameResults(a Result, errA error, b Result, errB error) error {
	switch {
	case fmt.Sprint(errA) != fmt.Sprint(errB):
		return fmt.Errorf("errors %w and %w", errA, errB)
	case !slices.Equal(a.Events, b.Events):
		return fmt.Errorf("events %v and %v", a.Events, b.Events)
	}
	return nil
}

// announced: all work that a command made was told by an event.
func announced(before, after *View, events []Event) error {
	old := before.Outstanding()
	for _, work := range after.Outstanding() {
		if !slices.Contains(old, work) && !slices.Contains(events, work) {
			return fmt.Errorf("nobody was told: %v", work.String())
		}
	}
	return nil
}

// sound checks what holds of every state.
func sound(v *View) error {
	for a := range v.Actors() {
		if problem := soundActor(v, a); problem != "" {
			return fmt.Errorf("%s: %s", a.ID, problem)
		}
	}
	for _, g := range v.Groups() {
		if problem := soundGroup(v, g); problem != "" {
			return fmt.Errorf("%s: %s", g.ID, problem)
		}
	}
	for s := range v.Submissions() {
		if problem := soundSubmission(v, s); problem != "" {
			return fmt.Errorf("%s: %s", s.ID, problem)
		}
	}
	for key, i := range v.actorNames.all() {
		if a, ok := v.Actor(i); !ok || a.State == ActorDead || key != (name{a.Namespace, a.Name}) {
			return fmt.Errorf("name %v is that of no live actor", key)
		}
	}
	return nil
}

func soundActor(v *View, a *Actor) string {
	j, jobKnown := v.Job(a.Job)
	switch {
	case a.State == ActorAlive && a.Node.IsZero(), a.State != ActorAlive && a.Place != (Place{}):
		return "its place and its state do not agree"
	case a.MaxRestarts >= 0 && a.Restarts > a.MaxRestarts:
		return "it restarted too often"
	case a.Epoch != uint64(a.Restarts)+1:
		return "epochs and restarts do not agree"
	case a.State != ActorDead && !a.Detached && (!jobKnown || j.State.Ended()):
		return "it outlives its job"
	case a.State == ActorDead && (a.Cause.Kind == 0 || a.Ended < a.Created):
		return "it is dead without a cause or time"
	case a.Stopping && a.State != ActorAlive:
		return "what does not live is to be stopped"
	}
	if n, ok := v.Node(a.Node); a.State == ActorAlive && (!ok || n.State == sched.Dead) {
		return "it lives on a dead node"
	}
	if found, err := v.ActorByName(a.Namespace, a.Name); a.Name != "" && a.State != ActorDead && (err != nil || found != a) {
		return "it is not found by its name"
	}
	return ""
}

func soundSubmission(v *View, s *Submission) string {
	a := s.Current()
	switch {
	case s.State == JobRunning && (a == nil || a.Started == 0 || a.PID == 0), s.State == JobPending && a != nil && a.Started != 0:
		return "its attempt and its state do not agree"
	case s.State.Ended() != (s.Ended != 0), s.State.Ended() && a != nil:
		return "its end and its state do not agree"
	case len(s.Attempts) > s.Retries+1:
		return "it was tried too often"
	case s.Stopping && s.State == JobPending && a == nil, s.State == JobStopped && !s.Stopping:
		return "what is to be stopped and its state do not agree"
	case s.State == JobPending && s.NotBefore < s.Created && s.NotBefore != 0:
		return "it was to begin before it was there"
	}
	if a != nil {
		if n, ok := v.Node(a.Node); !ok || n.State == sched.Dead {
			return "it is on a dead node"
		}
	}
	for i, x := range s.Attempts {
		if (x.Ended == 0) != (a != nil && i == len(s.Attempts)-1) {
			return "an earlier attempt has not ended"
		}
		for _, d := range x.Drivers {
			if j, ok := v.Job(d); ok && x.Ended != 0 && !j.State.Ended() && j.Submission == s.ID {
				return "a driver of an attempt outlives it"
			}
		}
	}
	return ""
}

func soundGroup(v *View, g *Group) string {
	j, jobKnown := v.Job(g.Job)
	missing := len(g.missing())
	switch {
	case g.State == GroupCreated && missing > 0, g.State == GroupPending && missing == 0, g.State == GroupRemoved && missing < len(g.Bundles):
		return "its bundles and its state do not agree"
	case g.State != GroupRemoved && !g.Detached && (!jobKnown || j.State.Ended()):
		return "it outlives its job"
	}
	for _, b := range g.Bundles {
		if n, ok := v.Node(b.Node); !b.Node.IsZero() && (!ok || n.State == sched.Dead) {
			return "a bundle is on a dead node"
		}
	}
	if found, err := v.GroupByName(g.Namespace, g.Name); g.Name != "" && g.State != GroupRemoved && (err != nil || found != g) {
		return "it is not found by its name"
	}
	return ""
}

// TestNeverTwice: between a node's death and the end of its lease and margin, no actor of it is alive elsewhere.
func TestNeverTwice(t *testing.T) {
	for seed := range uint64(100) {
		log, _ := randomLog(t, seed, 400)
		s := New()
		until := map[id.Actor]int64{} // a former life may go on so long
		for i, data := range log {
			c, err := decode(data)
			if err != nil {
				t.Fatal(err)
			}
			before := s.View()
			if _, err := s.Apply(uint64(i+1), data); err != nil {
				continue
			}
			if n, ok := c.(*NodeState); ok && n.State == sched.Dead {
				for a := range before.ActorsOn(n.ID) {
					dead, _ := before.Node(n.ID)
					until[a.ID] = dead.Lease
					if m := before.Meta(); m != nil {
						until[a.ID] += m.Margin
					}
				}
			}
			if a, ok := c.(*ActorStarted); ok && a.Time < until[a.ID] {
				t.Fatalf("seed %d: %v started at %d, its former life may go on until %d", seed, a.ID, a.Time, until[a.ID])
			}
		}
	}
}

// TestNoAttemptTwice: a job is not tried elsewhere before its former node's lease and the margin are over.
func TestNoAttemptTwice(t *testing.T) {
	again := 0
	for seed := range uint64(100) {
		log, _ := randomLog(t, seed, 400)
		s := New()
		until := map[string]int64{}
		for i, data := range log {
			c, err := decode(data)
			if err != nil {
				t.Fatal(err)
			}
			before := s.View()
			if _, err := s.Apply(uint64(i+1), data); err != nil {
				continue
			}
			switch c := c.(type) {
			case *NodeState:
				if c.State != sched.Dead {
					break
				}
				for lost := range before.SubmissionsOn(c.ID) {
					dead, _ := before.Node(c.ID)
					until[lost.ID] = dead.Lease
					if m := before.Meta(); m != nil {
						until[lost.ID] += m.Margin
					}
				}
			case *SubmissionCreate:
				if _, was := before.Submission(c.ID); !was {
					delete(until, c.ID)
				}
			case *SubmissionPlace:
				if c.Time < until[c.ID] {
					t.Fatalf("seed %d: %s is tried again at %d, its former attempt may go on until %d", seed, c.ID, c.Time, until[c.ID])
				}
				if until[c.ID] > 0 {
					again++
				}
			}
		}
	}
	if again < 20 {
		t.Errorf("only %d attempts followed one on a dead node: the test proves little", again)
	}
}
