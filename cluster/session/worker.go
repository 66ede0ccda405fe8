package session

import (
	"context"
	"path/filepath"

	"mobula/cluster/worker"
	"mobula/internal/id"
)

// ServeWorker serves drivers in this process until the node goes or ctx ends. own is the session by which its tasks start
// tasks where the process is also the driver; nil: one for each job.
func ServeWorker(ctx context.Context, c Config, w id.Worker, own func() *Session) error {
	e := &executor{conf: c, sessions: map[id.Job]*Session{}, process: own}
	defer e.close()
	return worker.Run(ctx, worker.Config{Node: c.Node, Worker: w, Dir: filepath.Dir(c.Node), Build: c.Build, Executor: e})
}
