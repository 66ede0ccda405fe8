package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"

	"mobula/cluster/driver"
	"mobula/cluster/wire"
	"mobula/cluster/worker"
	"mobula/internal/fault"
	"mobula/internal/id"
	"mobula/internal/program"
	"mobula/objstore/client"
)

// Config says which cluster to use, and for what.
type Config struct {
	Node      string // the address of the node's socket
	Program   program.Program
	Path      string   // the executable that workers run
	Args      []string // its arguments
	Env       []string // NAME=value, beside the node's own variables
	Job       id.Job   // zero: a new one
	Namespace string   // of named actors
	Build     string
	OnLog     func(wire.Log)
	OnPending func(reason string)
}

// Session is a program's part in a cluster.
type Session struct {
	conf   Config
	driver *driver.Driver
	store  *client.Client // nil where the node has none
	node   id.Node

	envs environments
}

// Connect joins a cluster.
func Connect(ctx context.Context, c Config) (*Session, error) {
	if c.Job.IsZero() {
		c.Job = id.New[id.Job]()
	}
	s := &Session{conf: c}
	values := map[string]string{}
	if c.Path != "" {
		values[wire.ValueProgram], values[wire.ValuePath] = c.Program.Digest(), c.Path
		for key, list := range map[string][]string{wire.ValueArgs: c.Args, wire.ValueEnv: c.Env} {
			if len(list) > 0 {
				text, err := json.Marshal(list)
				if err != nil {
					return nil, err
				}
				values[key] = string(text)
			}
		}
	}
	if err := s.join(ctx, values); err != nil {
		return nil, err
	}
	return s, nil
}

// join connects the driver, and the store that the node tells of.
func (s *Session) join(ctx context.Context, values map[string]string) error {
	c := driver.Config{
		Node: s.conf.Node, Job: s.conf.Job, Build: s.conf.Build, Values: maps.Clone(values), Part: s.conf.Program.Part, Hold: s.hold,
		LostObject: lostObject, DecodeError: s.decodeError, OnLog: s.conf.OnLog, OnPending: s.conf.OnPending,
	}
	d, err := driver.Connect(ctx, c)
	if err != nil {
		return err
	}
	s.driver = d
	hello := d.Node()
	if s.node, err = id.Parse[id.Node](hello[wire.ValueNode]); err != nil {
		d.Close()
		return fmt.Errorf("the node's id: %w", err)
	}
	if path := hello[wire.ValueStore]; path != "" && s.store == nil {
		if s.store, err = openStore(path); err != nil {
			d.Close()
			return fmt.Errorf("connect to the node's object store: %w", err)
		}
	}
	return nil
}

// Close ends everything that was submitted, and waits.
func (s *Session) Close() error {
	err := s.driver.Close()
	if s.store != nil {
		err = errors.Join(err, s.store.Close())
	}
	return err
}

// Job is the job of the session.
func (s *Session) Job() id.Job { return s.conf.Job }

// Namespace is that of named actors.
func (s *Session) Namespace() string { return s.conf.Namespace }

// Program is the code of the process.
func (s *Session) Program() program.Program { return s.conf.Program }

// Driver is the session's connection to its node.
func (s *Session) Driver() *driver.Driver { return s.driver }

// Err tells why the cluster is gone, nil before.
func (s *Session) Err() error { return s.driver.Err() }

var (
	processMu sync.Mutex
	process   *Session // of this process, outside tasks
)

// SetProcess makes s the session of the process. It fails where there is one that lives.
func SetProcess(s *Session) error {
	processMu.Lock()
	defer processMu.Unlock()
	if s != nil && process != nil && process.Err() == nil {
		return errors.New("this process is connected to a cluster already: close that connection first")
	}
	process = s
	return nil
}

// Process returns the session of the process, nil if it has none.
func Process() *Session {
	processMu.Lock()
	defer processMu.Unlock()
	return process
}

// Current returns the session of the calling goroutine: of its task, else the process's, which may be nil.
func Current() (*Session, error) {
	if t := worker.Current(); t != nil {
		if e, ok := t.Executor().(*executor); ok {
			return e.session(t.Job)
		}
	}
	return Process(), nil
}

// depth is that of the tasks that the calling goroutine submits.
func depth() int {
	if t := worker.Current(); t != nil {
		return int(t.Depth) + 1
	}
	return 0
}

var errNotConnected = &fault.DisconnectedError{Reason: "there is no connection to a cluster"}
