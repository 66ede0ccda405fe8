package magic

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"

	"mobula/internal/reach"
	"mobula/interp"
)

// dashboardPlace is where a person opens the dashboard of a cluster. It holds no code: outputs are saved.
type dashboardPlace struct {
	url    string // of a page, or a path on the Jupyter server
	tunnel string // what makes it reachable, "" where it is
}

// placeOf finds where the dashboard is for somebody who sits at the Jupyter server. head is the host of the cluster's head.
func placeOf(address, head string, getenv func(string) string) (p dashboardPlace) {
	u, err := url.Parse(address)
	if address == "" || err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return p
	}
	p.url = address
	switch {
	case !reach.Loopback(u.Hostname()):
	case !reach.Here(cmp.Or(head, u.Hostname())):
		p.tunnel = reach.Tunnel(u.Port(), head)
	case serverPrefix(getenv) != "":
		p.url = serverPrefix(getenv) + proxyPath(u.Port())
	default:
		if login := reach.Login(getenv); login != "" {
			p.tunnel = reach.Tunnel(u.Port(), login)
		}
	}
	return p
}

// proxyPath is where jupyter-server-proxy passes a port on, below the base URL of the Jupyter server.
func proxyPath(port string) string { return "proxy/" + port + "/" }

// serverPrefix is the base URL of a Jupyter server that a hub has started, "" where none says so.
func serverPrefix(getenv func(string) string) string {
	prefix := cmp.Or(getenv("JUPYTERHUB_SERVICE_PREFIX"), getenv("JPY_BASE_URL"))
	if !strings.HasPrefix(prefix, "/") || strings.HasPrefix(prefix, "//") {
		return ""
	}
	return strings.TrimSuffix(prefix, "/") + "/"
}

// DashboardOpening is what Mobula's JupyterLab extension opens, once.
type DashboardOpening struct {
	URL    string `json:"url"`              // a path below the base URL of the Jupyter server, or a URL
	Direct string `json:"direct,omitempty"` // for browsers on the server's machine, where nothing passes the port on
}

// OpeningOf is how a link is opened out of a page of the Jupyter server.
func OpeningOf(link interp.DashboardLink) (o DashboardOpening, err error) {
	u, err := url.Parse(link.URL())
	switch {
	case err != nil:
		return o, fmt.Errorf("the cluster says that its dashboard is at %q, which is no URL", link.Address)
	case !reach.Loopback(u.Hostname()):
		return DashboardOpening{URL: u.String()}, nil
	case !reach.Here(cmp.Or(link.Head, u.Hostname())):
		return o, fmt.Errorf("the dashboard listens on the machine of the cluster's head only: run  %s  on yours, and open there what  mobula dashboard  prints on %s",
			reach.Tunnel(u.Port(), link.Head), link.Head)
	}
	return DashboardOpening{URL: proxyPath(u.Port()) + "?" + u.RawQuery, Direct: u.String()}, nil
}
