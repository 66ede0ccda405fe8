//go:build !mobulahost

package mobula

import (
	"context"
	"fmt"
	"os"

	"mobula/cluster/session"
	"mobula/cluster/wire"
	"mobula/internal/program"
)

// A process that a node has started as a worker serves tasks instead of running its main.
func init() {
	if os.Getenv(wire.EnvWorker) == "" {
		return
	}
	if err := takeOver(serve); err != nil {
		fmt.Fprintln(os.Stderr, "mobula: start a worker:", err)
		os.Exit(1)
	}
}

func serve() {
	p, err := program.Executable()
	if err == nil {
		err = session.RunWorker(context.Background(), p, "")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mobula: worker:", err)
		os.Exit(1)
	}
}
