package sched

import "mobula/internal/id"

// StrategyKind is a way to choose a node.
type StrategyKind int

// The kinds of strategies.
const (
	Default StrategyKind = iota
	Spread
	NodeAffinity
	GroupBundle
)

// AnyBundle stands for any bundle of a placement group.
const AnyBundle = -1

// Strategy says how the node of a request is chosen. The zero value is Default.
type Strategy struct {
	Kind         StrategyKind      `json:"kind,omitzero"`
	Node         id.Node           `json:"node,omitzero"`          // NodeAffinity
	Soft         bool              `json:"soft,omitzero"`          // NodeAffinity: another node once this one cannot hold the request at all
	Group        id.PlacementGroup `json:"group,omitzero"`         // GroupBundle
	Bundle       int               `json:"bundle,omitzero"`        // GroupBundle: index or AnyBundle
	CaptureChild bool              `json:"capture_child,omitzero"` // GroupBundle: what the task starts goes into the group too
}

// OnNode places on one node.
func OnNode(node id.Node, soft bool) Strategy {
	return Strategy{Kind: NodeAffinity, Node: node, Soft: soft}
}

// InGroup places in a bundle of a placement group.
func InGroup(group id.PlacementGroup, bundle int, captureChild bool) Strategy {
	return Strategy{Kind: GroupBundle, Group: group, Bundle: bundle, CaptureChild: captureChild}
}

// Inherit is the strategy of what a task with strategy s starts: its own, or where it asks for
// none, any bundle of the parent's group, if that captures.
func (s Strategy) Inherit(own Strategy) Strategy {
	if own.Kind == Default && s.Kind == GroupBundle && s.CaptureChild {
		return InGroup(s.Group, AnyBundle, true)
	}
	return own
}

// GroupStrategy is how the bundles of a placement group lie on nodes.
type GroupStrategy int

// The strategies of placement groups.
const (
	Pack           GroupStrategy = iota // on as few nodes as possible
	SpreadOut                           // on as many nodes as possible
	PackStrictly                        // on one node
	SpreadStrictly                      // each on a node of its own
)

// groupStrategies are the names that users know.
var groupStrategies = [...]string{"Pack", "SpreadOut", "PackStrictly", "SpreadStrictly"}

// String returns the name that users know.
func (s GroupStrategy) String() string {
	if s < 0 || int(s) >= len(groupStrategies) {
		return "unknown"
	}
	return groupStrategies[s]
}

// ParseGroupStrategy reads Pack, SpreadOut, PackStrictly or SpreadStrictly.
func ParseGroupStrategy(name string) (GroupStrategy, error) {
	for i, known := range groupStrategies {
		if name == known {
			return GroupStrategy(i), nil
		}
	}
	return 0, &OptionError{"strategy", name, sentence(groupStrategies[:], "or")}
}
