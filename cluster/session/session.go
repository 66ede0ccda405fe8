package session

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"

	"mobula/cluster/driver"
	"mobula/cluster/wire"
	"mobula/cluster/worker"
	"mobula/internal/id"
	"mobula/internal/program"
	"mobula/objstore/client"
)

// Config says which cluster to use, and for what.
type Config struct {
	Node      string // the address of the node's socket
	Program   program.Program
	ProgramID string   // of the program with its arguments, variables and files; made from them where it is empty
	Files     string   // the folder of the job's working files; "": workers are where the node is
	Path      string   // the executable that workers run
	Args      []string // its arguments
	Env       []string // NAME=value, beside the node's own variables
	Job       id.Job   // zero: a new one
	Namespace string   // of named actors
	Build     string
	OnLog     func(wire.Log)
	OnPending func(reason string)
	OnBusy    func(cell int) // see driver.Config
}

// Session is a program's part in a cluster.
type Session struct {
	conf   Config
	driver *driver.Driver
	store  *client.Client // nil where the node has none
	node   id.Node

	envs   environments
	arrays sharedArrays
}

// Connect joins a cluster.
func Connect(ctx context.Context, c Config) (*Session, error) {
	if c.Job.IsZero() {
		c.Job = id.New[id.Job]()
	}
	s := &Session{conf: c}
	if c.Files != "" { // they are put into the node's store before the program is registered
		if err := s.join(ctx, nil); err != nil {
			return nil, err
		}
		variable, err := s.sendFiles(ctx, c.Files)
		err = errors.Join(err, s.driver.Close())
		if err != nil {
			return nil, errors.Join(err, s.closeStore())
		}
		s.conf.Env = append(slices.Clone(c.Env), variable)
	}
	values, err := s.registration()
	if err == nil {
		err = s.join(ctx, values)
	}
	if err != nil {
		return nil, errors.Join(err, s.closeStore())
	}
	return s, nil
}

// registration tells the node which program the job's workers run; nothing where another has told it.
func (s *Session) registration() (map[string]string, error) {
	if s.conf.Path == "" {
		return nil, nil
	}
	values := map[string]string{wire.ValuePath: s.conf.Path}
	if job := os.Getenv(wire.EnvJob); job != "" {
		values[wire.ValueSubmission] = job
	}
	if s.conf.Namespace != "" {
		values[wire.ValueNamespace] = s.conf.Namespace
	}
	hash := sha256.New()
	fmt.Fprintln(hash, s.conf.Program.Digest())
	for _, l := range []struct {
		key  string
		list []string
	}{{wire.ValueArgs, s.conf.Args}, {wire.ValueEnv, s.conf.Env}} {
		if len(l.list) == 0 {
			continue
		}
		text, err := json.Marshal(l.list)
		if err != nil {
			return nil, err
		}
		values[l.key] = string(text)
		fmt.Fprintf(hash, "%s %s\n", l.key, text)
	}
	if s.conf.ProgramID == "" {
		s.conf.ProgramID = hex.EncodeToString(hash.Sum(nil)[:16])
	}
	values[wire.ValueProgram] = s.conf.ProgramID
	return values, nil
}

func (s *Session) closeStore() error {
	if s.store == nil {
		return nil
	}
	return leaveStore(s.store)
}

// join connects the driver, and the store that the node tells of.
func (s *Session) join(ctx context.Context, values map[string]string) error {
	c := driver.Config{
		Node: s.conf.Node, Job: s.conf.Job, Build: s.conf.Build, Values: maps.Clone(values), Part: s.conf.Program.Part, Hold: s.holdAll,
		LostObject: lostObject, DecodeError: s.decodeError, OnLog: s.conf.OnLog, OnPending: s.conf.OnPending, OnBusy: s.conf.OnBusy,
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
	return errors.Join(s.driver.Close(), s.closeStore())
}

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
