package state

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"mobula/cluster/sched"
	"mobula/internal/id"
)

// chance makes random commands about a few things, so that they meet.
type chance struct {
	*rand.Rand
	view func() *View
	time int64
}

func (c *chance) one(in int) bool { return c.IntN(in) == 0 }

func (c *chance) thing(kind string, of int) id.ID {
	return named(fmt.Sprintf("%s%d", kind, c.IntN(of)))
}

func (c *chance) name() string { return []string{"", "x", "y", "z"}[c.IntN(4)] }

func (c *chance) node() id.Node { return id.Node{ID: c.thing("n", 5)} }
func (c *chance) job() id.Job   { return id.Job{ID: c.thing("j", 6)} }

func (c *chance) actor() id.Actor { return id.Actor{ID: c.thing("a", 40)} }

func (c *chance) group() id.PlacementGroup { return id.PlacementGroup{ID: c.thing("g", 12)} }

func (c *chance) resources() sched.Resources {
	return sched.Resources{CPU: sched.Whole(c.IntN(4)), GPU: sched.Whole(c.IntN(2)), Custom: map[string]sched.Amount{"fpga": sched.One}}
}

// nodeEpoch is mostly the present one.
func (c *chance) nodeEpoch(i id.Node) uint64 {
	if n, ok := c.view().Node(i); ok && !c.one(8) {
		return n.Epoch
	}
	return 1
}

func (c *chance) actorEpoch(i id.Actor) uint64 {
	if a, ok := c.view().Actor(i); ok && !c.one(8) {
		return a.Epoch
	}
	return 1
}

// command returns a random one.
func (c *chance) command() Command {
	c.time += int64(c.IntN(50))
	switch c.IntN(13) {
	case 0, 1:
		return c.nodeCommand()
	case 2:
		return c.jobCommand()
	case 3, 4:
		return c.groupCommand()
	case 5, 6, 7:
		return c.actorCommand()
	case 8, 9, 10:
		return c.submissionCommand()
	}
	return c.otherCommand()
}

func (c *chance) nodeCommand() Command {
	n := c.node()
	switch c.IntN(6) {
	case 0, 1, 2:
		return &NodeJoin{ID: n, Name: c.name(), Address: "10.0.0.1:5", Labels: map[string]string{"zone": c.name()}, Total: c.resources(), Lease: c.time + 100, Time: c.time}
	case 3:
		return &NodeLease{n, c.nodeEpoch(n), c.time + 200}
	case 4:
		return &NodeUpdate{ID: n, Epoch: c.nodeEpoch(n), Total: c.resources(), Devices: []string{"GPU-1"}}
	}
	return &NodeState{n, c.nodeEpoch(n), sched.NodeState(c.IntN(5)), "test", c.time}
}

func (c *chance) jobCommand() Command {
	switch c.IntN(5) {
	case 0, 1, 2:
		return &JobStart{ID: c.job(), Namespace: c.name(), Submitted: c.one(2), Metadata: map[string]string{"a": "b", "c": "d"}, RuntimeEnv: "sha", Submission: c.submission(), Time: c.time}
	case 3:
		return &JobUpdate{c.job(), &Driver{Node: c.node(), Address: "a"}, map[string]string{"a": c.name()}, c.time}
	}
	return &JobEnd{c.job(), JobState(c.IntN(6)), "<over>", c.time}
}

func (c *chance) groupCommand() Command {
	switch g := c.group(); c.IntN(5) {
	case 0, 1:
		made := &GroupCreate{ID: g, Name: c.name(), Job: c.job(), Detached: c.one(2), Strategy: sched.GroupStrategy(c.IntN(5)), Time: c.time}
		for range c.IntN(4) {
			made.Bundles = append(made.Bundles, Bundle{Resources: c.resources(), Selector: sched.Selector{{Key: "zone", Values: []string{"x"}}}})
		}
		return made
	case 2, 3:
		place := &GroupPlace{ID: g, Generation: 1, Time: c.time}
		if now, ok := c.view().Group(g); ok {
			place.Generation = now.Generation
			for _, i := range now.missing() {
				n := c.node()
				place.Bundles = append(place.Bundles, BundleNode{i, n, c.nodeEpoch(n)})
			}
		}
		return place
	}
	return &GroupRemove{c.group(), c.time}
}

func (c *chance) actorCommand() Command {
	a, n := c.actor(), c.node()
	switch c.IntN(6) {
	case 0, 1:
		return &ActorRegister{
			ID: a, Name: c.name(), Namespace: c.name(), Job: c.job(), Detached: c.one(3), GetIfExists: c.one(3), Class: "Counter", Spec: []byte{1, 2},
			Needs: &Needs{Resources: c.resources(), Strategy: sched.OnNode(n, true)}, MaxRestarts: c.IntN(5) - 2, Time: c.time,
		}
	case 2, 3:
		return &ActorStarted{a, c.actorEpoch(a), c.nodeEpoch(n), Place{n, id.Worker{ID: c.thing("w", 9)}, id.Lease{ID: c.thing("l", 9)}, "sock"}, c.time}
	case 4:
		return &ActorFailed{a, c.actorEpoch(a), Cause{CauseKind(c.IntN(10)), "why"}, c.time}
	}
	return &ActorKill{a, c.one(2), "killed", c.time}
}

func (c *chance) submission() string { return []string{"", "s1", "s2", "s3", "s4", "s5"}[c.IntN(6)] }

// submissionCommand is mostly one that goes on with the submission.
func (c *chance) submissionCommand() Command {
	s, n, at := c.submission(), c.node(), c.time
	attempt, next := c.IntN(3), c.IntN(7)
	if now, ok := c.view().Submission(s); ok && !c.one(4) {
		attempt, next = len(now.Attempts), 1
		if a := now.Current(); a != nil {
			n, next = a.Node, 2+c.IntN(3)
		} else if now.State.Ended() {
			next = 6
		} else if !c.one(4) {
			at = max(at, now.NotBefore)
		}
	} else if !ok {
		next = 0
	}
	switch next {
	case 0:
		return &SubmissionCreate{
			ID: s, Key: c.name(), Entrypoint: []string{"train", "-v"}, Env: map[string]string{"A": "b"}, Metadata: map[string]string{"c": "d"}, Files: &File{Sum: "sum", Size: 5},
			Needs: Needs{Resources: c.resources()}, Outputs: []string{"out.ipynb"}, Grace: 3000, Retries: c.IntN(5) - 1, Time: c.time,
		}
	case 1:
		return &SubmissionPlace{s, attempt + 1, n, c.nodeEpoch(n), at}
	case 2:
		return &SubmissionUnplace{s, attempt, n, c.time}
	case 3:
		return &SubmissionStarted{s, attempt, n, 7, c.time}
	case 4:
		code := c.IntN(2)
		how := Outcome{ExitCode: &code, Message: "<exit>", Log: &File{Sum: "log", Size: 1}}
		return &SubmissionEnded{s, attempt, n, how, []File{{"out.ipynb", "sum", 3}}, c.time}
	case 5:
		return &SubmissionStop{s, c.time}
	}
	return &SubmissionDelete{s}
}

func (c *chance) otherCommand() Command {
	var version *uint64
	if c.one(4) {
		version = new(uint64)
		if k, ok := c.view().Key("s", c.name()); ok {
			*version = k.Version
		}
	}
	switch c.IntN(10) {
	case 0:
		return &Init{fmt.Sprint("c", c.IntN(2)), "cluster", int64(c.IntN(60)) - 5, c.time}
	case 1:
		return &Prune{c.time - 2000, c.time - 3000}
	case 2:
		return &KeyDelete{"s", c.name(), c.one(3), version}
	case 3:
		return &UserPut{c.name(), "hash", "admin", c.time}
	case 4:
		return &UserDelete{c.name()}
	case 5:
		return &TokenPut{c.name(), c.time + 500, c.IntN(4) - 1, c.time}
	case 6:
		return &TokenUse{c.name(), c.time}
	case 7:
		return &TokenDelete{c.name()}
	}
	return &KeyPut{[]string{"s", "t"}[c.IntN(2)], c.name(), []byte{byte(c.IntN(256))}, version}
}

// randomLog returns n random commands, and the state to which they lead.
func randomLog(t testing.TB, seed uint64, n int) ([][]byte, *State) {
	t.Helper()
	s := New()
	c := &chance{Rand: rand.New(rand.NewPCG(seed, 5)), view: s.View}
	log := make([][]byte, n)
	for i := range log {
		data, err := Encode(c.command())
		if err != nil {
			t.Fatal(err)
		}
		log[i] = data
		_, _ = s.Apply(uint64(i+1), data) // many are refused
	}
	return log, s
}

func randomState(t testing.TB, seed uint64, n int) *State {
	t.Helper()
	_, s := randomLog(t, seed, n)
	return s
}
