package interp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"mobula/cluster/headclient"
	"mobula/cluster/headwire"
	"mobula/cluster/node"
	"mobula/cluster/sched"
	"mobula/cluster/wire"
	"mobula/internal/id"
	"mobula/interp/hostrpc"
	"mobula/objstore"
)

// ClusterStatus is the state of a cluster.
type ClusterStatus struct {
	Address string
	Name    string              // of the cluster; "" where it has none
	Version string              // of the mobula that its head is of
	Own     bool                // it is the notebook's own
	Node    string              // that cells reach it through
	Nodes   int                 // that are not dead; figures without another word are of all of them
	List    []headwire.NodeInfo // those
	Total   sched.Resources
	Free    sched.Resources
	Workers int
	Store   *objstore.Stats  // of the node that cells use, nil where it has none
	Tasks   []node.TaskCount // that were submitted through this node
	// Dashboard is the URL of the cluster's pages, without a code, for those who reach the host Head; "" where there are none.
	Dashboard, Head string
	Took            time.Duration // to connect; 0 where nobody has connected just now

	id id.Node // of Node
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
	return st, errors.Join(err, checkVersions(s.clusters.commands.Version, st.Version))
}

// checkVersions refuses a cluster of another major version than the kernel's. A version that is not known is no reason.
func checkVersions(kernel, cluster string) error {
	mine, _, _ := strings.Cut(kernel, ".")
	its, _, _ := strings.Cut(cluster, ".")
	if mine == "" || its == "" || mine == its {
		return nil
	}
	return fmt.Errorf("this kernel is of mobula %s and the cluster of mobula %s, which do not work together: install %s here (pip install mobula==%s, then restart the kernel) or update the cluster",
		kernel, cluster, cluster, cluster)
}

// statusTime bounds how long a cluster may take to tell about itself.
const statusTime = 10 * time.Second

// askCluster asks a node about itself, its tasks and its cluster.
func askCluster(ctx context.Context, address string) (st ClusterStatus, err error) {
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
	st.Version = info.Version
	if cluster, err := headwire.Ask(ctx, c, headwire.GetCluster, headwire.None{}); err == nil { // a node may have no head
		st.Name, st.Version, st.Dashboard, st.Head = cluster.Name, cluster.Version, cluster.Dashboard, hostOf(cluster.Address)
	}
	st.id, st.Node, st.Store = info.Node, info.Name, memory.Store
	st.Nodes, st.Total, st.Free, st.Workers = 1, info.Total, info.Free, info.Workers // it knows this best
	for _, n := range all {
		if n.State == sched.Dead.String() {
			continue
		}
		st.List = append(st.List, n)
		if n.ID != info.Node {
			st.Nodes++
			st.Total, st.Free, st.Workers = st.Total.Plus(n.Total), st.Free.Plus(n.Free), st.Workers+n.Workers
		}
	}
	return st, nil
}

// hostOf is the host of an address; "" where it has none.
func hostOf(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return ""
	}
	return host
}

// DashboardLink opens the dashboard of a cluster whose head is at the host Head; "" is this machine.
type DashboardLink struct {
	headwire.DashboardLink
	Head string
}

// AskCluster calls f with a connection to the cluster in use, for as long as it takes to tell about itself.
func (s *Session) AskCluster(ctx context.Context, f func(context.Context, headwire.Caller) error) error {
	address, _ := s.clusters.current()
	if address == "" {
		return errors.New("there is no cluster yet: the first task starts one, and so does %cluster connect")
	}
	ctx, cancel := context.WithTimeout(ctx, statusTime)
	defer cancel()
	c, err := headclient.Connect(ctx, headclient.Config{Addresses: []string{"unix:" + address}, Role: wire.RoleCLI})
	if err != nil {
		return fmt.Errorf("the node at %s: %w", address, err)
	}
	defer c.Close()
	return f(ctx, c)
}

// OpenDashboard makes a link to the dashboard of the cluster in use.
func (s *Session) OpenDashboard(ctx context.Context) (link DashboardLink, err error) {
	err = s.AskCluster(ctx, func(ctx context.Context, c headwire.Caller) error {
		cluster, err := headwire.Ask(ctx, c, headwire.GetCluster, headwire.None{})
		if err != nil {
			return err
		}
		link.Head = hostOf(cluster.Address)
		link.DashboardLink, err = headwire.Ask(ctx, c, headwire.GetDashboard, headwire.None{})
		return err
	})
	return link, err
}

// CancelTasks cancels the tasks of a cell.
func (s *Session) CancelTasks(cell int) error {
	s.mu.Lock()
	proc := s.state.proc
	s.mu.Unlock()
	if proc == nil {
		return nil // nobody has tasks
	}
	return proc.Tell(&hostrpc.Request{CancelTasks: &hostrpc.CancelTasks{Cell: cell}})
}
