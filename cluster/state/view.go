package state

import (
	"cmp"
	"iter"
	"slices"
	"strings"

	"mobula/internal/id"
)

// View is the state at one moment. It never changes; nor may what it returns be changed.
type View struct {
	tables
	index uint64
}

// Index returns the index of the last command.
func (v *View) Index() uint64 { return v.index }

// Meta returns what is known of the cluster, or nil before Init.
func (v *View) Meta() *Meta { return v.meta }

// Node returns a node, also a dead one.
func (v *View) Node(i id.Node) (*Node, bool) { return v.nodes.get(i.ID) }

// Nodes returns all nodes in order of joining.
func (v *View) Nodes() []*Node {
	nodes := slices.Collect(v.nodes.values())
	slices.SortFunc(nodes, func(a, b *Node) int { return cmp.Compare(a.Epoch, b.Epoch) })
	return nodes
}

// Job returns a job, also one that ended.
func (v *View) Job(i id.Job) (*Job, bool) { return v.jobs.get(i.ID) }

// Jobs yields all jobs by id.
func (v *View) Jobs() iter.Seq[*Job] { return v.jobs.values() }

// Group returns a placement group, also a removed one.
func (v *View) Group(i id.PlacementGroup) (*Group, bool) { return v.groups.get(i.ID) }

// GroupByName returns the placement group of that name.
func (v *View) GroupByName(namespace, groupName string) (*Group, error) {
	i, ok := v.groupNames.get(name{namespace, groupName})
	if !ok {
		return nil, &NotFound{"placement group", groupName + " in namespace " + namespace}
	}
	g, _ := v.groups.get(i.ID)
	return g, nil
}

// Groups returns all placement groups in order of creation.
func (v *View) Groups() []*Group {
	groups := slices.Collect(v.groups.values())
	slices.SortFunc(groups, func(a, b *Group) int { return cmp.Compare(a.Order, b.Order) })
	return groups
}

// Actor returns an actor, also a dead one.
func (v *View) Actor(i id.Actor) (*Actor, bool) { return v.actors.get(i.ID) }

// ActorByName returns the live actor of that name, or an *ActorNotFound.
func (v *View) ActorByName(namespace, actorName string) (*Actor, error) {
	i, ok := v.actorNames.get(name{namespace, actorName})
	if !ok {
		return nil, &ActorNotFound{namespace, actorName}
	}
	a, _ := v.actors.get(i.ID)
	return a, nil
}

// Actors yields all actors by id.
func (v *View) Actors() iter.Seq[*Actor] { return v.actors.values() }

// NamedActors yields the live named actors of a namespace by name, or with "" those of all namespaces.
func (v *View) NamedActors(namespace string) iter.Seq[*Actor] {
	return func(yield func(*Actor) bool) {
		for key, i := range v.actorNames.from(name{space: namespace}) {
			if namespace != "" && key.space != namespace {
				return
			}
			if a, _ := v.actors.get(i.ID); !yield(a) {
				return
			}
		}
	}
}

// ActorsOn yields what a node must run, by id. It must end every other actor that is registered, and every other epoch.
func (v *View) ActorsOn(node id.Node) iter.Seq[*Actor] {
	return func(yield func(*Actor) bool) {
		for a := range v.actors.values() {
			if a.Node == node && a.State == ActorAlive && !yield(a) {
				return
			}
		}
	}
}

// Submission returns a submitted job, also one that ended.
func (v *View) Submission(i string) (*Submission, bool) { return v.submissions.get(name{name: i}) }

// Submissions yields all submitted jobs by id.
func (v *View) Submissions() iter.Seq[*Submission] { return v.submissions.values() }

// SubmissionsOn yields the submitted jobs whose present attempt is a node's, by id. It must end every other one.
func (v *View) SubmissionsOn(node id.Node) iter.Seq[*Submission] {
	return func(yield func(*Submission) bool) {
		for s := range v.submissions.values() {
			if a := s.Current(); a != nil && a.Node == node && !yield(s) {
				return
			}
		}
	}
}

// Key returns an entry of the key-value store.
func (v *View) Key(namespace, key string) (*Key, bool) { return v.keys.get(name{namespace, key}) }

// Keys yields the entries of a namespace that begin with prefix, by key.
func (v *View) Keys(namespace, prefix string) iter.Seq[*Key] {
	return func(yield func(*Key) bool) {
		for at, k := range v.keys.from(name{namespace, prefix}) {
			if at.space != namespace || !strings.HasPrefix(at.name, prefix) || !yield(k) {
				return
			}
		}
	}
}

// User returns a user.
func (v *View) User(userName string) (*User, bool) { return v.users.get(name{name: userName}) }

// Users yields all users by name.
func (v *View) Users() iter.Seq[*User] { return v.users.values() }

// Tokens yields all join tokens by hash.
func (v *View) Tokens() iter.Seq[*Token] { return v.tokens.values() }

// Outstanding returns the work that the state asks for: groups to place, actors to start, actors to stop so that they restart, and
// submitted jobs to start and to stop. A new leader begins with it.
func (v *View) Outstanding() []Event {
	var work []Event
	for _, g := range v.Groups() {
		if g.State == GroupPending {
			work = append(work, g.wanted())
		}
	}
	for a := range v.actors.values() {
		if a.State == ActorPending || a.State == ActorRestarting {
			work = append(work, a.wanted())
		} else if a.Stopping {
			work = append(work, a.unwanted())
		}
	}
	for s := range v.submissions.values() {
		if s.State == JobPending {
			work = append(work, s.wanted())
		}
		if a := s.Current(); a != nil && s.Stopping {
			work = append(work, s.unwanted(a))
		}
	}
	return work
}
