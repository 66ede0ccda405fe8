package mobula

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"mobula/cluster/session"
	"mobula/cluster/wire"
)

// Config says which cluster to use. The zero value is an embedded one of this machine.
type Config struct {
	// Address is that of a node of a running cluster: the path of its socket, as mobula status shows it. Empty: the node that the environment
	// variable MOBULA_ADDRESS names, as in a job that was submitted, or else an embedded cluster, which ends with this process, or with the notebook.
	Address string
	// InProcess runs tasks as goroutines of this process, without other processes. Env and WorkingDir mean nothing then.
	InProcess bool
	// Namespace is that of named actors and placement groups. Empty: the job's own, so that those of two runs do not meet; name one to find in
	// a later run what an earlier one left with Detached.
	Namespace string
	// Env has variables of the environment of workers, beside the node's.
	Env map[string]string
	// WorkingDir is a folder whose files the workers get a copy of as their working directory, on every node; at most 512 MB, without .git, links
	// that lead out of it, and what its .gitignore and .mobulaignore files exclude. Empty: workers are where their node was started.
	WorkingDir string

	// The following are of an embedded cluster.

	CPUs      float64            // 0: those of this process
	GPUs      int                // simulated ones; 0: those that are found
	Memory    int64              // bytes that tasks may ask for; 0: the machine's
	Store     int64              // bytes of the object store; 0: 30 % of the memory that is left, as Ray
	Resources map[string]float64 // custom ones
	Labels    map[string]string  // of the node

	// OnLog gets what tasks write; nil: it goes to stdout and stderr, each line with the worker's pid, and the task's name where it is known.
	OnLog func(Log) `json:"-"`
	// OnPending hears why tasks wait, and "" when they no longer do; nil: it goes to the standard logger.
	OnPending func(reason string) `json:"-"`
}

// session is what the sessions of programs and notebooks have in common.
func (c *Config) session(node string) session.Config {
	sc := session.Config{Node: node, Namespace: c.Namespace, Files: c.WorkingDir, OnLog: c.OnLog, OnPending: c.OnPending}
	for _, name := range slices.Sorted(maps.Keys(c.Env)) {
		sc.Env = append(sc.Env, name+"="+c.Env[name])
	}
	return sc
}

// Log is text that a task wrote.
type Log = wire.Log

var (
	connecting sync.Mutex
	disconnect func() error // ends the cluster of this process's session
)

// Connect joins a cluster, or starts an embedded one. A process has one connection at a time.
func Connect(ctx context.Context, c Config) error {
	connecting.Lock()
	defer connecting.Unlock()
	if s := session.Process(); s != nil && s.Err() == nil {
		return errors.New("this process is connected already: call Close first")
	}
	return connect(ctx, c)
}

// connect opens a session; connecting is held.
func connect(ctx context.Context, c Config) error {
	for name, n := range map[string]float64{"CPUs": c.CPUs, "GPUs": float64(c.GPUs), "Memory": float64(c.Memory), "Store": float64(c.Store)} {
		if n < 0 {
			return fmt.Errorf("mobula.Config: %s is %v: it cannot be negative", name, n)
		}
	}
	s, end, err := open(ctx, c)
	if err != nil {
		return fmt.Errorf("connect to a cluster: %w", err)
	}
	if err := session.SetProcess(s); err != nil {
		return errors.Join(err, end())
	}
	disconnect = end
	return nil
}

// Close ends the connection, and an embedded cluster with it. Tasks that have not ended fail.
func Close() error {
	connecting.Lock()
	defer connecting.Unlock()
	if disconnect == nil {
		return nil
	}
	err := disconnect()
	disconnect = nil
	return errors.Join(err, session.SetProcess(nil))
}

// current returns the session of the calling goroutine; the first use connects.
func current() (*session.Session, error) {
	s, err := session.Current()
	if err != nil || s != nil {
		return s, err
	}
	connecting.Lock()
	defer connecting.Unlock()
	if s := session.Process(); s != nil {
		return s, nil
	}
	ctx, leave := session.Interruptible(context.Background())
	defer leave()
	if err := connect(ctx, Config{}); err != nil {
		return nil, err
	}
	return session.Process(), nil
}
