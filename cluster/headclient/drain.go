package headclient

import (
	"context"
	"fmt"
	"slices"
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/sched"
	"mobula/internal/id"
)

// drainEvery is how often it is looked whether a node is idle.
const drainEvery = 50 * time.Millisecond

// Drain has a node take no new work, and waits until what runs there with resources has ended. The node takes no new work after an error of ctx, either.
// busy, which may be nil, hears what the node has and what of it is free, each time that this changes.
func Drain(ctx context.Context, c headwire.Caller, node id.Node, reason string, busy func(headwire.NodeInfo)) error {
	if _, err := headwire.Ask(ctx, c, headwire.DrainNode, headwire.NodeRef{Node: node, Reason: reason}); err != nil {
		return err
	}
	tick := time.NewTicker(drainEvery)
	defer tick.Stop()
	var last headwire.NodeInfo
	for {
		n, err := living(ctx, c, node)
		if err != nil || n.Free.Equal(n.Total) {
			return err
		}
		if busy != nil && !n.Free.Equal(last.Free) {
			busy(n)
		}
		last = n
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%w: the node takes no new work, and of %v are %v free", context.Cause(ctx), n.Total, n.Free)
		}
	}
}

// living is a node as the head knows it, nothing where it is dead.
func living(ctx context.Context, c headwire.Caller, node id.Node) (headwire.NodeInfo, error) {
	all, err := headwire.Ask(ctx, c, headwire.ListNodes, headwire.None{})
	if i := slices.IndexFunc(all, func(n headwire.NodeInfo) bool { return n.ID == node && n.State != sched.Dead.String() }); i >= 0 {
		return all[i], nil
	}
	return headwire.NodeInfo{}, err
}
