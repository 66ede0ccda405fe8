package interp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"mobula/cluster/headclient"
	"mobula/cluster/headwire"
	"mobula/cluster/node"
	"mobula/cluster/sched"
	"mobula/cluster/wire"
	"mobula/internal/id"
	"mobula/interp/clusterproc"
	"mobula/interp/hostrpc"
	"mobula/objstore"
)

// Clusters is an Engine whose cells can run tasks on a cluster.
type Clusters interface {
	// ConnectCluster has the tasks of cells go to the cluster of a node of this machine, by the address of its socket. With "" it is the notebook's own,
	// which is started if it does not run. Where cells use that cluster already nothing changes.
	ConnectCluster(ctx context.Context, cell int, address string) (ClusterStatus, error)
	// ClusterStatus tells about the cluster that cells use; false where they use none.
	ClusterStatus(ctx context.Context) (ClusterStatus, bool, error)
	// StopCluster leaves the cluster, and ends it if it is the notebook's own. It returns the address of the cluster; "" where cells use none.
	StopCluster(ctx context.Context) (address string, own bool, err error)
}

// ClusterStatus is the state of a cluster.
type ClusterStatus struct {
	Address string
	Own     bool   // it is the notebook's own
	Node    string // that cells reach it through
	Nodes   int    // that are not dead; figures without another word are of all of them
	Total   sched.Resources
	Free    sched.Resources
	Workers int
	Store   *objstore.Stats  // of the node that cells use, nil where it has none
	Tasks   []node.TaskCount // that were submitted through this node

	id id.Node // of Node
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
	own, err := clusterproc.Start(ctx, clusterproc.Config{Command: command, Dir: dir, Env: env})
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

// ended tells why the notebook's own cluster has ended, nil where it has not, or cells use another.
func (c *clusters) ended() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.own == nil || c.address != "" {
		return nil
	}
	return c.own.Err()
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
		if _, err := askCluster(ctx, address); err != nil { // before the one in use is left
			return ClusterStatus{}, err
		}
	}
	if now, own := s.clusters.current(); now != address && (address != "" || !own) {
		if now != "" {
			if err := s.leave(ctx); err != nil {
				return ClusterStatus{}, err
			}
		}
		s.clusters.use(address)
	}
	where, err := s.clusters.where(ctx, nil, s.Dir(), s.Environ())
	if err != nil {
		return ClusterStatus{}, err
	}
	st, err := s.clusterStatus(ctx)
	if err != nil {
		return ClusterStatus{}, err
	}
	join := &hostrpc.Cluster{Address: where, Node: st.id.String()}
	if _, fault := s.call(ctx, Cell{Number: cell}, &hostrpc.Request{Cluster: join}); fault != nil {
		return ClusterStatus{}, errors.New(fault.Value)
	}
	return st, nil
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

// dropCluster has the host leave the notebook's own cluster if that has ended between cells, so that the next task starts another. The queue's
// token is held.
func (s *Session) dropCluster(ctx context.Context, cell int) {
	why := s.clusters.ended()
	if why == nil {
		return
	}
	_ = s.leave(ctx) // what is left has ended already
	s.sink.Stream(cell, "stderr", fmt.Sprintf("The notebook's cluster is gone, with its actors and what was in its store: %v. The next task starts another.\n", why))
}

// StopCluster leaves the cluster.
func (s *Session) StopCluster(ctx context.Context) (address string, own bool, err error) {
	if address, _ := s.clusters.current(); address == "" {
		return "", false, nil
	}
	if err := s.lock(ctx); err != nil {
		return "", false, err
	}
	defer s.unlock()
	address, own = s.clusters.current()
	return address, own, s.leave(ctx)
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
	st, err := askCluster(ctx, address)
	st.Address, st.Own = address, own
	return st, err
}

// statusTime bounds how long a cluster may take to tell about itself.
const statusTime = 10 * time.Second

// askCluster asks a node about itself, its tasks and its cluster.
func askCluster(ctx context.Context, address string) (st ClusterStatus, err error) {
	if strings.Contains(address, "://") || !strings.Contains(address, "/") {
		return st, errNoSocket(address, node.Sockets())
	}
	ctx, cancel := context.WithTimeout(ctx, statusTime)
	defer cancel()
	c, err := headclient.Connect(ctx, headclient.Config{Addresses: []string{"unix:" + address}, Role: wire.RoleCLI})
	if err != nil {
		return st, fmt.Errorf("the node at %s: %w", address, err)
	}
	defer c.Close()
	var info node.Info
	var memory node.MemoryInfo
	for what, into := range map[string]any{"node": &info, "memory": &memory, "task-summary": &st.Tasks} {
		data, err := headwire.Ask(ctx, c, headwire.QueryNode, headwire.Query{What: what})
		if err == nil {
			err = json.Unmarshal(data, into)
		}
		if err != nil {
			return st, fmt.Errorf("ask the node at %s for %s: %w", address, what, err)
		}
	}
	all, err := headwire.Ask(ctx, c, headwire.ListNodes, headwire.None{})
	if err != nil {
		return st, fmt.Errorf("ask the cluster of the node at %s for its nodes: %w", address, err)
	}
	st.id, st.Node, st.Store = info.Node, info.Name, memory.Store
	st.Nodes, st.Total, st.Free, st.Workers = 1, info.Total, info.Free, info.Workers // it knows this best
	for _, n := range all {
		if n.ID != info.Node && n.State != sched.Dead.String() {
			st.Nodes++
			st.Total, st.Free, st.Workers = st.Total.Plus(n.Total), st.Free.Plus(n.Free), st.Workers+n.Workers
		}
	}
	return st, nil
}

// errNoSocket is the error of an address that is no path; here are the sockets of this machine.
func errNoSocket(address string, here []string) error {
	hint := "none runs here: start one with  mobula start --address HOST:PORT --token FILE"
	if len(here) > 0 {
		hint = "here are: " + strings.Join(here, ", ")
	}
	return fmt.Errorf("%q is no path of a socket: a notebook reaches a cluster through a node on its machine; %s", address, hint)
}

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
func (n *Notebook) StopCluster(ctx context.Context) (address string, own bool, err error) {
	s, err := n.compiled()
	if err != nil {
		return "", false, err
	}
	return s.StopCluster(ctx)
}
