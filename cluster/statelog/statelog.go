// Package statelog says what a head drives its state by: a log that orders commands, applies them, and may keep them and agree on
// them with the logs of other heads. One head leads at a time, and only it proposes. Local is such a log of one process alone;
// package replog has the one that is kept and replicated.
//
// # Usage
//
//	log, err := statelog.Local(statelog.Config{Applied: func(state.Result) { ... }})
//	lost, err := log.Lead(ctx) // this head leads until lost is closed
//	value, err := log.Propose(command)
//
// # Concurrency
//
// All methods of a Log may be called from any goroutine, but Lead from one at a time. Applied is called in the order of the commands, from one
// goroutine at a time, and must not propose.
//
// # Testing
//
// The tests of packages head and replog use Local and the replicated one for the same things.
package statelog

import (
	"context"
	"errors"
	"net"
	"time"

	"mobula/cluster/state"
)

// ErrNotLeader is returned where another head leads, or this one has just ceased to: whether a command was applied is not known, then.
var ErrNotLeader = errors.New("this head does not lead the cluster")

// Log orders commands and applies them.
type Log interface {
	// Lead waits until this head leads and all earlier commands are applied. lost is closed when it does not lead any more.
	Lead(ctx context.Context) (lost <-chan struct{}, err error)
	// Leader is the head that leads as far as is known.
	Leader() (m Member, known bool)
	// Propose has a command applied, and returns its value, or its error.
	Propose(c state.Command) (any, error)
	// Verify returns nil if this head has led after the call began: what View returns then is the newest state.
	Verify() error
	// View is the state after the commands that this head has applied.
	View() *state.View
	// Members are the heads that agree on the log.
	Members() ([]Member, error)
	// Add makes a head a member, or notes its new address. Remove ends its membership. This head must lead.
	Add(m Member) error
	Remove(id string) error
	// Restore replaces the state by that of a snapshot, of this cluster or another one. This head must lead.
	Restore(snapshot []byte) error
	// Transfer has another member lead, the one with the most of the log.
	Transfer() error
	// Close ends it. The head stays a member.
	Close() error
}

// Member is a head as others know it.
type Member struct {
	ID      string
	Address string // host:port
	Leads   bool
	Self    bool
}

// Config says whose log it is.
type Config struct {
	// Applied hears what commands have caused that are applied while this head leads.
	Applied func(state.Result)
	// Self is this head. Network is how it reaches the others; without one it is the only head there can be.
	Self    Member
	Network Network
	// Join is for a head that others add to theirs: it does not begin a log of its own.
	Join bool
}

// Network carries what logs say to each other. Its connections are authenticated.
type Network interface {
	net.Listener
	Dial(address string, timeout time.Duration) (net.Conn, error)
}

// Open opens a log.
type Open func(c Config) (Log, error)
