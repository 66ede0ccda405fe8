package statelog

import (
	"bytes"
	"context"
	"errors"
	"sync"

	"mobula/cluster/state"
)

type local struct {
	state   *state.State
	applied func(state.Result)

	mu    sync.Mutex // orders commands
	index uint64
}

// Local is a Log of this process alone: it keeps nothing, and always leads.
func Local(c Config) (Log, error) { return &local{state: state.New(), applied: c.Applied}, nil }

var errAlone = errors.New("this head keeps its state in memory, where no other one can have a part of it")

func (*local) Lead(ctx context.Context) (<-chan struct{}, error) {
	return make(chan struct{}), context.Cause(ctx)
}

func (*local) Leader() (Member, bool) { return Member{Leads: true, Self: true}, true }

// Propose writes the command down and reads it again, as a log does that others read.
func (l *local) Propose(c state.Command) (any, error) {
	data, err := state.Encode(c)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.index++
	result, err := l.state.Apply(l.index, data)
	if err != nil {
		return nil, err
	}
	l.applied(result)
	return result.Value, nil
}

func (*local) Verify() error { return nil }

func (l *local) View() *state.View { return l.state.View() }

func (*local) Members() ([]Member, error) { return []Member{{Leads: true, Self: true}}, nil }

func (*local) Add(Member) error { return errAlone }

func (*local) Remove(string) error { return errAlone }

func (l *local) Restore(snapshot []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.state.Restore(bytes.NewReader(snapshot))
	l.index = max(l.index, l.state.View().Index())
	return err
}

func (*local) Transfer() error { return errAlone }

func (*local) Close() error { return nil }
