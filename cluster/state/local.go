package state

import (
	"context"
	"sync"
)

type local struct {
	state   *State
	applied func(Result)

	mu    sync.Mutex // orders commands
	index uint64
}

func (*local) Ready(context.Context) error { return nil }

// Propose writes the command down and reads it again, as a log does that others read.
func (l *local) Propose(c Command) (any, error) {
	data, err := Encode(c)
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

func (l *local) View() *View { return l.state.View() }

func (*local) Close() error { return nil }
