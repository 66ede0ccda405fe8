package mobula

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"mobula/cluster/session"
)

// Worker is a process that runs tasks.
type Worker struct {
	ID       WorkerID  `json:"worker"`
	PID      int       `json:"pid"`
	State    string    `json:"state"`
	Shared   bool      `json:"shared"`  // many tasks run in it at a time
	Devices  []string  `json:"devices"` // GPUs that it sees
	Started  time.Time `json:"started"`
	Resident int64     `json:"resident"` // bytes of memory
}

// Workers lists the worker processes of the node that this process is connected to.
func Workers(ctx context.Context) ([]Worker, error) { return query[[]Worker](ctx, "workers") }

// query asks the node for a list.
func query[T any](ctx context.Context, what string) (answer T, err error) {
	s, err := current()
	if err != nil {
		return answer, err
	}
	defer session.Blocked()()
	data, err := s.Driver().Query(ctx, what)
	if err != nil {
		return answer, fmt.Errorf("list %s: %w", what, err)
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return answer, fmt.Errorf("list %s: the node's answer: %w", what, err)
	}
	return answer, nil
}
