package state

import (
	"fmt"

	"mobula/internal/id"
)

// UnknownCommand tells that the log holds a command that this head cannot apply and may not skip. The head must stop.
type UnknownCommand struct {
	Kind    Kind
	Version uint8
	Known   uint8 // the newest version of that kind that this head knows; 0 for none
}

// Error says what to do.
func (e *UnknownCommand) Error() string {
	return fmt.Sprintf("command type %d version %d is from a newer head (known here: version %d): stop this head and upgrade it", e.Kind, e.Version, e.Known)
}

// DamagedCommand tells that a command cannot be read. It changed nothing.
type DamagedCommand struct{ Name, What string }

// Error says what cannot be read.
func (e *DamagedCommand) Error() string { return fmt.Sprintf("damaged command %s: %s", e.Name, e.What) }

// OutOfOrder tells that a command's index is not after the last one. It changed nothing.
type OutOfOrder struct{ Index, Applied uint64 }

// Error names both indexes.
func (e *OutOfOrder) Error() string {
	return fmt.Sprintf("command %d comes after command %d was applied", e.Index, e.Applied)
}

// Invalid tells that a field of a command is not allowed.
type Invalid struct{ Field, Want string }

// Error says what is allowed.
func (e *Invalid) Error() string { return fmt.Sprintf("%s must be %s", e.Field, e.Want) }

// NotFound tells that there is no such node, job, group, actor, key, user or token.
type NotFound struct {
	What string
	Name string
}

// Error names what is not there.
func (e *NotFound) Error() string {
	return fmt.Sprintf("there is no %s %s: it was removed, or never created", e.What, e.Name)
}

// Stale tells that a message is from an earlier life of a node or actor, or about an earlier placement of a group.
type Stale struct {
	What string
	Got  uint64
	Now  uint64
}

// Error says what to do.
func (e *Stale) Error() string {
	return fmt.Sprintf("%s is at epoch %d and the message is of epoch %d: stop what belongs to the old one, and look again", e.What, e.Now, e.Got)
}

// WrongState tells that something cannot be done to a thing in its state.
type WrongState struct{ What, State, Op string }

// Error names thing, state and operation.
func (e *WrongState) Error() string {
	return fmt.Sprintf("%s is %s: it cannot %s", e.What, e.State, e.Op)
}

// TooEarly tells that an actor must not be started yet: its former node may still run it.
type TooEarly struct {
	Actor     id.Actor
	NotBefore int64 // milliseconds since 1970
}

// Error says when.
func (e *TooEarly) Error() string {
	return fmt.Sprintf("actor %s may run elsewhere until its former node's lease ends: start it not before %d", e.Actor.Short(), e.NotBefore)
}

// ActorAlreadyExists tells that a live actor has the name.
type ActorAlreadyExists struct {
	Namespace, Name string
	Actor           id.Actor
}

// Error says what can be done.
func (e *ActorAlreadyExists) Error() string {
	return fmt.Sprintf("an actor named %q exists in namespace %q: use it (get if exists), kill it, or choose another name", e.Name, e.Namespace)
}

// ActorNotFound tells that no live actor has the name.
type ActorNotFound struct{ Namespace, Name string }

// Error lists the usual causes.
func (e *ActorNotFound) Error() string {
	return fmt.Sprintf("no actor named %q in namespace %q: either it was never created, or it died, or it is in another namespace "+
		"(without one of its own, each job has a private namespace: give both jobs the same)", e.Name, e.Namespace)
}

// GroupAlreadyExists tells that a placement group has the name.
type GroupAlreadyExists struct {
	Namespace, Name string
	Group           id.PlacementGroup
}

// Error says what can be done.
func (e *GroupAlreadyExists) Error() string {
	return fmt.Sprintf("a placement group named %q exists in namespace %q: use it, remove it, or choose another name", e.Name, e.Namespace)
}

// SubmissionAlreadyExists tells that a submitted job has the id.
type SubmissionAlreadyExists struct {
	ID    string
	State JobState
}

// Error says what can be done.
func (e *SubmissionAlreadyExists) Error() string {
	return fmt.Sprintf("a job with the id %s exists, and it is %s: choose another id, leave it out, or delete that job when it has ended", e.ID, e.State)
}

// KeyChanged tells that a key does not have the version that a command counts on.
type KeyChanged struct {
	Namespace, Key string
	Want, Have     uint64 // 0 for none
}

// Error says what to do.
func (e *KeyChanged) Error() string {
	return fmt.Sprintf("key %q in namespace %q has version %d and not %d: read it again", e.Key, e.Namespace, e.Have, e.Want)
}

// TokenRefused tells that a join token is not valid any more.
type TokenRefused struct{ Why string }

// Error says what to do.
func (e *TokenRefused) Error() string { return "the join token " + e.Why + ": ask for a new one" }
