package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"syscall"

	"mobula/cluster/headclient"
	"mobula/cluster/jobapi"
	"mobula/cluster/metrics"
	"mobula/cluster/wire"
	"mobula/dashboard"
)

// defaultDashboard is where the pages of heads are. A second head of a machine takes a free port.
var defaultDashboard = net.JoinHostPort(loopback, "8265")

// off is the value of --dashboard and --metrics where there are to be none.
const off = "off"

// checkServers finds the mistakes in --dashboard and --metrics.
func (o *startOptions) checkServers() error {
	switch {
	case !o.head && o.dashboard != "":
		return misuse("--dashboard is for --head, which serves the pages of all the cluster")
	case o.embedded && o.metrics != "":
		return misuse("--embedded goes without --metrics: such a cluster has no user token to read them with")
	}
	for _, f := range []struct{ flag, value string }{{"dashboard", o.dashboard}, {"metrics", o.metrics}} {
		if f.value == "" || f.value == off {
			continue
		}
		_, port, err := net.SplitHostPort(f.value)
		if _, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil {
			return misuse("--%s %s is not HOST:PORT, nor %s: give an address of this machine, as in %s", f.flag, f.value, off, defaultDashboard)
		}
	}
	return nil
}

// servers are what a node serves over HTTP.
type servers struct {
	pages, metrics *dashboard.Server  // nil where there are none
	client         *headclient.Client // of the head, for both; nil where there is neither
}

func (s *servers) close() error {
	var err error
	for _, server := range []*dashboard.Server{s.pages, s.metrics} {
		if server != nil {
			err = errors.Join(err, server.Close())
		}
	}
	if s.client != nil {
		s.client.Close()
	}
	return err
}

// serveHTTP starts the dashboard of a head, and the metrics of a node where they are wanted.
func (o *startOptions) serveHTTP(ctx context.Context, c *localCluster, logger *slog.Logger) error {
	wantsPages, wantsMetrics := c.head != nil && o.dashboard != off, o.metrics != "" && o.metrics != off
	if !wantsPages && !wantsMetrics {
		return nil
	}
	conf := headclient.Config{Build: version, Role: wire.RoleCLI, Addresses: []string{"unix:" + c.node.Address()}, Logger: logger}
	if c.head != nil {
		conf.Dial, conf.Role = c.head.Dial, ""
	}
	var err error
	if c.http.client, err = headclient.Connect(ctx, conf); err != nil {
		return fmt.Errorf("start the dashboard: %w", err)
	}
	if wantsPages {
		if err := o.servePages(ctx, c, logger); err != nil {
			return err
		}
	}
	if wantsMetrics {
		return o.serveMetrics(ctx, c, logger)
	}
	return nil
}

func (o *startOptions) servePages(ctx context.Context, c *localCluster, logger *slog.Logger) error {
	conf := dashboard.Config{Caller: c.http.client, Process: true, Version: version, Logger: logger}
	conf.Jobs = http.StripPrefix("/api/jobs", jobapi.Handler(c.http.client))
	listen, usual := o.dashboard, o.dashboard == ""
	switch {
	case o.embedded: // nobody has a token of it
		if usual {
			listen = net.JoinHostPort(loopback, "0")
		}
	default:
		conf.Accepts = c.head.AcceptsUser
		if usual {
			listen = defaultDashboard
		}
	}
	pages := dashboard.New(conf)
	c.http.pages = pages
	e, err := o.endpoint(c, listen)
	if err != nil {
		return err
	}
	err = pages.Start(ctx, e)
	if usual && errors.Is(err, syscall.EADDRINUSE) {
		logger.Info("the dashboard takes a free port: another one has the usual port", "port", defaultDashboard)
		e.Listen = net.JoinHostPort(loopback, "0")
		err = pages.Start(ctx, e)
	}
	if err != nil {
		return explainListen(err, "dashboard")
	}
	c.head.SetDashboard(pages.Address(), pages.Link)
	return nil
}

func (o *startOptions) serveMetrics(ctx context.Context, c *localCluster, logger *slog.Logger) error {
	conf := dashboard.ExporterConfig{Logger: logger}
	if c.head != nil {
		conf.Accepts = c.head.AcceptsUser
		conf.Handlers = map[string]http.Handler{
			"/metrics": metrics.Handler(logger, metrics.Head(c.http.client), metrics.Process()), "/metrics/nodes": metrics.Handler(logger, metrics.Nodes(c.http.client)),
		}
	} else {
		conf.Accepts = dashboard.AskHead(c.http.client)
		conf.Handlers = map[string]http.Handler{"/metrics": metrics.Handler(logger, metrics.Node(c.node.Figures), metrics.Process())}
	}
	c.http.metrics = dashboard.NewExporter(conf)
	e, err := o.endpoint(c, o.metrics)
	if err != nil {
		return err
	}
	return explainListen(c.http.metrics.Start(ctx, e), "metrics")
}

// endpoint is where something listens. What other machines reach shows a certificate of the cluster's authority.
func (o *startOptions) endpoint(c *localCluster, listen string) (dashboard.Endpoint, error) {
	e := dashboard.Endpoint{Listen: listen}
	if e.Local() {
		return e, nil
	}
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return e, err
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = reachable(o.host)
	}
	e.Host = host
	if c.head == nil {
		if certificate, ok := c.node.Certificate(); ok {
			e.Certificate = &certificate
		}
		return e, nil
	}
	names := []string{host, loopback, "localhost"}
	if name, err := os.Hostname(); err == nil {
		names = append(names, name)
	}
	certificate, err := c.head.Certificate(names...)
	e.Certificate = &certificate
	return e, err
}

// explainListen adds what to do where a port is taken.
func explainListen(err error, flag string) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w: give another port with --%s HOST:PORT (0: a free one)", err, flag)
	}
	return err
}
