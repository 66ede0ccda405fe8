package driver

import (
	"context"

	"mobula/cluster/headwire"
	"mobula/cluster/sched"
	"mobula/internal/id"
)

// GroupSpec is what a placement group is.
type GroupSpec struct {
	Name      string
	Namespace string // if empty, the job's
	Detached  bool   // it outlives the job
	Strategy  sched.GroupStrategy
	Bundles   []headwire.BundleInfo // without nodes
}

// CreateGroup asks for a placement group. It may have to wait for its nodes: see WaitGroup.
func (d *Driver) CreateGroup(ctx context.Context, s GroupSpec) (headwire.GroupInfo, error) {
	return askHead(ctx, d, headwire.CreateGroup, headwire.GroupSpec{
		ID: id.New[id.PlacementGroup](), Name: s.Name, Namespace: s.Namespace, Job: d.conf.Job, Detached: s.Detached, Strategy: s.Strategy.String(), Bundles: s.Bundles,
	})
}

// WaitGroup waits until all bundles of a group have their nodes, or the group is removed.
func (d *Driver) WaitGroup(ctx context.Context, group id.PlacementGroup) (headwire.GroupInfo, error) {
	return askHead(ctx, d, headwire.WaitGroup, headwire.GroupRef{ID: group})
}

// FindGroup finds a group by its name.
func (d *Driver) FindGroup(ctx context.Context, name, namespace string) (headwire.GroupInfo, error) {
	return askHead(ctx, d, headwire.GetGroup, headwire.GroupRef{Name: name, Namespace: namespace, Job: d.conf.Job})
}

// RemoveGroup ends what runs in a group and gives back what it holds.
func (d *Driver) RemoveGroup(ctx context.Context, group id.PlacementGroup) error {
	_, err := askHead(ctx, d, headwire.RemoveGroup, headwire.GroupRef{ID: group})
	return err
}
