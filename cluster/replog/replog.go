// Package replog is the log of a head's state on disk, by hashicorp/raft.
//
// # Usage
//
//	h, err := head.Start(ctx, head.Config{Dir: dir, Log: replog.In(dir, logger)})
//
// # Concurrency
//
// As state.Log: commands may be proposed from any goroutine, and are applied one at a time.
//
// # Testing
//
// The tests of package head close heads and start them again from their directories.
package replog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"

	"mobula/cluster/state"
)

// Log is the state behind a replicated log.
type Log struct {
	state   *state.State
	raft    *raft.Raft
	close   func() error
	applied func(state.Result)
	live    atomic.Bool // old commands have been applied
}

// One voter needs nobody's answer: it is elected after the first of these times, at most twice that.
const (
	electionTime  = 30 * time.Millisecond
	proposeTime   = 30 * time.Second
	keepSnapshots = 2
)

// In opens the log in a directory.
func In(dir string, logger *slog.Logger) state.OpenLog {
	return func(applied func(state.Result)) (state.Log, error) {
		l, err := open(dir, logger, applied)
		if err != nil {
			return nil, err // not a nil *Log
		}
		return l, nil
	}
}

func open(dir string, logger *slog.Logger, applied func(state.Result)) (*Log, error) {
	if dir == "" {
		return nil, errors.New("open the log of the state: it needs a directory; a head without a Log keeps nothing")
	}
	conf := raft.DefaultConfig()
	conf.LocalID = "head"
	conf.HeartbeatTimeout, conf.ElectionTimeout, conf.LeaderLeaseTimeout = electionTime, electionTime, electionTime
	conf.CommitTimeout = 2 * time.Millisecond
	conf.SnapshotThreshold = 4096
	conf.LogOutput, conf.LogLevel = lineLogger{logger}, "WARN"
	l := &Log{state: state.New(), applied: applied}
	snapshots, err := raft.NewFileSnapshotStore(filepath.Join(dir, "raft"), keepSnapshots, conf.LogOutput)
	if err != nil {
		return nil, fmt.Errorf("open the snapshots of the state: %w", err)
	}
	logs, err := raftboltdb.New(raftboltdb.Options{Path: filepath.Join(dir, "raft", "log.db")})
	if err != nil {
		return nil, fmt.Errorf("open the log of the state: %w", err)
	}
	address, transport := raft.NewInmemTransport("head")
	exists, err := raft.HasExistingState(logs, logs, snapshots)
	if err == nil && !exists {
		one := raft.Configuration{Servers: []raft.Server{{ID: conf.LocalID, Address: address}}}
		err = raft.BootstrapCluster(conf, logs, logs, snapshots, transport, one)
	}
	if err == nil {
		l.raft, err = raft.NewRaft(conf, (*machine)(l), logs, logs, snapshots, transport)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the log of the state: %w", err), logs.Close())
	}
	l.close = func() error { return errors.Join(l.raft.Shutdown().Error(), transport.Close(), logs.Close()) }
	return l, nil
}

// Ready waits until this head leads and has applied all commands.
func (l *Log) Ready(ctx context.Context) error {
	for {
		select {
		case leads := <-l.raft.LeaderCh():
			if !leads {
				continue
			}
			if err := l.raft.Barrier(proposeTime).Error(); err != nil {
				return fmt.Errorf("apply the log of the state: %w", err)
			}
			l.live.Store(true)
			return nil
		case <-ctx.Done():
			return fmt.Errorf("wait for the log of the state: %w", context.Cause(ctx))
		}
	}
}

// View is the state after the commands so far.
func (l *Log) View() *state.View { return l.state.View() }

// Snapshot has the state written down, so that the commands before it need not be kept.
func (l *Log) Snapshot() error { return l.raft.Snapshot().Error() }

// Close ends it; what was applied is on disk.
func (l *Log) Close() error { return l.close() }

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
		return nil, fmt.Errorf("the head cannot write its log: %w", err)
	}
	out, ok := future.Response().(outcome)
	if !ok {
		return nil, fmt.Errorf("the head's log answers with a %T", future.Response())
	}
	return out.value, out.err
}

// machine is the state as raft sees it.
type machine Log

// Apply applies a command.
func (m *machine) Apply(entry *raft.Log) any {
	result, err := m.state.Apply(entry.Index, entry.Data)
	if e, ok := errors.AsType[*state.UnknownCommand](err); ok {
		panic(e) // going on would make this head differ from the others
	}
	if err == nil && m.live.Load() {
		m.applied(result)
	}
	return outcome{result.Value, err}
}

// Snapshot takes the state as it is.
func (m *machine) Snapshot() (raft.FSMSnapshot, error) { return snapshot{m.state.View()}, nil }

// Restore replaces the state.
func (m *machine) Restore(r io.ReadCloser) error {
	return errors.Join(m.state.Restore(r), r.Close())
}

type snapshot struct{ view *state.View }

// Persist writes the snapshot.
func (s snapshot) Persist(sink raft.SnapshotSink) error {
	if err := s.view.Encode(sink); err != nil {
		return errors.Join(err, sink.Cancel())
	}
	return sink.Close()
}

// Release does nothing: a view costs nothing.
func (snapshot) Release() {}

// lineLogger passes raft's lines on.
type lineLogger struct{ logger *slog.Logger }

// Write takes lines.
func (l lineLogger) Write(b []byte) (int, error) {
	for line := range bytes.Lines(b) {
		_, text, _ := strings.Cut(string(line), "[")
		if strings.HasPrefix(text, "ERROR") {
			l.logger.Error("raft", "line", strings.TrimSpace(text))
		} else {
			l.logger.Debug("raft", "line", strings.TrimSpace(text))
		}
	}
	return len(b), nil
}
