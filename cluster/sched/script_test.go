package sched

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"mobula/internal/bytesize"
	"mobula/internal/golden"
	"mobula/internal/id"
)

// args are the words of a line: bare ones, and key=value ones in order. A value in quotes may hold blanks.
type args struct {
	bare  []string
	pairs [][2]string
}

func parseArgs(line string) (a args) {
	var words []string
	quoted := false
	for i, part := range strings.Split(line, `"`) {
		if quoted = i%2 == 1; quoted {
			words[len(words)-1] += part
			continue
		}
		fields := strings.Fields(part)
		if i > 0 && part != "" && part[0] != ' ' {
			words[len(words)-1] += fields[0]
			fields = fields[1:]
		}
		words = append(words, fields...)
	}
	for _, w := range words {
		if key, value, ok := strings.Cut(w, "="); ok {
			a.pairs = append(a.pairs, [2]string{key, value})
		} else {
			a.bare = append(a.bare, w)
		}
	}
	return a
}

// take removes a key and returns its value.
func (a *args) take(key string) (string, bool) {
	for i, p := range a.pairs {
		if p[0] == key {
			a.pairs = append(a.pairs[:i:i], a.pairs[i+1:]...)
			return p[1], true
		}
	}
	return "", false
}

func (a *args) number(key string) int64 {
	text, ok := a.take(key)
	if !ok {
		return 0
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

// resources reads all pairs that are left.
func (a *args) resources() (r Resources, err error) {
	for _, p := range a.pairs {
		if p[0] == Memory {
			if r.Memory, err = bytesize.Parse(p[1]); err != nil {
				return r, err
			}
			continue
		}
		amount, err := ParseAmount(p[1])
		if err != nil {
			return r, err
		}
		switch p[0] {
		case CPU:
			r.CPU = amount
		case GPU:
			r.GPU = amount
		default:
			r.custom()[p[0]] = amount
		}
	}
	return r, nil
}

func labels(text string) map[string]string {
	found := map[string]string{}
	for part := range strings.SplitSeq(text, ",") {
		if key, value, ok := strings.Cut(part, ":"); ok {
			found[key] = value
		}
	}
	return found
}

func TestTranscripts(t *testing.T) {
	golden.Transcripts(t, "testdata/*.txt", func(t *testing.T) func(string) string { return newSim(t).command })
}

// command runs one line of a transcript.
func (s *sim) command(line string) string {
	verb, rest, _ := strings.Cut(line, " ")
	a := parseArgs(rest)
	var err error
	switch verb {
	case "node":
		err = s.addNode(a)
	case "type":
		var t NodeType
		l, _ := a.take("labels")
		t.Name, t.Labels, t.Room = a.bare[0], labels(l), int(a.number("room"))
		t.Resources, err = a.resources()
		s.snap.NodeTypes = append(s.snap.NodeTypes, t)
	case "group":
		err = s.addGroup(rest)
	case "request":
		err = s.addRequest(a)
	case "decide":
		return s.print(s.decide())
	case "validate":
		return s.validate(a)
	default:
		err = s.change(verb, a)
	}
	if err != nil {
		return fmt.Sprintf("%v\n", err)
	}
	return ""
}

// change runs a line that changes the cluster.
func (s *sim) change(verb string, a args) error {
	switch verb {
	case "state":
		s.node(id.Node{ID: s.id(a.bare[0])}).State = NodeState(strings.Index("alive  suspectdrainingdead   ", a.bare[1]) / 7)
	case "kill":
		s.kill(id.Node{ID: s.id(a.bare[0])})
	case "release":
		for _, name := range a.bare {
			lease := id.Lease{ID: s.id(name)}
			if s.leases[lease] == nil {
				return fmt.Errorf("%s does not run", name)
			}
			s.release(lease)
		}
	case "lost":
		return s.node(id.Node{ID: s.id(a.bare[0])}).ledger.SetLost(a.bare[1], true)
	case "block":
		lease := id.Lease{ID: s.id(a.bare[0])}
		return s.leases[lease].ledger.Block(lease)
	case "unblock":
		lease := id.Lease{ID: s.id(a.bare[0])}
		return s.leases[lease].ledger.Unblock(lease)
	case "patience":
		s.snap.Patience = Patience{int(a.number("passes")), a.number("age")}
	case "now":
		s.snap.Now, _ = strconv.ParseInt(a.bare[0], 10, 64)
	case "forget":
		s.queue = nil
	default:
		return fmt.Errorf("no command %s", verb)
	}
	return nil
}

func (s *sim) addNode(a args) error {
	l, _ := a.take("labels")
	tasks := a.number("tasks")
	r, err := a.resources()
	for _, name := range a.bare {
		n := &simNode{Node: Node{ID: id.Node{ID: s.id(name)}, Name: name, Labels: labels(l), Tasks: int(tasks)}, ledger: NewLedger(r, nil)}
		s.nodes = append(s.nodes, n)
	}
	return err
}

// addGroup reads: name STRATEGY resources | resources...
func (s *sim) addGroup(line string) error {
	head, rest, _ := strings.Cut(line, " ")
	strategy, rest, _ := strings.Cut(rest, " ")
	kind, err := ParseGroupStrategy(strategy)
	if err != nil {
		return err
	}
	g := &simGroup{Group: Group{Since: s.snap.Now, ID: id.PlacementGroup{ID: s.id(head)}, Name: head, Strategy: kind}}
	for part := range strings.SplitSeq(rest, "|") {
		a := parseArgs(part)
		text, _ := a.take("select")
		selector, err := ParseSelector(text)
		if err != nil {
			return err
		}
		r, err := a.resources()
		if err != nil {
			return err
		}
		g.Bundles = append(g.Bundles, Bundle{Resources: r, Selector: selector})
	}
	s.groups = append(s.groups, g)
	return nil
}

func (s *sim) addRequest(a args) (err error) {
	q := Request{Since: s.snap.Now}
	job, _ := a.take("job")
	q.Job = id.Job{ID: s.id("job " + job)}
	if q.Selector, q.Fallbacks, err = a.selectors(); err != nil {
		return err
	}
	if node, ok := a.take("local"); ok {
		q.Local = id.Node{ID: s.id(node)}
	}
	for at, ok := a.take("at"); ok; at, ok = a.take("at") {
		node, size, _ := strings.Cut(at, ":")
		n, err := bytesize.Parse(size)
		if err != nil {
			return err
		}
		q.Locality = append(q.Locality, Stored{id.Node{ID: s.id(node)}, n})
	}
	q.Strategy = s.strategy(&a)
	if q.Resources, err = a.resources(); err != nil {
		return err
	}
	for _, name := range a.bare {
		if name != "soft" && name != "spread" {
			q.ID = id.Lease{ID: s.id(name)}
			s.queue = append(s.queue, q)
		}
	}
	return nil
}

func (a *args) selectors() (first Selector, rest []Selector, err error) {
	text, _ := a.take("select")
	if first, err = ParseSelector(text); err != nil {
		return nil, nil, err
	}
	for text, ok := a.take("fallback"); ok; text, ok = a.take("fallback") {
		s, err := ParseSelector(text)
		if err != nil {
			return nil, nil, err
		}
		rest = append(rest, s)
	}
	return first, rest, nil
}

func (s *sim) strategy(a *args) Strategy {
	has := func(word string) bool { return strings.Contains(" "+strings.Join(a.bare, " ")+" ", " "+word+" ") }
	if node, ok := a.take("node"); ok {
		return OnNode(id.Node{ID: s.id(node)}, has("soft"))
	}
	if group, ok := a.take("in"); ok {
		bundle := AnyBundle
		if text, ok := a.take("bundle"); ok {
			bundle, _ = strconv.Atoi(text)
		}
		return InGroup(id.PlacementGroup{ID: s.id(group)}, bundle, false)
	}
	if has("spread") {
		return Strategy{Kind: Spread}
	}
	return Strategy{}
}

func (s *sim) validate(a args) string {
	var o Options
	var err error
	if o.Selector, o.Fallbacks, err = a.selectors(); err != nil {
		return err.Error() + "\n"
	}
	o.Name, _ = a.take("name")
	o.Namespace, _ = a.take("namespace")
	o.Retries, o.Restarts = int(a.number("retries")), int(a.number("restarts"))
	o.CallRetries, o.Concurrency = int(a.number("callretries")), int(a.number("concurrency"))
	for _, word := range a.bare {
		o.Actor = o.Actor || word == "actor"
		o.Detached = o.Detached || word == "detached"
		o.GetIfExists = o.GetIfExists || word == "getifexists"
	}
	o.Strategy = s.strategy(&a)
	if o.Resources, err = a.resources(); err != nil {
		return err.Error() + "\n"
	}
	if err := o.Validate(); err != nil {
		return err.Error() + "\n"
	}
	return "fine\n"
}
