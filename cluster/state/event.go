package state

import (
	"fmt"

	"mobula/internal/id"
)

// EventKind is what an event tells.
type EventKind int

// Work for whoever leads, then notices of what changed.
const (
	StartActor      EventKind = iota + 1 // find a node for the actor and start it there, not before NotBefore
	StopActor                            // end the actor's life with this epoch on Node
	PlaceGroup                           // find nodes for the bundles that have none
	ReleaseGroup                         // release the group's bundles on Node
	StartSubmission                      // find a node for the next attempt, not before NotBefore; or have Node begin the one that it was given
	StopSubmission                       // end the attempt on Node
	NodeChanged
	JobChanged
	GroupChanged
	ActorChanged
	SubmissionChanged
)

var eventNames = [...]string{"", "start actor", "stop actor", "place group", "release group", "start submission", "stop submission", "node", "job", "group", "actor", "submission"}

// String names the kind.
func (k EventKind) String() string {
	if k < 0 || int(k) >= len(eventNames) {
		return "unknown"
	}
	return eventNames[k]
}

// Event is something that a command caused. Ids that do not matter are zero.
type Event struct {
	Kind       EventKind         `json:"-"`
	Node       id.Node           `json:"node,omitzero"`
	Job        id.Job            `json:"job,omitzero"`
	Group      id.PlacementGroup `json:"group,omitzero"`
	Actor      id.Actor          `json:"actor,omitzero"`
	Submission string            `json:"submission,omitzero"`
	Epoch      uint64            `json:"epoch,omitzero"`      // of the actor, generation of the group, or attempts of the submission
	NotBefore  int64             `json:"not_before,omitzero"` // milliseconds since 1970
	State      string            `json:"state,omitzero"`      // of what changed
	Reason     string            `json:"reason,omitzero"`
}

// Work reports whether something must be done.
func (e *Event) Work() bool { return e.Kind <= StopSubmission }

// String writes the event in one line.
func (e *Event) String() string {
	return fmt.Sprintf("%v node=%s job=%s group=%s actor=%s submission=%s epoch=%d %s %s",
		e.Kind, e.Node.Short(), e.Job.Short(), e.Group.Short(), e.Actor.Short(), e.Submission, e.Epoch, e.State, e.Reason)
}
