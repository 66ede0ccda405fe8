package interp

import (
	"context"
	"errors"
	"fmt"

	"mobula/cluster/headclient"
	"mobula/cluster/wire"
	"mobula/internal/id"
)

// maxNodes bounds the nodes of a notebook's own cluster: all are processes of this machine.
const maxNodes = 32

// ScaleCluster gives the notebook's own cluster that many nodes.
func (s *Session) ScaleCluster(ctx context.Context, nodes int, progress func(text string)) (ClusterStatus, error) {
	switch address, own := s.clusters.current(); {
	case address == "":
		return ClusterStatus{}, errors.New("there is no cluster to scale: %cluster start --nodes N starts one")
	case !own:
		return ClusterStatus{}, errors.New("this notebook did not start the cluster that it uses: add a node with  mobula start --address HOST:PORT --token FILE  on the machine that is to join, and end one there with  mobula stop")
	case nodes < 1 || nodes > maxNodes:
		return ClusterStatus{}, fmt.Errorf("a notebook's own cluster has 1 to %d nodes, all on this machine: %d is not possible; for more machines, %%cluster connect mobula://HOST:PORT", maxNodes, nodes)
	}
	if err := s.scale(ctx, nodes, progress); err != nil {
		return ClusterStatus{}, err
	}
	return s.clusterStatus(ctx)
}

// scale starts or ends nodes until there are so many.
func (s *Session) scale(ctx context.Context, nodes int, progress func(text string)) error {
	c := s.clusters.running()
	if c == nil {
		return errors.New("the cluster has ended")
	}
	for c.Nodes() < nodes {
		if err := c.Grow(ctx); err != nil {
			return err
		}
		progress(fmt.Sprintf("a node has joined: %d of %d", c.Nodes(), nodes))
	}
	for c.Nodes() > nodes {
		progress("a node gives up its work")
		if err := c.Shrink(ctx, func(ctx context.Context, node string) error { return drain(ctx, c.Address(), node) }); err != nil {
			return err
		}
		progress(fmt.Sprintf("a node has left: %d remain", c.Nodes()))
	}
	return nil
}

// drain has a node take no new work and waits until what runs there has ended.
func drain(ctx context.Context, address, nodeID string) error {
	which, err := id.Parse[id.Node](nodeID)
	if err != nil {
		return err
	}
	c, err := headclient.Connect(ctx, headclient.Config{Addresses: []string{"unix:" + address}, Role: wire.RoleCLI})
	if err != nil {
		return err
	}
	defer c.Close()
	if err := headclient.Drain(ctx, c, which, "the cluster was made smaller", nil); err != nil {
		return fmt.Errorf("%w; scale again to end it", err)
	}
	return nil
}
