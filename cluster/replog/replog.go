// Package replog is the log of the heads' state, on disk and replicated by hashicorp/raft.
//
// # Usage
//
//	h, err := head.Start(ctx, head.Config{Dir: dir, Log: replog.In(dir, logger)})
//
// # Concurrency
//
// As statelog.Log: commands may be proposed from any goroutine, and are applied one at a time.
//
// # Testing
//
// The tests here run three logs over a network that can be cut; those of package head close heads, and start them again from their directories.
package replog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"

	"mobula/cluster/state"
	"mobula/cluster/statelog"
)

// Log is the state behind a replicated log.
type Log struct {
	state   *state.State
	raft    *raft.Raft
	self    statelog.Member
	close   func() error
	applied func(state.Result)
	logger  *slog.Logger
	live    atomic.Bool // this head leads, and old commands have been applied
	changed chan struct{}
	ended   chan struct{}
	watch   sync.WaitGroup

	mu   sync.Mutex // guards below
	lost chan struct{}
}

// A leader that is not heard from for the first of these times, at most twice that, is replaced; the others must agree that it is gone, so an election
// can take as long again. One that does not reach the others for the second ceases to lead. Heads that wait longer for a processor change leaders
// without need, which costs their clients a new connection.
const (
	electionTime  = 400 * time.Millisecond
	leaseTime     = 300 * time.Millisecond
	proposeTime   = 30 * time.Second
	memberTime    = 10 * time.Second
	networkTime   = 5 * time.Second
	keepSnapshots = 2
)

// firstID was the id of the only head, before there could be several.
const firstID = "head"

// In opens the log in a directory.
func In(dir string, logger *slog.Logger) statelog.Open {
	return func(c statelog.Config) (statelog.Log, error) {
		l, err := open(dir, logger, c)
		if err != nil {
			return nil, fmt.Errorf("open the log of the state: %w", err) // not a nil *Log
		}
		return l, nil
	}
}

func open(dir string, logger *slog.Logger, c statelog.Config) (*Log, error) {
	if dir == "" {
		return nil, errors.New("it needs a directory; a head without a Log keeps nothing")
	}
	out := lineLogger{logger}
	snapshots, err := raft.NewFileSnapshotStore(filepath.Join(dir, "raft"), keepSnapshots, out)
	if err != nil {
		return nil, err
	}
	logs, err := raftboltdb.New(raftboltdb.Options{Path: filepath.Join(dir, "raft", "log.db")})
	if err != nil {
		return nil, err
	}
	l := &Log{state: state.New(), applied: c.Applied, logger: logger, self: c.Self, changed: make(chan struct{}, 1), ended: make(chan struct{})}
	transport := newTransport(&l.self, c.Network, out)
	l.close = func() error { return errors.Join(transport.Close(), logs.Close()) }
	if err := l.start(c, logs, snapshots, transport, out); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

// start starts raft: as the first of its cluster, as what the disk says it is, or as one that waits to be added.
func (l *Log) start(c statelog.Config, logs *raftboltdb.BoltStore, snapshots raft.SnapshotStore, transport network, out io.Writer) error {
	exists, err := raft.HasExistingState(logs, logs, snapshots)
	if err != nil {
		return err
	}
	if l.self.ID == "" {
		l.self.ID = firstID
	}
	conf := l.config(out)
	if !exists && !c.Join {
		one := raft.Configuration{Servers: []raft.Server{{ID: conf.LocalID, Address: raft.ServerAddress(l.self.Address)}}}
		if err := raft.BootstrapCluster(conf, logs, logs, snapshots, transport, one); err != nil {
			return err
		}
	}
	if l.raft, err = raft.NewRaft(conf, (*machine)(l), logs, logs, snapshots, transport); err != nil {
		return err
	}
	seen := make(chan raft.Observation, 64)
	observer := raft.NewObserver(seen, false, ofOthers)
	l.raft.RegisterObserver(observer)
	l.watch.Go(func() { l.follow(seen) })
	members, err := l.Members()
	if err == nil && len(members) == 1 && members[0].ID == l.self.ID {
		l.watch.Go(func() { electAlone(transport, l.self) })
	}
	return nil
}

func (l *Log) config(out io.Writer) *raft.Config {
	conf := raft.DefaultConfig()
	conf.LocalID = raft.ServerID(l.self.ID)
	conf.HeartbeatTimeout, conf.ElectionTimeout, conf.LeaderLeaseTimeout = electionTime, electionTime, leaseTime
	conf.SnapshotThreshold = 4096
	conf.LogOutput, conf.LogLevel = out, "WARN"
	return conf
}

// follow notes when this head begins or ceases to lead, and which others it does not reach then.
func (l *Log) follow(seen <-chan raft.Observation) {
	away := map[raft.ServerID]bool{}
	for {
		select {
		case <-l.ended:
			return
		case o := <-seen:
			l.observe(o.Data, away)
		case <-l.raft.LeaderCh(): // true may follow true: it has led, and has not, between them
			clear(away)
			l.cease()
			select {
			case l.changed <- struct{}{}:
			default:
			}
		}
	}
}

// cease ends the present time of leading, if there is one.
func (l *Log) cease() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.live.Store(false)
	if l.lost != nil {
		close(l.lost)
		l.lost = nil
	}
}

// lookAgain is how often Lead looks whether this head leads after an attempt that failed.
const lookAgain = 50 * time.Millisecond

// Lead waits until this head leads and has applied all commands.
func (l *Log) Lead(ctx context.Context) (<-chan struct{}, error) {
	for {
		if err := context.Cause(ctx); err != nil {
			return nil, fmt.Errorf("wait for the log of the state: %w", err)
		}
		var again <-chan time.Time
		if l.raft.State() == raft.Leader {
			if lost := l.begin(); lost != nil {
				return lost, nil
			}
			again = time.After(lookAgain)
		}
		select {
		case <-l.changed:
		case <-again:
		case <-ctx.Done():
		}
	}
}

// begin begins a time of leading, nil if that does not succeed.
func (l *Log) begin() <-chan struct{} {
	lost := make(chan struct{})
	l.mu.Lock()
	l.lost = lost
	l.mu.Unlock()
	if l.raft.Barrier(proposeTime).Error() != nil {
		l.cease()
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost != lost {
		return nil // it has ceased again
	}
	l.live.Store(true)
	return lost
}

// View is the state after the commands so far.
func (l *Log) View() *state.View { return l.state.View() }

// Snapshot has the state written down, so that the commands before it need not be kept.
func (l *Log) Snapshot() error { return l.raft.Snapshot().Error() }

// Close ends it; what was applied is on disk.
func (l *Log) Close() error {
	err := l.raft.Shutdown().Error()
	close(l.ended)
	l.watch.Wait()
	l.cease()
	return errors.Join(err, l.close())
}

// outcome is what applying a command gives to its proposer.
type outcome struct {
	value any
	err   error
}

// Propose has a command replicated and applied.
func (l *Log) Propose(c state.Command) (any, error) {
	data, err := state.Encode(c)
	if err != nil {
		return nil, err
	}
	future := l.raft.Apply(data, proposeTime)
	if err := future.Error(); err != nil {
		return nil, l.failed("write to the log", err)
	}
	out, ok := future.Response().(outcome)
	if !ok {
		return nil, fmt.Errorf("the head's log answers with a %T", future.Response())
	}
	return out.value, out.err
}

// Verify asks the other heads whether this one still leads.
func (l *Log) Verify() error {
	if err := l.raft.VerifyLeader().Error(); err != nil {
		return l.failed("read the state", err)
	}
	return nil
}

// failed is the error of what only a leader can do. Where it leads no more, that is noted at once.
func (l *Log) failed(what string, err error) error {
	switch {
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipLost), errors.Is(err, raft.ErrLeadershipTransferInProgress), errors.Is(err, raft.ErrAbortedByRestore), errors.Is(err, raft.ErrRaftShutdown):
		l.cease()
		return fmt.Errorf("%s: %w (%w)", what, statelog.ErrNotLeader, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
