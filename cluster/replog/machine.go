package replog

import (
	"errors"
	"io"

	"github.com/hashicorp/raft"

	"mobula/cluster/state"
)

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
