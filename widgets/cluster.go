package widgets

import (
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"mobula/display"
	"mobula/internal/bytesize"
)

const (
	maxNodes  = 500 // of a cluster that are sent to a front end
	maxListed = 50  // jobs, and reasons to wait
)

// Cluster is the state of a cluster, as a card and in the side bar.
type Cluster struct {
	Title        string         `json:"title"`
	State        string         `json:"state"`             // connected, starting, stopping or lost
	Own          bool           `json:"own"`               // it is the notebook's own, and ends with it
	Via          string         `json:"via,omitempty"`     // the name of the node through which cells reach it
	Address      string         `json:"address,omitempty"` // of that node
	Nodes        []Node         `json:"nodes"`
	NodesOmitted int            `json:"nodes_omitted,omitempty"` // live ones of which no more is told
	Resources    []Resource     `json:"resources"`               // of all live nodes
	Store        *Store         `json:"store,omitempty"`         // of all live nodes, or of Via alone
	Workers      int            `json:"workers"`
	Tasks        map[string]int `json:"tasks"`               // by state
	Waiting      []Waiting      `json:"waiting"`             // for resources
	Jobs         []Job          `json:"jobs"`                // those that run first
	Dashboard    bool           `json:"dashboard,omitempty"` // it has one, which the front end may open
	// DashboardURL is where it is, an http or https URL or a path on the Jupyter server, for people who sign in there: it holds no secret. Tunnel is the command
	// that makes it reachable from their machine, where one is needed.
	DashboardURL string    `json:"dashboard_url,omitempty"`
	Tunnel       string    `json:"tunnel,omitempty"`
	Scalable     bool      `json:"scalable,omitempty"`     // nodes can be added and taken away
	Version      string    `json:"version,omitempty"`      // of the mobula that its head is of
	ConnectedIn  float64   `json:"connected_in,omitempty"` // seconds that it took to connect just now
	Message      string    `json:"message,omitempty"`      // what is wrong, and what to do
	Updated      time.Time `json:"updated,omitzero"`       // left out where a state is sent on change only
}

// Node is one machine of a cluster.
type Node struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	State     string     `json:"state"` // alive, suspect, draining or dead
	Resources []Resource `json:"resources"`
	Store     *Store     `json:"store,omitempty"`
	Workers   int        `json:"workers"`
}

// Resource is how much there is of a resource.
type Resource struct {
	Name  string  `json:"name"`
	Unit  string  `json:"unit,omitempty"` // "bytes", or "" for a number of things
	Free  float64 `json:"free"`
	Total float64 `json:"total"`
}

// Store is the object store of a node, in bytes.
type Store struct {
	Used     int64 `json:"used"`
	Capacity int64 `json:"capacity"`
	Spilled  int64 `json:"spilled,omitempty"` // on disk
}

// Waiting are tasks that no node can take now.
type Waiting struct {
	Tasks  int    `json:"tasks"`
	What   string `json:"what"` // each of them asks for
	Reason string `json:"reason,omitempty"`
}

// Job is a program or notebook that uses a cluster.
type Job struct {
	ID      string    `json:"id"`
	Name    string    `json:"name,omitempty"`
	State   string    `json:"state"`
	Created time.Time `json:"created,omitzero"`
}

// JSON is the state for front ends, as widgets/schema/cluster.json describes it.
func (c Cluster) JSON() json.RawMessage {
	c.Title, c.Message = clip(c.Title, maxName), clip(c.Message, maxError)
	c.DashboardURL, c.Tunnel = pageOf(c.DashboardURL), clip(c.Tunnel, maxName)
	c.Resources = list(c.Resources)[:min(len(c.Resources), maxListed)]
	c.Waiting = slices.Clone(list(c.Waiting)[:min(len(c.Waiting), maxListed)])
	for i, w := range c.Waiting {
		c.Waiting[i].What, c.Waiting[i].Reason = clip(w.What, maxName), clip(w.Reason, maxName)
	}
	c.Jobs = slices.Clone(list(c.Jobs)[:min(len(c.Jobs), maxListed)])
	for i, j := range c.Jobs {
		c.Jobs[i].Name = clip(j.Name, maxName)
	}
	if c.Tasks == nil {
		c.Tasks = map[string]int{}
	}
	nodes, omitted := slices.Clone(list(c.Nodes)), c.NodesOmitted
	for i := range nodes {
		nodes[i].Resources = list(nodes[i].Resources)
	}
	return fit(min(len(nodes), maxNodes), func(n int) any {
		c.Nodes, c.NodesOmitted = nodes[:n], omitted+len(nodes)-n
		return c
	})
}

// Display shows the cluster.
func (c Cluster) Display() display.Bundle {
	summary, nodes := c.summary(), c.nodeGrid()
	markup, text := summary.HTML(), c.heading()+"\n"+summary.Text()
	if c.Message != "" {
		markup = "<p>" + html.EscapeString(clip(c.Message, maxError)) + "</p>" + markup
		text += "\n" + clip(c.Message, maxError)
	}
	if page := pageOf(c.DashboardURL); page != "" {
		markup += `<p>Dashboard: <a href="` + html.EscapeString(page) + `" target="_blank" rel="noopener">` + html.EscapeString(page) + "</a></p>"
		text += "\nDashboard: " + page
		if c.Tunnel != "" {
			markup += "<p>To reach it, run on your machine: <code>" + html.EscapeString(clip(c.Tunnel, maxName)) + "</code></p>"
			text += "\nTo reach it, run on your machine: " + clip(c.Tunnel, maxName)
		}
	}
	if len(nodes.Cells) > 0 {
		markup += details(counted(c.nodes(), "node"), nodes.HTML())
	}
	return bundle("cluster", c.JSON(), figure(c.heading(), markup), text)
}

// pageOf is a URL of a web page, or a path on the server of the page that shows it; "" where it is neither.
func pageOf(text string) string {
	u, err := url.Parse(text)
	if err != nil || len(text) > maxName || u.User != nil {
		return ""
	}
	if (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" || u.Scheme == "" && u.Host == "" && strings.HasPrefix(u.Path, "/") {
		return u.String()
	}
	return ""
}

// nodes is the number of live nodes.
func (c Cluster) nodes() int {
	n := c.NodesOmitted
	for _, node := range c.Nodes {
		if node.State != "dead" {
			n++
		}
	}
	return n
}

func (c Cluster) heading() string {
	state := c.State
	if state == "connected" {
		state = "" // as is to be expected
	}
	via := ""
	if c.Via != "" && c.nodes() > 1 {
		via = "reached through " + c.Via
	}
	return clip(joined(", ", c.Title, state, counted(c.nodes(), "node"), via), maxName)
}

func (c Cluster) summary() display.Grid {
	var rows [][]string
	add := func(name, value string) {
		if value != "" {
			rows = append(rows, []string{name, value})
		}
	}
	for _, r := range c.Resources {
		add(r.Name, r.String())
	}
	if c.Store != nil {
		add("object store", c.Store.String())
	}
	add("workers", strconv.Itoa(c.Workers))
	add("tasks", c.tasks())
	for _, w := range c.Waiting[:min(len(c.Waiting), 3)] {
		add("waiting", joined(": ", fmt.Sprintf("%s for %s", counted(w.Tasks, "task"), w.What), w.Reason))
	}
	for _, j := range c.Jobs[:min(len(c.Jobs), 3)] {
		add("job", joined(" ", j.ID, j.Name, j.State))
	}
	add("version", clip(c.Version, maxName))
	add("address", c.Address)
	if c.ConnectedIn > 0 {
		add("ready in", display.Duration(time.Duration(c.ConnectedIn*float64(time.Second))))
	}
	return grid([]string{"figure", "value"}, "ll", rows, len(rows))
}

func (c Cluster) tasks() string {
	var states []string
	for _, state := range slices.Sorted(maps.Keys(c.Tasks)) {
		states = append(states, fmt.Sprintf("%d %s", c.Tasks[state], state))
	}
	if len(states) == 0 {
		return "none"
	}
	return strings.Join(states, ", ")
}

func (c Cluster) nodeGrid() display.Grid {
	var names []string
	for _, n := range c.Nodes {
		for _, r := range n.Resources {
			if !slices.Contains(names, r.Name) {
				names = append(names, r.Name)
			}
		}
	}
	var rows [][]string
	for _, n := range c.Nodes {
		row := []string{n.Name, n.State}
		for _, name := range names {
			text := ""
			if i := slices.IndexFunc(n.Resources, func(r Resource) bool { return r.Name == name }); i >= 0 {
				text = n.Resources[i].String()
			}
			row = append(row, text)
		}
		store := ""
		if n.Store != nil {
			store = n.Store.String()
		}
		rows = append(rows, append(row, store, strconv.Itoa(n.Workers)))
	}
	columns := slices.Concat([]string{"node", "state"}, names, []string{"object store", "workers"})
	g := grid(columns, strings.Repeat("l", len(columns)-1)+"r", rows, 20)
	g.MoreRows += c.NodesOmitted
	return g
}

// String is as in "3 of 4 free".
func (r Resource) String() string {
	return fmt.Sprintf("%s of %s free", r.amount(max(r.Free, 0)), r.amount(r.Total))
}

func (r Resource) amount(v float64) string {
	if r.Unit == "bytes" {
		return bytesize.Format(int64(v))
	}
	return number(v)
}

// String is as in "1 GB of 2 GB used".
func (s Store) String() string {
	spilled := ""
	if s.Spilled > 0 {
		spilled = bytesize.Format(s.Spilled) + " on disk"
	}
	return joined(", ", fmt.Sprintf("%s of %s used", bytesize.Format(s.Used), bytesize.Format(s.Capacity)), spilled)
}
