package autoscale

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"mobula/cluster/sched"
	"mobula/internal/golden"
	"mobula/internal/id"
)

// script is a snapshot that lines of a transcript make.
type script struct {
	snap  Snapshot
	names map[id.ID]string
}

func newScript(*testing.T) func(string) string {
	s := &script{names: map[id.ID]string{}}
	s.snap.Starting, s.snap.IdleTimeout = map[string]int{}, 60
	return s.command
}

func (s *script) id(name string) id.ID {
	for known, n := range s.names {
		if n == name {
			return known
		}
	}
	var made id.ID
	binary.BigEndian.PutUint64(made[8:], uint64(len(s.names)+1))
	s.names[made] = name
	return made
}

// needs reads what is given as in cpu=1 gpu=2, and returns the other words.
func needs(words []string) (r sched.Resources, rest map[string]string) {
	rest = map[string]string{}
	for _, w := range words {
		key, value, _ := strings.Cut(w, "=")
		amount, err := sched.ParseAmount(value)
		switch {
		case key == "cpu" && err == nil:
			r.CPU = amount
		case key == "gpu" && err == nil:
			r.GPU = amount
		default:
			rest[key] = value
		}
	}
	return r, rest
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if text != "" && err != nil {
		panic(err)
	}
	return n
}

func (s *script) command(line string) string {
	words := strings.Fields(line)
	switch words[0] {
	case "group":
		g, err := ParseGroup(words[1])
		if err != nil {
			return err.Error() + "\n"
		}
		s.snap.Groups = append(s.snap.Groups, State{Group: g})
	case "starting":
		s.snap.Starting[words[1]] = number(words[2])
	case "failed":
		s.snap.Groups[0].Failure, s.snap.Groups[0].NotAgain = "no quota", int64(number(words[1]))
	case "node":
		s.node(words)
	case "request", "placement":
		s.want(words)
	case "done":
		s.snap.Queue, s.snap.Bundles = nil, nil
	case "outlook":
		return s.outlook()
	case "decide":
		s.snap.Now = int64(number(words[1]))
		return s.print(Decide(&s.snap))
	default:
		return "unknown: " + line + "\n"
	}
	return ""
}

// node adds one, or gives one of that name another state.
func (s *script) node(words []string) {
	r, rest := needs(words[2:])
	n := Node{Group: rest["group"], Holds: rest["holds"], IdleSince: int64(number(rest["idle"]))}
	n.ID, n.Name = id.Node{ID: s.id(words[1])}, words[1]
	ledger := sched.NewLedger(r, nil)
	if used := rest["used"]; used != "" {
		amount, _ := sched.ParseAmount(used)
		n.Tasks = 1
		if _, err := ledger.Acquire(id.New[id.Lease](), sched.Resources{CPU: amount}, nil); err != nil {
			panic(err)
		}
	}
	n.Pool = ledger.Pool()
	for _, g := range s.snap.Groups {
		if g.Name == n.Group {
			n.Labels = g.Labels
		}
	}
	if rest["state"] == "draining" {
		n.State = sched.Draining
	}
	for i := range s.snap.Nodes {
		if s.snap.Nodes[i].ID == n.ID {
			s.snap.Nodes[i] = n
			return
		}
	}
	s.snap.Nodes = append(s.snap.Nodes, n)
}

func (s *script) want(words []string) {
	r, rest := needs(words[2:])
	selector, err := sched.ParseSelector(strings.ReplaceAll(rest["select"], ":", "="))
	if rest["select"] != "" && err != nil {
		panic(err)
	}
	times := max(1, number(rest["times"]))
	if words[0] == "placement" {
		strategy, err := sched.ParseGroupStrategy(rest["strategy"])
		if err != nil {
			panic(err)
		}
		g := sched.Group{ID: id.PlacementGroup{ID: s.id(words[1])}, Name: words[1], Strategy: strategy}
		for range times {
			g.Bundles = append(g.Bundles, sched.Bundle{Resources: r, Selector: selector})
		}
		s.snap.Bundles = append(s.snap.Bundles, g)
		return
	}
	for i := range times {
		name := words[1]
		if times > 1 {
			name = fmt.Sprint(name, i)
		}
		s.snap.Queue = append(s.snap.Queue, sched.Request{ID: id.Lease{ID: s.id(name)}, Resources: r, Selector: selector})
	}
}

func (s *script) outlook() string {
	var out strings.Builder
	counts := Counts(&s.snap)
	for i := range s.snap.Queue {
		q := &s.snap.Queue[i]
		fmt.Fprintf(&out, "%s: %s\n", s.names[q.ID.ID], Outlook(counts, q))
	}
	return out.String()
}

func (s *script) print(d Decisions) string {
	var out strings.Builder
	for _, x := range d.Start {
		fmt.Fprintf(&out, "start %d of %s: %s\n", x.Count, x.Group, x.Reason)
	}
	for _, x := range d.Drain {
		fmt.Fprintf(&out, "drain %s: %s\n", s.names[x.Node.ID], x.Reason)
	}
	for _, x := range d.Stop {
		fmt.Fprintf(&out, "stop %s: %s\n", s.names[x.Node.ID], x.Reason)
	}
	for _, e := range d.Infeasible {
		fmt.Fprintf(&out, "%s%s %v\n", s.names[e.Request.ID], s.names[e.Group.ID], e)
	}
	if out.Len() == 0 {
		return "nothing\n"
	}
	return out.String()
}

func TestTranscripts(t *testing.T) { golden.Transcripts(t, "testdata/*.txt", newScript) }
