package widgets

import (
	"fmt"
	"html"
	"strings"
	"time"

	"mobula/display"
)

// Cluster is what a cluster has and does.
type Cluster struct {
	Title     string     `json:"title"`
	Own       bool       `json:"own"` // it ends with its notebook
	Nodes     int        `json:"nodes"`
	Workers   int        `json:"workers"`
	Resources []Resource `json:"resources"`
	Tasks     []Count    `json:"tasks"`
	Version   string     `json:"version,omitempty"`
	Address   string     `json:"address"`
	Took      int64      `json:"took,omitempty"` // ms to connect
}

// Resource is something that tasks use up.
type Resource struct {
	Name  string  `json:"name"`
	Used  float64 `json:"used"`
	Total float64 `json:"total"`
	Text  string  `json:"text"` // both, for people
}

// Count is how many tasks are in a state.
type Count struct {
	State string `json:"state"`
	Tasks int    `json:"tasks"`
}

// rows are what is said of a cluster beside its title.
func (c *Cluster) rows() (rows [][2]string) {
	for _, r := range c.Resources {
		rows = append(rows, [2]string{r.Name, r.Text})
	}
	var states []string
	for _, t := range c.Tasks {
		states = append(states, fmt.Sprintf("%d %s", t.Tasks, t.State))
	}
	if len(states) == 0 {
		states = []string{"none"}
	}
	rows = append(rows, [2]string{"workers", fmt.Sprint(c.Workers)}, [2]string{"tasks", strings.Join(states, ", ")})
	if c.Version != "" {
		rows = append(rows, [2]string{"version", c.Version})
	}
	rows = append(rows, [2]string{"address", c.Address})
	if c.Took > 0 {
		rows = append(rows, [2]string{"ready in", (time.Duration(c.Took) * time.Millisecond).String()})
	}
	return rows
}

// Bundle shows the cluster as a card.
func (c Cluster) Bundle() display.Bundle {
	if c.Resources == nil {
		c.Resources = []Resource{}
	}
	if c.Tasks == nil {
		c.Tasks = []Count{}
	}
	var text, page strings.Builder
	text.WriteString(c.Title)
	fmt.Fprintf(&page, `<div style="border:1px solid #8884;border-radius:6px;padding:8px 12px;display:inline-block"><b>%s</b><table><tbody>`, html.EscapeString(c.Title))
	for i, r := range c.rows() {
		meter := ""
		if i < len(c.Resources) && c.Resources[i].Total > 0 {
			x := c.Resources[i]
			meter = fmt.Sprintf(`<meter value="%.4g" max="1"></meter> `, min(1, max(0, x.Used/x.Total)))
		}
		fmt.Fprintf(&text, "\n  %-8s %s", r[0], r[1])
		fmt.Fprintf(&page, `<tr><td style="text-align:left">%s</td><td style="text-align:left">%s%s</td></tr>`, html.EscapeString(r[0]), meter, html.EscapeString(r[1]))
	}
	page.WriteString("</tbody></table></div>")
	return bundle("cluster", c, page.String(), text.String())
}

// Display shows the cluster.
func (c Cluster) Display() display.Bundle { return c.Bundle() }
