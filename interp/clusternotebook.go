package interp

import (
	"context"

	"mobula/cluster/doctor"
	"mobula/cluster/headwire"
)

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
func (n *Notebook) ConnectCluster(ctx context.Context, cell int, to ClusterTarget) (ClusterStatus, error) {
	if err := n.ready(ctx, cell); err != nil {
		return ClusterStatus{}, err
	}
	s, err := n.compiled()
	if err != nil {
		return ClusterStatus{}, err
	}
	return s.ConnectCluster(ctx, cell, to)
}

// ClusterStatus tells about the cluster that cells use.
func (n *Notebook) ClusterStatus(ctx context.Context) (ClusterStatus, bool, error) {
	s, err := n.compiled()
	if err != nil {
		return ClusterStatus{}, false, err
	}
	return s.ClusterStatus(ctx)
}

// ExamineCluster looks for what is wrong; of a notebook that is interpreted with its machine.
func (n *Notebook) ExamineCluster(ctx context.Context, at ClusterTarget) ([]doctor.Finding, error) {
	return n.session.ExamineCluster(ctx, at)
}

// AskCluster calls f with a connection to the cluster.
func (n *Notebook) AskCluster(ctx context.Context, f func(context.Context, headwire.Caller) error) error {
	s, err := n.compiled()
	if err != nil {
		return err
	}
	return s.AskCluster(ctx, f)
}

// OpenDashboard makes a link to the cluster's dashboard.
func (n *Notebook) OpenDashboard(ctx context.Context) (DashboardLink, error) {
	s, err := n.compiled()
	if err != nil {
		return DashboardLink{}, err
	}
	return s.OpenDashboard(ctx)
}

// StopCluster leaves the cluster.
func (n *Notebook) StopCluster(ctx context.Context) (address string, own bool, err error) {
	s, err := n.compiled()
	if err != nil {
		return "", false, err
	}
	return s.StopCluster(ctx)
}

// ScaleCluster gives the notebook's own cluster that many nodes.
func (n *Notebook) ScaleCluster(ctx context.Context, nodes int, progress func(text string)) (ClusterStatus, error) {
	s, err := n.compiled()
	if err != nil {
		return ClusterStatus{}, err
	}
	return s.ScaleCluster(ctx, nodes, progress)
}

// KnownClusters are those that cells can use.
func (n *Notebook) KnownClusters(ctx context.Context) []KnownCluster {
	s, err := n.compiled()
	if err != nil {
		return nil
	}
	return s.KnownClusters(ctx)
}

// ClusterLog is the end of what the notebook's own cluster has said.
func (n *Notebook) ClusterLog() (text string, own bool) {
	s, err := n.compiled()
	if err != nil {
		return "", false
	}
	return s.ClusterLog()
}

// CancelTasks cancels the tasks of a cell.
func (n *Notebook) CancelTasks(cell int) error {
	s, err := n.compiled()
	if err != nil {
		return err
	}
	return s.CancelTasks(cell)
}
