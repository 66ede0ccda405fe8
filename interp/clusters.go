package interp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"mobula/cluster/doctor"
	"mobula/cluster/headwire"
	"mobula/interp/clusterproc"
	"mobula/interp/hostrpc"
)

// Clusters is an Engine whose cells can run tasks on a cluster.
type Clusters interface {
	// ConnectCluster has the tasks of cells go to a cluster. Where they go there already nothing changes.
	ConnectCluster(ctx context.Context, cell int, to ClusterTarget) (ClusterStatus, error)
	// ScaleCluster gives the notebook's own cluster that many nodes; progress is told of each that comes or goes.
	ScaleCluster(ctx context.Context, nodes int, progress func(text string)) (ClusterStatus, error)
	// CancelTasks cancels the tasks that a cell has submitted and that have not ended.
	CancelTasks(cell int) error
	// ClusterStatus tells about the cluster that cells use; false where they use none.
	ClusterStatus(ctx context.Context) (ClusterStatus, bool, error)
	// AskCluster calls f with a connection to the cluster that cells use.
	AskCluster(ctx context.Context, f func(context.Context, headwire.Caller) error) error
	// KnownClusters are those that a notebook can use by name: its own, and those of this machine.
	KnownClusters(ctx context.Context) []KnownCluster
	// ClusterLog is the end of what the processes of the notebook's own cluster have said; false where there is none.
	ClusterLog() (text string, own bool)
	// ExamineCluster looks for what is wrong with this machine, and with the cluster at an address, or the one in use.
	ExamineCluster(ctx context.Context, at ClusterTarget) ([]doctor.Finding, error)
	// OpenDashboard makes a link that opens the dashboard of the cluster in use once.
	OpenDashboard(ctx context.Context) (DashboardLink, error)
	// StopCluster leaves the cluster, and ends it if it is the notebook's own. It returns the address of the cluster; "" where cells use none.
	StopCluster(ctx context.Context) (address string, own bool, err error)
}

// ProgressPrefix begins the id of the widget that shows the progress of a cell's tasks; the number of the cell follows.
const ProgressPrefix = hostrpc.ProgressPrefix

// ClusterTarget is a cluster to use.
type ClusterTarget struct {
	// Address is the socket of a node of this machine, the name of a cluster that has one here or that the user has noted, or mobula://HOST:PORT of a head, which this machine then
	// joins with a node that takes no tasks. "" is the one that MOBULA_ADDRESS names, as in a job, or else "own": the notebook's own cluster, which is
	// started if it does not run.
	Address string
	Token   string          // to join a head by: the token, or the file that it is in; "": the variable MOBULA_TOKEN has it
	Options *ClusterOptions // of the notebook's own; nil: as it is, or the usual ones
	Force   bool            // leave the cluster that is used; the notebook's own ends then
	Keep    bool            // leave it without ending it
}

// ClusterOptions are those of the notebook's own cluster: what each node offers (0: what the machine has), and how many there are (0: one). The
// names are those of mobula.Config.
type ClusterOptions struct {
	CPUs   float64 `json:",omitzero"`
	GPUs   int     `json:",omitzero"`
	Memory int64   `json:",omitzero"` // bytes
	Store  int64   `json:",omitzero"` // bytes
	Nodes  int     `json:"-"`
}

// ClusterCommands are the command lines of a notebook's own clusters (see package clusterproc).
type ClusterCommands struct {
	// Own runs a cluster as the JSON of a mobula.Config says, which may be nil.
	Own func(config []byte) ([]string, error)
	// Node runs a further node of such a cluster, with the same config.
	Node func(head string, config []byte) ([]string, error)
	// Gateway runs a node without resources of its own, which joins the head at an address.
	Gateway func(head string) ([]string, error)
	// Version is that of this program.
	Version string
}

// clusters is what a session knows of its clusters.
type clusters struct {
	commands ClusterCommands

	mu      sync.Mutex // guards below; held while a cluster starts
	own     *clusterproc.Cluster
	started []string             // the command of own
	address string               // of a cluster that the user has named; "": own
	target  string               // what the user has named: that, or a head
	gateway *clusterproc.Cluster // the node of this machine that was started to reach it
}

// errNoCluster is the error of engines that cannot ship code.
var errNoCluster = errors.New("only compiled cells can run tasks on a cluster: a Go toolchain is missing, or %engine yaegi was chosen")

// where returns the address of the cluster. Where there is none it takes the usual one, a node's socket or "", or starts one.
func (c *clusters) where(ctx context.Context, options []byte, usual, dir string, env []string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.address != "" {
		return c.address, nil
	}
	command, special, err := c.wanted(options)
	if err != nil {
		return "", err
	}
	if c.own == nil && !special && filepath.IsAbs(usual) {
		c.address, c.target = usual, usual
		return usual, nil
	}
	if c.own != nil && c.own.Err() == nil {
		if !special || slices.Equal(command, c.started) {
			return c.own.Address(), nil
		}
		_ = c.own.Close() // the session has left it, and wants another
	}
	conf := clusterproc.Config{Command: command, Dir: dir, Env: env}
	if c.commands.Node != nil {
		conf.NodeCommand = func(head string) ([]string, error) { return c.commands.Node(head, options) }
	}
	own, err := clusterproc.Start(ctx, conf)
	if err != nil {
		return "", err
	}
	c.own, c.started = own, command
	return own.Address(), nil
}

// wanted returns the command of an embedded cluster; special says that the options ask for more than the usual one.
func (c *clusters) wanted(options []byte) (command []string, special bool, err error) {
	if c.commands.Own == nil {
		return nil, false, nil
	}
	usual, err := c.commands.Own(nil)
	if err != nil || len(options) == 0 {
		return usual, false, err
	}
	command, err = c.commands.Own(options)
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

// running returns the notebook's own cluster, nil where it does not run.
func (c *clusters) running() *clusterproc.Cluster {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.own == nil || c.own.Err() != nil {
		return nil
	}
	return c.own
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

// leave forgets the cluster in use, and ends what this notebook has started for it.
func (c *clusters) leave() error {
	c.mu.Lock()
	ending := c.gateway
	if c.address == "" {
		ending, c.own = c.own, nil
	}
	c.address, c.target, c.gateway = "", "", nil
	c.mu.Unlock()
	if ending == nil {
		return nil
	}
	return ending.Close()
}

// closeAll leaves the cluster in use and ends the notebook's own.
func (c *clusters) closeAll() error {
	err := c.leave()
	c.mu.Lock()
	own := c.own
	c.own = nil
	c.mu.Unlock()
	if own != nil {
		err = errors.Join(err, own.Close())
	}
	return err
}

// use has address stand for the cluster in use; "" is the notebook's own. What was used before goes on, but for a gateway.
func (c *clusters) use(address, target string, gateway *clusterproc.Cluster) {
	c.mu.Lock()
	before := c.gateway
	c.address, c.target, c.gateway = address, target, gateway
	c.mu.Unlock()
	if before != nil && before != gateway {
		_ = before.Close() // it always succeeds
	}
}

// answerAddress tells the host where the cluster is.
func (s *Session) answerAddress(q *hostrpc.AddressRequest) {
	reply := &hostrpc.Address{Token: q.Token}
	address, err := s.clusters.where(s.life, q.Config, s.usualCluster(), s.Dir(), s.Environ())
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
func (s *Session) ConnectCluster(ctx context.Context, cell int, to ClusterTarget) (ClusterStatus, error) {
	if err := s.lock(ctx); err != nil {
		return ClusterStatus{}, err
	}
	defer s.unlock()
	if err := s.ready(ctx, cell); err != nil {
		return ClusterStatus{}, err
	}
	began := time.Now()
	if err := s.switchCluster(ctx, to); err != nil {
		return ClusterStatus{}, err
	}
	options, err := to.Options.config()
	if err != nil {
		return ClusterStatus{}, err
	}
	where, err := s.clusters.where(ctx, options, "", s.Dir(), s.Environ())
	if err != nil {
		return ClusterStatus{}, err
	}
	if to.Options != nil {
		if err := s.scale(ctx, max(1, to.Options.Nodes), func(string) {}); err != nil {
			return ClusterStatus{}, err
		}
	}
	st, err := s.clusterStatus(ctx)
	if err != nil {
		return ClusterStatus{}, err
	}
	join := &hostrpc.Cluster{Address: where, Node: st.id.String()}
	if _, fault := s.call(ctx, Cell{Number: cell}, &hostrpc.Request{Cluster: join}); fault != nil {
		return ClusterStatus{}, errors.New(fault.Value)
	}
	st.Took = time.Since(began)
	return st, nil
}

// config is the options as an embedded cluster takes them.
func (o *ClusterOptions) config() ([]byte, error) {
	if o == nil {
		return nil, nil
	}
	return json.Marshal(o)
}

// switchCluster leaves the cluster in use where another is wanted, and has that one stand for it; the queue's token is held.
func (s *Session) switchCluster(ctx context.Context, to ClusterTarget) error {
	if to.Address == "" && to.Options == nil {
		to.Address = s.usualCluster()
	}
	if err := to.resolve(ctx); err != nil {
		return err
	}
	address := to.Address
	was, own := s.clusters.current()
	if was != "" && s.clusters.serves(to, address) {
		return nil
	}
	if was != "" && !to.Force && !to.Keep {
		return errInUse(s.clusters.name(), own)
	}
	target := address
	var gateway *clusterproc.Cluster
	var err error
	if isHead(address) {
		if gateway, err = s.clusters.join(ctx, to, s.Dir(), s.Environ()); err != nil {
			return err
		}
		address = gateway.Address()
	} else if address != "" {
		if _, err := askCluster(ctx, address); err != nil { // before the one in use is left
			return err
		}
	}
	if was != "" {
		err = s.depart(ctx)
		if to.Force {
			err = errors.Join(err, s.clusters.leave())
		}
	}
	s.clusters.use(address, target, gateway)
	return err
}

// errInUse is the error of a wish for a second cluster.
func errInUse(name string, own bool) error {
	ends := "its actors and objects stay with it, without this notebook"
	if own {
		ends = "it ends, with its actors and objects"
	}
	return fmt.Errorf("this notebook uses %s: add --force to leave it (%s), or keep it and switch with  %%cluster use NAME", name, ends)
}

// serves reports whether the cluster in use is the one that is wanted.
func (c *clusters) serves(to ClusterTarget, address string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if address != "" || c.address != "" {
		return address == c.address || address == c.target
	}
	options, err := to.Options.config()
	if err != nil || options == nil {
		return err == nil
	}
	command, _, err := c.wanted(options)
	return err == nil && slices.Equal(command, c.started)
}

// name is what the user calls the cluster in use.
func (c *clusters) name() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.address == "" {
		return "its own cluster"
	}
	return "the cluster " + strings.TrimPrefix(c.target, "mobula://")
}

// depart has the host leave its cluster; the queue's token is held.
func (s *Session) depart(ctx context.Context) error {
	s.mu.Lock()
	proc := s.state.proc
	s.mu.Unlock()
	if proc == nil {
		return nil
	}
	if _, fault := s.call(ctx, Cell{}, &hostrpc.Request{Cluster: &hostrpc.Cluster{}}); fault != nil {
		return errors.New(fault.Value)
	}
	return nil
}

// leave has the host leave its cluster, and ends the notebook's own; the queue's token is held.
func (s *Session) leave(ctx context.Context) error {
	return errors.Join(s.depart(ctx), s.clusters.leave())
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

// ClusterLog is the end of what the notebook's own cluster has said.
func (s *Session) ClusterLog() (text string, own bool) {
	c := s.clusters.running()
	if c == nil {
		return "", false
	}
	return c.Log(), true
}
