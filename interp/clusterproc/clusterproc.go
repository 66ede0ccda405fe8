// Package clusterproc supervises the cluster of a notebook: child processes of the kernel, one with the head and the first node, and one for each
// further node. It starts them, finds their addresses, and ends them. Each ends by itself when its standard input does, however the kernel has
// ended.
//
// A child says where its node is by one line of JSON on its standard output, a Ready; nothing is written to its standard input.
//
// # Usage
//
//	c, err := clusterproc.Start(ctx, clusterproc.Config{Command: []string{"mobula", "start", "--head", "--embedded"}})
//	connect(c.Address())
//	defer c.Close()
//
// # Concurrency
//
// All methods may be called from any goroutine; Grow and Shrink wait for each other.
//
// # Testing
//
// The test binary stands for the children.
package clusterproc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
)

// Config says how to start a cluster.
type Config struct {
	Command []string // the program of the head and the first node, and its arguments
	// NodeCommand is that of a further node of a head, which gets the token to join by in its environment; nil: there can be none.
	NodeCommand func(head string) ([]string, error)
	Dir         string
	Env         []string
}

// EnvToken names the variable by which a node gets the token to join by.
const EnvToken = "MOBULA_TOKEN"

// Ready is what a child says when it can be used.
type Ready struct {
	Address string `json:"address"` // of its node's socket
	Node    string `json:"node,omitempty"`
	PID     int    `json:"pid"`
	Head    string `json:"head,omitempty"` // where further nodes join, with the token Join
	Join    string `json:"join,omitempty"`
}

// Cluster is a running cluster.
type Cluster struct {
	conf Config
	head *child

	scaling sync.Mutex // held while nodes come and go
	mu      sync.Mutex // guards below
	nodes   []*child   // the further ones, as they came
}

// Start starts a cluster and waits until it is ready.
func Start(ctx context.Context, c Config) (*Cluster, error) {
	if len(c.Command) == 0 {
		return nil, errors.New("start a cluster: this kernel has no program for it; connect to one that runs: %cluster connect ADDRESS")
	}
	head, err := startChild(ctx, c.Command, c.Dir, c.Env)
	if err != nil {
		return nil, fmt.Errorf("start a cluster: %w", err)
	}
	return &Cluster{conf: c, head: head}, nil
}

// Address is that of the first node's socket.
func (x *Cluster) Address() string { return x.head.ready.Address }

// PID is the process of the head and the first node.
func (x *Cluster) PID() int { return x.head.cmd.Process.Pid }

// Done is closed when that process has ended.
func (x *Cluster) Done() <-chan struct{} { return x.head.done }

// Err tells how that process has ended, nil while it runs.
func (x *Cluster) Err() error { return x.head.err() }

// Log is the end of what its processes have said, the first one's before the others'.
func (x *Cluster) Log() string {
	var text strings.Builder
	text.WriteString(x.head.tail.all())
	for _, n := range x.running() {
		text.WriteString(n.tail.all())
	}
	return text.String()
}

// running are the further nodes whose processes have not ended.
func (x *Cluster) running() []*child {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.nodes = slices.DeleteFunc(x.nodes, func(n *child) bool { return n.err() != nil })
	return slices.Clone(x.nodes)
}

// Nodes is how many nodes there are.
func (x *Cluster) Nodes() int { return 1 + len(x.running()) }

// Grow starts a further node and waits until it has joined.
func (x *Cluster) Grow(ctx context.Context) error {
	x.scaling.Lock()
	defer x.scaling.Unlock()
	r := x.head.ready
	if x.conf.NodeCommand == nil || r.Head == "" {
		return errors.New("this cluster takes no further nodes: its head does not listen")
	}
	env := x.conf.Env
	if env == nil {
		env = os.Environ()
	}
	command, err := x.conf.NodeCommand(r.Head)
	if err != nil {
		return fmt.Errorf("start a node: %w", err)
	}
	n, err := startChild(ctx, command, x.conf.Dir, append(slices.Clone(env), EnvToken+"="+r.Join))
	if err != nil {
		return fmt.Errorf("start a node: %w", err)
	}
	x.mu.Lock()
	x.nodes = append(x.nodes, n)
	x.mu.Unlock()
	return nil
}

// Shrink ends the node that came last, after drain, which gets its id, has had it give its work up. With the first one alone it does nothing.
func (x *Cluster) Shrink(ctx context.Context, drain func(ctx context.Context, node string) error) error {
	x.scaling.Lock()
	defer x.scaling.Unlock()
	nodes := x.running()
	if len(nodes) == 0 {
		return nil
	}
	last := nodes[len(nodes)-1]
	if err := drain(ctx, last.ready.Node); err != nil {
		return fmt.Errorf("end a node: %w", err)
	}
	last.close()
	return nil
}

// Close ends all processes and waits for them.
func (x *Cluster) Close() error {
	var all sync.WaitGroup
	for _, n := range x.running() {
		all.Go(n.close)
	}
	all.Go(x.head.close)
	all.Wait()
	return nil
}
