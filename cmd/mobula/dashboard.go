package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"

	"github.com/spf13/cobra"

	"mobula/cluster/headclient"
	"mobula/cluster/headwire"
	"mobula/internal/reach"
)

// dashboardCommand is  mobula dashboard.
func dashboardCommand() *cobra.Command {
	var c clusterFlags
	cmd := &cobra.Command{
		Use:   "dashboard",
		Short: "make a link that opens the cluster's dashboard",
		Long: `Make a link that opens the cluster's dashboard in a browser: nodes, jobs, tasks, actors, objects, logs
and metrics, as they are now. The link works once and for a few minutes; the browser stays signed in
for half a day. Whoever has the link is let in: do not pass it on.`,
		Example: `  mobula dashboard
  mobula dashboard --address 10.0.0.1:10001 --token user-token`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.showDashboard(cmd.Context(), cmd.OutOrStdout()) },
	}
	c.register(cmd)
	return cmd
}

// dashboardWay is how the dashboard is opened.
type dashboardWay struct {
	URL     string `json:"url"` // with its code
	Address string `json:"address"`
	Seconds int    `json:"seconds"`          // that the link is good for
	Tunnel  string `json:"tunnel,omitempty"` // what makes it reachable from other machines; "" where it is
	Here    bool   `json:"here"`             // it is reached from this machine without
}

func (c *clusterFlags) showDashboard(ctx context.Context, out io.Writer) error {
	client, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	cluster, err := headclient.AskWithin(ctx, connectTime, client, headwire.GetCluster, headwire.None{})
	if err != nil {
		return err
	}
	link, err := headclient.AskWithin(ctx, connectTime, client, headwire.GetDashboard, headwire.None{})
	if err != nil {
		return err
	}
	host, _, _ := net.SplitHostPort(cluster.Address) // an embedded head's may be empty: it is here
	name, _ := os.Hostname()                         // without a name the address does
	way, err := wayTo(link, cmp.Or(host, loopback), name, os.Getenv)
	if err != nil {
		return err
	}
	if c.output == asJSON {
		return writeJSON(out, way)
	}
	return way.write(out)
}

// wayTo finds how a link is opened whose head is at a host. name is that of this machine.
func wayTo(link headwire.DashboardLink, head, name string, getenv func(string) string) (way dashboardWay, err error) {
	way = dashboardWay{URL: link.URL(), Address: link.Address, Seconds: link.Seconds, Here: true}
	u, err := url.Parse(link.Address)
	if err != nil {
		return way, fmt.Errorf("the head says that its dashboard is at %q: %w", link.Address, err)
	}
	if !reach.Loopback(u.Hostname()) {
		return way, nil
	}
	way.Here = reach.Here(head)
	to := head
	if way.Here {
		to = cmp.Or(reach.Login(getenv), name, head)
	}
	way.Tunnel = reach.Tunnel(u.Port(), to)
	return way, nil
}

func (w *dashboardWay) write(out io.Writer) error {
	before, after := "", ""
	switch {
	case !w.Here:
		before = fmt.Sprintf("The dashboard listens on the head's machine only. Where your browser is, run first\n\n  %s\n\n", w.Tunnel)
	case w.Tunnel != "":
		after = fmt.Sprintf("\nIf your browser is on another machine, run there first\n\n  %s\n", w.Tunnel)
	}
	_, err := fmt.Fprintf(out, "%sOpen  %s\n\nThe link works once, within %d minutes.\n%s", before, w.URL, w.Seconds/60, after)
	return err
}
