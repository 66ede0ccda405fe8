package state

// Meta is what is known of the cluster itself.
type Meta struct {
	ID      string `json:"id"`
	Name    string `json:"name,omitzero"`
	Created int64  `json:"created"` // milliseconds since 1970
	Index   uint64 `json:"index"`   // of the command that created it
	Margin  int64  `json:"margin"`  // milliseconds after a node's lease until its actors may run elsewhere
}

// Init creates the cluster. Sent again with the same id, it changes nothing.
type Init struct {
	ID     string `json:"id"`
	Name   string `json:"name,omitzero"`
	Margin int64  `json:"margin"`
	Time   int64  `json:"time"`
}

func (*Init) kind() Kind { return kindInit }

func (c *Init) apply(t *tx) (any, error) {
	switch {
	case t.meta != nil && t.meta.ID == c.ID:
		return t.meta, nil
	case t.meta != nil:
		return nil, &WrongState{"cluster " + t.meta.ID, "created", "be created anew"}
	case c.ID == "":
		return nil, &Invalid{"id", "a new random name for the cluster"}
	case c.Margin < 0:
		return nil, &Invalid{"margin", "0 or more milliseconds"}
	}
	t.meta = &Meta{c.ID, c.Name, c.Time, t.index, c.Margin}
	return t.meta, nil
}

// Prune forgets what ended before a time: dead nodes, ended jobs, removed groups, dead actors, ended submissions. Its value is their number.
type Prune struct {
	Before int64 `json:"before"` // milliseconds since 1970
	// BeforeJobs is that of submissions; 0: none is forgotten. Since version 2.
	BeforeJobs int64 `json:"before_jobs,omitzero"`
}

func (*Prune) kind() Kind { return kindPrune }

func (c *Prune) apply(t *tx) (any, error) {
	before := t.records()
	old := func(over bool, ended int64) bool { return over && ended < c.Before }
	for key, n := range t.nodes.all() {
		if old(!n.live(), n.Changed) {
			t.nodes = t.nodes.remove(key)
		}
	}
	for key, j := range t.jobs.all() {
		if old(j.State.Ended(), j.EndedAt) {
			t.jobs = t.jobs.remove(key)
		}
	}
	for key, g := range t.groups.all() {
		if old(g.State == GroupRemoved, g.Ended) {
			t.groups = t.groups.remove(key)
		}
	}
	for key, a := range t.actors.all() {
		if old(a.State == ActorDead, a.Ended) {
			t.actors = t.actors.remove(key)
		}
	}
	for key, s := range t.submissions.all() {
		if s.State.Ended() && s.Ended < c.BeforeJobs {
			t.submissions = t.submissions.remove(key)
		}
	}
	return before - t.records(), nil
}

// records counts what Prune forgets.
func (t *tx) records() int {
	return t.nodes.len() + t.jobs.len() + t.groups.len() + t.actors.len() + t.submissions.len()
}
