package mobula

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"mobula/cluster/driver"
	"mobula/cluster/headwire"
	"mobula/cluster/sched"
)

// GroupStrategy is how the bundles of a placement group lie on nodes.
type GroupStrategy = sched.GroupStrategy

// The strategies of placement groups; as Ray's PACK, SPREAD, STRICT_PACK and STRICT_SPREAD.
const (
	Pack           = sched.Pack           // on as few nodes as possible
	SpreadOut      = sched.SpreadOut      // on as many nodes as possible
	PackStrictly   = sched.PackStrictly   // on one node
	SpreadStrictly = sched.SpreadStrictly // each on a node of its own
	anyBundle      = sched.AnyBundle
)

// Bundle is a set of resources on one node.
type Bundle struct {
	CPU, GPU  float64
	Memory    int64              // bytes
	Resources map[string]float64 // custom ones
	Labels    map[string]string  // of the node; a value that begins with ! is one that it must not have
}

// PlacementGroup is a set of bundles that were reserved together, for tasks and actors that ask for them by In. It is removed with
// the job that made it, unless it is Detached.
type PlacementGroup struct {
	ID    PlacementGroupID
	Nodes []NodeID // of the bundles
}

// NewPlacementGroup reserves bundles, all or none, and waits until they are. It fails at once where the cluster can never have them. It
// takes the options Name, Namespace and Detached.
func NewPlacementGroup(ctx context.Context, strategy GroupStrategy, bundles []Bundle, opts ...Option) (PlacementGroup, error) {
	o, err := optionsOf(opts, &noOptions)
	if err != nil {
		return PlacementGroup{}, err
	}
	if len(bundles) == 0 {
		return PlacementGroup{}, fmt.Errorf("a placement group of no bundles: give at least one")
	}
	spec := driver.GroupSpec{Name: o.actorName, Namespace: o.namespace, Detached: o.detached, Strategy: strategy}
	for i, b := range bundles {
		info, err := b.info()
		if err != nil {
			return PlacementGroup{}, fmt.Errorf("bundle %d: %w", i, err)
		}
		spec.Bundles = append(spec.Bundles, info)
	}
	s, err := current()
	if err != nil {
		return PlacementGroup{}, err
	}
	made, err := s.CreateGroup(ctx, spec)
	if err != nil {
		return PlacementGroup{}, fmt.Errorf("make a placement group: %w", err)
	}
	return groupOf(made), nil
}

// FindPlacementGroup returns the placement group of a name.
func FindPlacementGroup(ctx context.Context, name string, opts ...Option) (PlacementGroup, error) {
	o, err := optionsOf(opts, &noOptions)
	if err != nil {
		return PlacementGroup{}, err
	}
	s, err := current()
	if err != nil {
		return PlacementGroup{}, err
	}
	found, err := s.FindGroup(ctx, name, o.namespace)
	if err != nil {
		return PlacementGroup{}, fmt.Errorf("find placement group %s: %w", name, err)
	}
	return groupOf(found), nil
}

// Remove ends what runs in the group, and gives back what it holds.
func (g PlacementGroup) Remove(ctx context.Context) error {
	s, err := current()
	if err == nil {
		err = s.RemoveGroup(ctx, g.ID)
	}
	if err != nil {
		return fmt.Errorf("remove a placement group: %w", err)
	}
	return nil
}

// In places a task or an actor in a bundle of a group, by its index; -1: in any. Its resources are taken from the bundle.
func In(g PlacementGroup, bundle int) Option {
	return func(o *options) {
		if bundle < anyBundle || bundle >= len(g.Nodes) {
			o.refuse("bundle %d of a placement group of %d: give an index, or -1 for any", bundle, len(g.Nodes))
			return
		}
		o.strategy = sched.InGroup(g.ID, bundle, false)
	}
}

func groupOf(info headwire.GroupInfo) PlacementGroup {
	g := PlacementGroup{ID: info.ID}
	for _, b := range info.Bundles {
		g.Nodes = append(g.Nodes, b.Node)
	}
	return g
}

// info is the bundle as the head knows it.
func (b *Bundle) info() (headwire.BundleInfo, error) {
	o := &options{}
	for name, amount := range map[string]float64{sched.CPU: b.CPU, sched.GPU: b.GPU, sched.Memory: float64(b.Memory)} {
		if amount != 0 {
			o.resource(name, amount)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.Resources)) {
		o.resource(name, b.Resources[name])
	}
	for _, name := range slices.Sorted(maps.Keys(b.Labels)) {
		Label(name, b.Labels[name])(o)
	}
	if len(o.mistakes) > 0 {
		return headwire.BundleInfo{}, o.mistakes[0]
	}
	class, _ := o.class()
	needs, err := headwire.ParseClass(class)
	return headwire.BundleInfo{Resources: needs.Resources, Selector: needs.Selector}, err
}
