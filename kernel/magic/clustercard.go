package magic

import (
	"os"

	"mobula/cluster/headwire"
	"mobula/cluster/sched"
	"mobula/interp"
	"mobula/widgets"
)

// ClusterWidget is a cluster as a widget.
func ClusterWidget(st *interp.ClusterStatus) widgets.Cluster {
	title := "Mobula cluster"
	if st.Own {
		title += " of this notebook"
	}
	if st.Name != "" {
		title += " " + st.Name
	}
	w := widgets.Cluster{
		Title: title, State: "connected", Own: st.Own, Scalable: st.Own, Via: st.Node, Address: st.Address, Workers: st.Workers, Version: st.Version,
		ConnectedIn: st.Took.Seconds(), Resources: resourcesOf(st.Free, st.Total), Tasks: map[string]int{},
	}
	place := placeOf(st.Dashboard, st.Head, os.Getenv)
	w.Dashboard, w.DashboardURL, w.Tunnel = st.Dashboard != "", place.url, place.tunnel
	for _, n := range st.List {
		w.Nodes = append(w.Nodes, nodeOf(&n))
	}
	if st.Store != nil {
		w.Store = &widgets.Store{Used: st.Store.Busy, Capacity: st.Store.Capacity, Spilled: st.Store.SpilledBytes}
	}
	for _, t := range st.Tasks {
		w.Tasks[t.State.String()] += t.Tasks
	}
	return w
}

func nodeOf(n *headwire.NodeInfo) widgets.Node {
	return widgets.Node{ID: n.ID.Short(), Name: n.Name, State: n.State, Resources: resourcesOf(n.Free, n.Total), Workers: n.Workers}
}

func resourcesOf(free, total sched.Resources) []widgets.Resource {
	count := func(name string, free, total sched.Amount) widgets.Resource {
		return widgets.Resource{Name: name, Free: float64(max(free, 0)) / float64(sched.One), Total: float64(total) / float64(sched.One)} // it is below 0 while tasks that waited run again
	}
	list := []widgets.Resource{count("CPUs", free.CPU, total.CPU)}
	if total.GPU > 0 {
		list = append(list, count("GPUs", free.GPU, total.GPU))
	}
	return append(list, widgets.Resource{Name: "memory", Unit: "bytes", Free: float64(free.Memory), Total: float64(total.Memory)})
}
