package session

import (
	"context"
	"os"
	"path/filepath"

	"mobula/cluster/wire"
	"mobula/cluster/worker"
	"mobula/internal/id"
)

// ServeWorker serves drivers in this process until the node goes or ctx ends. own is the session by which its tasks start
// tasks where the process is also the driver; nil: one for each job.
func ServeWorker(ctx context.Context, c Config, w id.Worker, own func() *Session) error {
	if text := os.Getenv(wire.EnvClass); text != "" && own == nil {
		class, err := wire.ParseJSON[wire.Class]([]byte(text))
		if err != nil {
			return err
		}
		c.ProgramID = class.Program
	}
	e := &executor{conf: c, sessions: map[id.Job]*Session{}, process: own}
	defer e.close()
	if own == nil && os.Getenv(envFiles) != "" {
		s, err := e.session(id.Job{})
		if err != nil {
			return err
		}
		if err := s.enterFiles(filepath.Dir(c.Node)); err != nil {
			return err
		}
	}
	return worker.Run(ctx, worker.Config{Node: c.Node, Worker: w, Dir: filepath.Dir(c.Node), Build: c.Build, Executor: e, Own: own == nil})
}
