package metrics

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"mobula/cluster/headwire"
)

type headFigures = headwire.HeadFigures

// seconds is a time in ms since 1970, in seconds.
func seconds(ms int64) float64 { return float64(ms) / float64(time.Second/time.Millisecond) }

var headMetrics = []metric[headFigures]{
	{"mobula_cluster_info", "The cluster and the release of its head; always 1.", gauge, []string{"cluster", "version"}, func(f *headFigures, tell emit) {
		tell(1, f.Cluster, f.Version)
	}},
	by("mobula_cluster_nodes", "Nodes that the cluster knows, the dead ones for a day.", gauge, "state", func(f *headFigures) map[string]int { return f.Nodes }),
	by("mobula_cluster_jobs", "Jobs that the cluster knows, the ended ones for a day.", gauge, "state", func(f *headFigures) map[string]int { return f.Jobs }),
	by("mobula_cluster_actors", "Named, detached and restartable actors. Others are counted by no head.", gauge, "state", func(f *headFigures) map[string]int { return f.Actors }),
	by("mobula_cluster_placement_groups", "Placement groups.", gauge, "state", func(f *headFigures) map[string]int { return f.Groups }),
	{"mobula_cluster_resource_capacity", "What the nodes that live have: CPUs, GPUs, bytes of memory, units of others.", gauge, []string{"resource"}, func(f *headFigures, tell emit) {
		resources(f.Total, tell, func(name string) float64 { return quantity(f.Total, name) })
	}},
	{"mobula_cluster_resource_used", "What of it tasks and actors hold, in the same units.", gauge, []string{"resource"}, func(f *headFigures, tell emit) {
		resources(f.Total, tell, func(name string) float64 { return quantity(f.Total, name) - quantity(f.Free, name) })
	}},
	one("mobula_cluster_workers", "Worker processes on all nodes.", gauge, func(f *headFigures) float64 { return float64(f.Workers) }),
	one("mobula_cluster_waiting_slots", "Tasks that could run at once if there was room for them.", gauge, func(f *headFigures) float64 { return float64(f.Waiting) }),
	one("mobula_head_waiting_requests", "Requests that nodes could not place themselves, and that wait at the head.", gauge, func(f *headFigures) float64 { return float64(f.Demands) }),
	one("mobula_head_waiting_slots", "Slots that these want.", gauge, func(f *headFigures) float64 { return float64(f.Slots) }),
	one("mobula_head_assigned_slots_total", "Slots that the head has found a node for.", counter, func(f *headFigures) float64 { return float64(f.Assigned) }),
	one("mobula_head_infeasible_requests_total", "Requests that no node can ever hold.", counter, func(f *headFigures) float64 { return float64(f.Refused) }),
	one("mobula_head_connections", "Connections to the head, of nodes and of clients.", gauge, func(f *headFigures) float64 { return float64(f.Connections) }),
	one("mobula_head_state_index", "Number of the last command of the replicated state that was applied.", gauge, func(f *headFigures) float64 { return float64(f.Index) }),
	one("mobula_head_commands_total", "Commands that this head has proposed to the replicated state.", counter, func(f *headFigures) float64 { return float64(f.Proposed) }),
	one("mobula_head_start_time_seconds", "When the head was started, since 1970.", gauge, func(f *headFigures) float64 { return seconds(f.Started) }),
}

// Head gathers what a head knows of its cluster.
func Head(c headwire.Caller) prometheus.Collector {
	return &head{c, newTable(headMetrics), placementDesc}
}

const (
	placementName = "mobula_head_placement_seconds"
	placementHelp = "How long the head's decisions about all that waits took, and how many there were."
)

var placementDesc = prometheus.NewDesc(placementName, placementHelp, nil, nil)

type head struct {
	caller    headwire.Caller
	table     *table[headFigures]
	placement *prometheus.Desc
}

// Describe describes all.
func (h *head) Describe(to chan<- *prometheus.Desc) {
	h.table.describe(to)
	to <- h.placement
}

// Collect asks the head.
func (h *head) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := within()
	defer cancel()
	f, err := headwire.Ask(ctx, h.caller, headwire.GetFigures, headwire.None{})
	if err != nil {
		fail(to, fmt.Errorf("ask the head for its figures: %w", err))
		return
	}
	h.table.collect(to, &f)
	to <- prometheus.MustNewConstSummary(h.placement, f.Passes, f.Seconds, nil)
}
