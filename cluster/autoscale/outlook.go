package autoscale

import (
	"fmt"

	"mobula/cluster/sched"
)

// Count is how many nodes a group has.
type Count struct {
	State
	Live, Draining, Starting int
	Reason                   string // why nodes are being started
}

// Counts are those of all groups.
func Counts(s *Snapshot) []Count {
	p := &pass{Snapshot: s}
	p.countNodes()
	var all []Count
	for _, g := range p.groups {
		c := Count{State: *g.State, Live: g.live, Draining: g.draining, Starting: s.Starting[g.Name]}
		c.Resources = g.size
		all = append(all, c)
	}
	return all
}

// Outlook says what a request that waits may expect of the groups, "" where that is nothing.
func Outlook(counts []Count, q *sched.Request) string {
	if q.Strategy.Kind == sched.GroupBundle || q.Strategy.Kind == sched.NodeAffinity && !q.Strategy.Soft {
		return ""
	}
	outlook := ""
	for i := range counts {
		c := &counts[i]
		pool := sched.NewPool(c.Resources, nil)
		switch {
		case !Selects(q, c.Labels) || !pool.Holds(q.Resources):
		case c.Starting > 0:
			return "a node of group " + c.Name + " is being started"
		case outlook != "":
		case c.Failure != "":
			outlook = fmt.Sprintf("a node of group %s could not be started: %s", c.Name, c.Failure)
		case c.Live+c.Draining >= c.Max:
			outlook = fmt.Sprintf("group %s has its most nodes, %d", c.Name, c.Max)
		}
	}
	return outlook
}
