package interp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"

	"mobula/cluster/sched"
	"mobula/cluster/wire"
	"mobula/internal/frame"
	"mobula/interp/clusterproc"
	"mobula/interp/hostrpc"
)

// Clusters is an Engine whose cells can run tasks on a cluster.
type Clusters interface {
	// ConnectCluster has the tasks of cells go to the cluster of a node, by the address of its socket. With "" it is the notebook's own, which
	// is started if it does not run.
	ConnectCluster(ctx context.Context, cell int, address string) (ClusterStatus, error)
	// ClusterStatus tells about the cluster that cells use; false where they use none.
	ClusterStatus(ctx context.Context) (ClusterStatus, bool, error)
	// StopCluster leaves the cluster, and ends it if it is the notebook's own. False where cells use none.
	StopCluster(ctx context.Context) (bool, error)
}

// ClusterStatus is the state of a cluster.
type ClusterStatus struct {
	Address string
	Own     bool // it is the notebook's own
	Node    string
	Total   sched.Resources
	Free    sched.Resources
	Workers int
	Waiting int // slots that are wanted and not given
	Store   *StoreUse
	Tasks   []TaskCount
}

// StoreUse is how full an object store is, in bytes.
type StoreUse struct {
	Used     int64 `json:"Busy"` // see objstore.Stats
	Capacity int64
}

// TaskCount says how many tasks of a name are in a state.
type TaskCount struct {
	Name  string `json:"name"`
	State string `json:"state"`
	Count int    `json:"tasks"`
}

// clusters is what a session knows of its cluster.
type clusters struct {
	command func(config []byte) ([]string, error) // that runs an embedded cluster

	mu      sync.Mutex // guards below; held while a cluster starts
	own     *clusterproc.Cluster
	started []string // the command of own
	address string   // of a cluster that the user has named
}

// errNoCluster is the error of engines that cannot ship code.
var errNoCluster = errors.New("only compiled cells can run tasks on a cluster: a Go toolchain is missing, or %engine yaegi was chosen")

// where returns the address of the cluster, starting one where there is none.
func (c *clusters) where(ctx context.Context, options []byte, dir string, env []string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.address != "" {
		return c.address, nil
	}
	command, special, err := c.wanted(options)
	if err != nil {
		return "", err
	}
	if c.own != nil && c.own.Err() == nil {
		if !special || slices.Equal(command, c.started) {
			return c.own.Address(), nil
		}
		_ = c.own.Close() // the session has left it, and wants another
	}
	own, err := clusterproc.Start(ctx, clusterproc.Config{Command: command, Dir: dir, Env: shortTemp(env)})
	if err != nil {
		return "", err
	}
	c.own, c.started = own, command
	return own.Address(), nil
}

// wanted returns the command of an embedded cluster; special says that the options ask for more than the usual one.
func (c *clusters) wanted(options []byte) (command []string, special bool, err error) {
	if c.command == nil {
		return nil, false, nil
	}
	usual, err := c.command(nil)
	if err != nil || len(options) == 0 {
		return usual, false, err
	}
	command, err = c.command(options)
	return command, !slices.Equal(command, usual), err
}

// maxTemp is how long the name of the folder for temporary files may be, in bytes: a node makes a folder for sockets in there, and
// the name of a socket has at most 107.
const maxTemp = 40

// shortTemp is an environment in which sockets can be made.
func shortTemp(env []string) []string {
	if len(lookupEnv(env, "TMPDIR")) <= maxTemp {
		return env
	}
	return append(slices.Clone(env), "TMPDIR=/tmp")
}

// current returns the address of the cluster in use, "" for none.
func (c *clusters) current() (address string, own bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.address != "" {
		return c.address, false
	}
	if c.own != nil && c.own.Err() == nil {
		return c.own.Address(), true
	}
	return "", false
}

// leave ends the cluster, or forgets the one that the user has named.
func (c *clusters) leave() error {
	c.mu.Lock()
	own := c.own
	c.own, c.address = nil, ""
	c.mu.Unlock()
	if own == nil {
		return nil
	}
	return own.Close()
}

func (c *clusters) use(address string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.address = address
}

// answerAddress tells the host where the cluster is.
func (s *Session) answerAddress(q *hostrpc.AddressRequest) {
	reply := &hostrpc.Address{Token: q.Token}
	address, err := s.clusters.where(s.life, q.Config, s.Dir(), s.Environ())
	if reply.Address = address; err != nil {
		reply.Err = err.Error()
	}
	s.mu.Lock()
	proc := s.state.proc
	s.mu.Unlock()
	if proc != nil {
		_ = proc.Tell(&hostrpc.Request{Address: reply}) // a host that is gone waits for nothing
	}
}

// ConnectCluster has cells use a cluster.
func (s *Session) ConnectCluster(ctx context.Context, cell int, address string) (ClusterStatus, error) {
	if err := s.lock(ctx); err != nil {
		return ClusterStatus{}, err
	}
	defer s.unlock()
	if err := s.ready(ctx, cell); err != nil {
		return ClusterStatus{}, err
	}
	if address != "" {
		if _, err := queryNode(ctx, address); err != nil { // before the one in use is left
			return ClusterStatus{}, err
		}
		if err := s.leave(ctx); err != nil {
			return ClusterStatus{}, err
		}
		s.clusters.use(address)
	}
	where, err := s.clusters.where(ctx, nil, s.Dir(), s.Environ())
	if err != nil {
		return ClusterStatus{}, err
	}
	if _, fault := s.call(ctx, Cell{Number: cell}, &hostrpc.Request{Cluster: &hostrpc.Cluster{Address: where}}); fault != nil {
		return ClusterStatus{}, errors.New(fault.Value)
	}
	return s.clusterStatus(ctx)
}

// leave has the host leave its cluster, and ends the notebook's own; the queue's token is held.
func (s *Session) leave(ctx context.Context) error {
	s.mu.Lock()
	proc := s.state.proc
	s.mu.Unlock()
	var err error
	if proc != nil {
		if _, fault := s.call(ctx, Cell{}, &hostrpc.Request{Cluster: &hostrpc.Cluster{}}); fault != nil {
			err = errors.New(fault.Value)
		}
	}
	return errors.Join(err, s.clusters.leave())
}

// StopCluster leaves the cluster.
func (s *Session) StopCluster(ctx context.Context) (bool, error) {
	if address, _ := s.clusters.current(); address == "" {
		return false, nil
	}
	if err := s.lock(ctx); err != nil {
		return false, err
	}
	defer s.unlock()
	return true, s.leave(ctx)
}

// ClusterStatus asks the node of the cluster in use.
func (s *Session) ClusterStatus(ctx context.Context) (ClusterStatus, bool, error) {
	if address, _ := s.clusters.current(); address == "" {
		return ClusterStatus{}, false, nil
	}
	st, err := s.clusterStatus(ctx)
	return st, true, err
}

func (s *Session) clusterStatus(ctx context.Context) (ClusterStatus, error) {
	address, own := s.clusters.current()
	st, err := queryNode(ctx, address)
	st.Address, st.Own = address, own
	return st, err
}

// queryNode asks a node about itself and its tasks.
func queryNode(ctx context.Context, address string) (ClusterStatus, error) {
	stream, err := (&net.Dialer{}).DialContext(ctx, "unix", address)
	if err != nil {
		return ClusterStatus{}, fmt.Errorf("connect to the node at %s: %w", address, err)
	}
	conn := frame.New(stream)
	defer conn.Abort()
	if _, _, err := conn.Handshake(ctx, frame.Hello{Role: wire.RoleCLI, PID: os.Getpid()}); err != nil {
		return ClusterStatus{}, fmt.Errorf("connect to the node at %s: %w", address, err)
	}
	var st ClusterStatus
	var node struct {
		Name    string          `json:"name"`
		Total   sched.Resources `json:"total"`
		Free    sched.Resources `json:"free"`
		Workers int             `json:"workers"`
		Waiting int             `json:"waiting"`
	}
	var memory struct {
		Store *StoreUse `json:"store"`
	}
	questions := []struct {
		what string
		into any
	}{{"node", &node}, {"task-summary", &st.Tasks}, {"memory", &memory}}
	for i, q := range questions {
		if err := conn.Send(wire.KindQuery, wire.JSON(wire.Query{Request: uint64(i + 1), What: q.what})); err != nil {
			return st, err
		}
	}
	stop := context.AfterFunc(ctx, conn.Abort)
	defer stop()
	answered := 0
	err = conn.Serve(func(kind byte, body []byte) error {
		if kind != wire.KindAnswer {
			return nil
		}
		m, err := wire.ParseJSON[wire.Answer](body)
		if err != nil || m.Request == 0 || int(m.Request) > len(questions) {
			return errors.Join(err, errors.New("a node has answered what was not asked"))
		}
		if m.Error == "" {
			err = json.Unmarshal(m.Data, questions[m.Request-1].into)
		} else {
			err = errors.New(m.Error)
		}
		if answered++; err == nil && answered == len(questions) {
			err = errAnswered
		}
		return err
	})
	if !errors.Is(err, errAnswered) {
		return st, fmt.Errorf("ask the node at %s: %w", address, err)
	}
	st.Node, st.Total, st.Free, st.Workers, st.Waiting, st.Store = node.Name, node.Total, node.Free, node.Workers, node.Waiting, memory.Store
	return st, nil
}

// errAnswered ends the conversation with a node.
var errAnswered = errors.New("answered")

var (
	_ Clusters = (*Session)(nil)
	_ Clusters = (*Notebook)(nil)
)

// compiled returns the session, unless cells are interpreted.
func (n *Notebook) compiled() (*Session, error) {
	if n.engine() != Engine(n.session) {
		return nil, errNoCluster
	}
	return n.session, nil
}

// ConnectCluster has cells use a cluster.
func (n *Notebook) ConnectCluster(ctx context.Context, cell int, address string) (ClusterStatus, error) {
	if err := n.ready(ctx, cell); err != nil {
		return ClusterStatus{}, err
	}
	s, err := n.compiled()
	if err != nil {
		return ClusterStatus{}, err
	}
	return s.ConnectCluster(ctx, cell, address)
}

// ClusterStatus tells about the cluster that cells use.
func (n *Notebook) ClusterStatus(ctx context.Context) (ClusterStatus, bool, error) {
	s, err := n.compiled()
	if err != nil {
		return ClusterStatus{}, false, err
	}
	return s.ClusterStatus(ctx)
}

// StopCluster leaves the cluster.
func (n *Notebook) StopCluster(ctx context.Context) (bool, error) {
	s, err := n.compiled()
	if err != nil {
		return false, err
	}
	return s.StopCluster(ctx)
}
