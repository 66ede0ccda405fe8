package magic

import (
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"slices"
	"strings"
	"time"

	"mobula/cluster/wire"
	"mobula/internal/bytesize"
	"mobula/internal/cellio"
	"mobula/interp"
)

// clusterCard shows a cluster as text and as HTML.
func clusterCard(st *interp.ClusterStatus) cellio.Data {
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
	rows := clusterRows(st)
	var text, card strings.Builder
	text.WriteString(title + "\n")
	fmt.Fprintf(&card, `<div style="border:1px solid #8884;border-radius:6px;padding:8px 12px;display:inline-block"><b>%s</b><table>`, html.EscapeString(title))
	for _, r := range rows {
		fmt.Fprintf(&text, "  %-8s %s\n", r[0], r[1])
		fmt.Fprintf(&card, `<tr><td style="text-align:left">%s</td><td style="text-align:left">%s</td></tr>`, html.EscapeString(r[0]), html.EscapeString(r[1]))
	}
	card.WriteString("</table></div>")
	data := cellio.Data{}
	for mime, s := range map[string]string{"text/plain": strings.TrimSuffix(text.String(), "\n"), "text/html": card.String()} {
		b, err := json.Marshal(s)
		if err == nil { // a string always encodes
			data[mime] = b
		}
	}
	return data
}

func clusterRows(st *interp.ClusterStatus) (rows [][2]string) {
	add := func(name, format string, args ...any) {
		rows = append(rows, [2]string{name, fmt.Sprintf(format, args...)})
	}
	add("CPUs", "%v of %v free", max(st.Free.CPU, 0), st.Total.CPU)
	if st.Total.GPU > 0 {
		add("GPUs", "%v of %v free", st.Free.GPU, st.Total.GPU)
	}
	add("memory", "%s of %s free for tasks that ask", bytesize.Format(st.Free.Memory), bytesize.Format(st.Total.Memory))
	if st.Store != nil {
		add("store", "%s of %s used", bytesize.Format(st.Store.Busy), bytesize.Format(st.Store.Capacity))
	}
	add("workers", "%d", st.Workers)
	counts := map[wire.TaskState]int{}
	for _, t := range st.Tasks {
		counts[t.State] += t.Tasks
	}
	var states []string
	for _, state := range slices.Sorted(maps.Keys(counts)) {
		states = append(states, fmt.Sprintf("%d %s", counts[state], state))
	}
	if len(states) == 0 {
		states = []string{"none"}
	}
	add("tasks", "%s", strings.Join(states, ", "))
	if st.Version != "" {
		add("version", "%s", st.Version)
	}
	add("address", "%s", st.Address)
	if st.Took > 0 {
		add("ready in", "%v", st.Took.Round(time.Millisecond))
	}
	return rows
}
