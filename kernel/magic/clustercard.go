package magic

import (
	"fmt"
	"maps"
	"slices"

	"mobula/cluster/sched"
	"mobula/cluster/wire"
	"mobula/internal/bytesize"
	"mobula/interp"
	"mobula/widgets"
)

// ClusterWidget is a cluster as a widget.
func ClusterWidget(st *interp.ClusterStatus) widgets.Cluster {
	kind := "cluster"
	if st.Own {
		kind = "cluster of this notebook"
	}
	if st.Name != "" {
		kind += " " + st.Name
	}
	title := fmt.Sprintf("Mobula %s: 1 node (%s)", kind, st.Node)
	if st.Nodes > 1 {
		title = fmt.Sprintf("Mobula %s: %d nodes, reached through %s", kind, st.Nodes, st.Node)
	}
	w := widgets.Cluster{
		Title: title, Own: st.Own, Nodes: st.Nodes, Workers: st.Workers, Version: st.Version, Address: st.Address, Took: st.Took.Milliseconds(),
		Tasks:     []widgets.Count{},
		Resources: []widgets.Resource{countOf("CPUs", st.Free.CPU, st.Total.CPU)},
	}
	if st.Total.GPU > 0 {
		w.Resources = append(w.Resources, countOf("GPUs", st.Free.GPU, st.Total.GPU))
	}
	w.Resources = append(w.Resources, widgets.Resource{
		Name: "memory", Used: float64(st.Total.Memory - st.Free.Memory), Total: float64(st.Total.Memory),
		Text: fmt.Sprintf("%s of %s free for tasks that ask", bytesize.Format(st.Free.Memory), bytesize.Format(st.Total.Memory)),
	})
	if st.Store != nil {
		w.Resources = append(w.Resources, widgets.Resource{
			Name: "store", Used: float64(st.Store.Busy), Total: float64(st.Store.Capacity), Text: fmt.Sprintf("%s of %s used", bytesize.Format(st.Store.Busy), bytesize.Format(st.Store.Capacity)),
		})
	}
	counts := map[wire.TaskState]int{}
	for _, t := range st.Tasks {
		counts[t.State] += t.Tasks
	}
	for _, state := range slices.Sorted(maps.Keys(counts)) {
		w.Tasks = append(w.Tasks, widgets.Count{State: state.String(), Tasks: counts[state]})
	}
	return w
}

func countOf(name string, free, total sched.Amount) widgets.Resource {
	free = max(free, 0) // it is below while tasks that waited run again
	return widgets.Resource{Name: name, Used: float64(total-free) / float64(sched.One), Total: float64(total) / float64(sched.One), Text: fmt.Sprintf("%v of %v free", free, total)}
}
