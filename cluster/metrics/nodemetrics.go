package metrics

import (
	"mobula/cluster/node"
	"mobula/objstore"
	"mobula/objstore/transfer"
)

type nodeFigures = node.Figures

// number is any count.
type number interface {
	~int | ~int64 | ~uint64 | ~float64
}

func count[N number](name, help string, kind kind, read func(f *nodeFigures) N) metric[nodeFigures] {
	return one(name, help, kind, func(f *nodeFigures) float64 { return float64(read(f)) })
}

// transfers is a metric of both directions.
func transfers(name, help string, kind kind, read func(s *transfer.Stats) int64) metric[nodeFigures] {
	return metric[nodeFigures]{name, help, kind, []string{"direction"}, func(f *nodeFigures, tell emit) {
		tell(float64(read(&f.Sent)), "sent")
		tell(float64(read(&f.Fetched)), "fetched")
	}}
}

var nodeMetrics = []metric[nodeFigures]{
	{"mobula_node_info", "The release of a node; always 1.", gauge, []string{"version"}, func(f *nodeFigures, tell emit) { tell(1, f.Version) }},
	count("mobula_node_start_time_seconds", "When the node was started, since 1970.", gauge, func(f *nodeFigures) float64 { return seconds(f.Started.UnixMilli()) }),
	by("mobula_node_task_transitions_total", "How often tasks of this node's drivers have entered a state. One that is tried again enters some of them again.", counter, "state", func(f *nodeFigures) map[string]uint64 { return f.Entered }),
	by("mobula_node_tasks", "Tasks of this node's drivers, of those that its list has: it holds the last 100,000 events.", gauge, "state", func(f *nodeFigures) map[string]int { return f.Tasks }),
	{"mobula_node_resource_capacity", "What the node offers: CPUs, GPUs, bytes of memory, units of others.", gauge, []string{"resource"}, func(f *nodeFigures, tell emit) {
		resources(f.Total, tell, func(name string) float64 { return quantity(f.Total, name) })
	}},
	{"mobula_node_resource_used", "What of it tasks and actors hold, in the same units. CPUs may be above the capacity for a while.", gauge, []string{"resource"}, func(f *nodeFigures, tell emit) {
		resources(f.Total, tell, func(name string) float64 { return quantity(f.Total, name) - quantity(f.Free, name) })
	}},
	count("mobula_node_leases", "Leases of drivers on the node's workers.", gauge, func(f *nodeFigures) int { return f.Leases }),
	count("mobula_node_slots", "Tasks that may run at a time on these leases.", gauge, func(f *nodeFigures) int { return f.Slots }),
	count("mobula_node_blocked_slots", "Those of them whose task waits for others, and has given its CPU back.", gauge, func(f *nodeFigures) int { return f.Blocked }),
	count("mobula_node_waiting_requests", "Requests for leases that wait.", gauge, func(f *nodeFigures) int { return f.Requests }),
	count("mobula_node_waiting_slots", "Slots that these want.", gauge, func(f *nodeFigures) int { return f.Waiting }),
	count("mobula_node_oldest_request_seconds", "How long the oldest of these has waited; 0 where none does.", gauge, func(f *nodeFigures) float64 { return f.Oldest }),
	count("mobula_node_bundles", "Bundles of placement groups that are reserved here.", gauge, func(f *nodeFigures) int { return f.Bundles }),
	count("mobula_node_actors", "Named, detached and restartable actors that live here.", gauge, func(f *nodeFigures) int { return f.Actors }),
	by("mobula_node_connections", "Connections to the node.", gauge, "role", func(f *nodeFigures) map[string]int { return f.Clients }),
	by("mobula_node_workers", "Worker processes.", gauge, "state", func(f *nodeFigures) map[string]int { return f.Workers.States }),
	count("mobula_node_workers_resident_memory_bytes", "Memory that all worker processes hold together.", gauge, func(f *nodeFigures) int64 { return f.Workers.Resident }),
	count("mobula_node_workers_started_total", "Worker processes that were started.", counter, func(f *nodeFigures) uint64 { return f.Workers.Started }),
	by("mobula_node_workers_ended_total", "Worker processes that have ended: planned, stopped for lack of memory, or failed.", counter, "reason", func(f *nodeFigures) map[string]uint64 { return f.Workers.Ended }),
	count("mobula_node_memory_bytes", "Memory of the machine, or of the node's control group.", gauge, func(f *nodeFigures) int64 { return f.Memory.Total }),
	count("mobula_node_memory_available_bytes", "What of it is available.", gauge, func(f *nodeFigures) int64 { return f.Memory.Available }),
	transfers("mobula_node_transfers", "Objects that are on their way between this node and others.", gauge, func(s *transfer.Stats) int64 { return s.Running }),
	transfers("mobula_node_transferred_objects_total", "Objects that have gone between this node and others.", counter, func(s *transfer.Stats) int64 { return s.Objects }),
	transfers("mobula_node_transferred_bytes_total", "Bytes of these.", counter, func(s *transfer.Stats) int64 { return s.Bytes }),
	transfers("mobula_node_transfers_resumed_total", "Transfers that went on after their connection had broken.", counter, func(s *transfer.Stats) int64 { return s.Resumed }),
	transfers("mobula_node_transfers_failed_total", "Transfers that have failed.", counter, func(s *transfer.Stats) int64 { return s.Failed }),
	count("mobula_node_copied_objects_total", "Objects that were copied from the store of another node on this machine.", counter, func(f *nodeFigures) int64 { return f.Fetched.Near }),
	count("mobula_node_log_bytes", "Logs of workers on disk.", gauge, func(f *nodeFigures) int64 { return f.Logs }),
	count("mobula_node_process_cpu_seconds_total", "CPU time of the node's own process.", counter, func(f *nodeFigures) float64 { return f.Process.CPU }),
	count("mobula_node_process_resident_memory_bytes", "Memory that it holds.", gauge, func(f *nodeFigures) int64 { return f.Process.Resident }),
	count("mobula_node_process_open_fds", "Files that it has open.", gauge, func(f *nodeFigures) int { return f.Process.OpenFiles }),
	count("mobula_node_process_goroutines", "Its goroutines.", gauge, func(f *nodeFigures) uint64 { return f.Process.Goroutines }),
	count("mobula_node_process_heap_bytes", "Objects on its heap, garbage too.", gauge, func(f *nodeFigures) uint64 { return f.Process.Heap }),
	count("mobula_node_process_runtime_bytes", "All memory that its Go runtime has mapped.", gauge, func(f *nodeFigures) uint64 { return f.Process.Runtime }),
	count("mobula_node_process_gc_cycles_total", "Cycles of its garbage collector.", counter, func(f *nodeFigures) uint64 { return f.Process.Collected }),
}

func stored[N number](name, help string, kind kind, read func(s *objstore.Stats) N) metric[objstore.Stats] {
	return one(name, help, kind, func(s *objstore.Stats) float64 { return float64(read(s)) })
}

// byState is a metric of objects in each state that counts.
func byState(name, help string, read func(s *objstore.Stats, state objstore.State) float64) metric[objstore.Stats] {
	return metric[objstore.Stats]{name, help, gauge, []string{"state"}, func(s *objstore.Stats, tell emit) {
		for state := objstore.Writing; state <= objstore.Lost; state++ {
			tell(read(s, state), state.String())
		}
	}}
}

var storeMetrics = []metric[objstore.Stats]{
	stored("mobula_node_store_capacity_bytes", "What the object store may hold in memory.", gauge, func(s *objstore.Stats) int64 { return s.Capacity }),
	stored("mobula_node_store_used_bytes", "Memory that it holds, also such that waits for the next object.", gauge, func(s *objstore.Stats) int64 { return s.Used }),
	stored("mobula_node_store_busy_bytes", "Memory of it that objects take.", gauge, func(s *objstore.Stats) int64 { return s.Busy }),
	stored("mobula_node_store_reserved_bytes", "Memory that objects take which are being written.", gauge, func(s *objstore.Stats) int64 { return s.Reserved }),
	stored("mobula_node_store_pinned_bytes", "Objects that somebody reads.", gauge, func(s *objstore.Stats) int64 { return s.Pinned }),
	byState("mobula_node_store_objects", "Objects.", func(s *objstore.Stats, state objstore.State) float64 { return float64(s.Objects[state]) }),
	byState("mobula_node_store_object_bytes", "Bytes of objects.", func(s *objstore.Stats, state objstore.State) float64 { return float64(s.Bytes[state]) }),
	stored("mobula_node_store_waiting_requests", "Requests for memory that wait.", gauge, func(s *objstore.Stats) int { return s.Waiting }),
	stored("mobula_node_store_clients", "Processes that use the store.", gauge, func(s *objstore.Stats) int { return s.Clients }),
	stored("mobula_node_store_disk_bytes", "Objects on disk.", gauge, func(s *objstore.Stats) int64 { return s.SpilledBytes }),
	stored("mobula_node_store_disk_files", "Files that these are in.", gauge, func(s *objstore.Stats) int { return s.SpillFiles }),
	stored("mobula_node_store_spilled_bytes_total", "Bytes that were written to disk to make room.", counter, func(s *objstore.Stats) int64 { return s.SpilledTotal }),
	stored("mobula_node_store_restored_bytes_total", "Bytes that were read back.", counter, func(s *objstore.Stats) int64 { return s.Restored }),
	stored("mobula_node_store_evicted_bytes_total", "Bytes of objects that were dropped to make room, since others have them or they can be made again.", counter, func(s *objstore.Stats) int64 { return s.Evicted }),
}
