package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"mobula/cluster/head"
	"mobula/cluster/headwire"
	"mobula/cluster/node"
	"mobula/cluster/replog"
	"mobula/cluster/sched"
	"mobula/internal/bytesize"
	"mobula/internal/filelock"
	"mobula/internal/sysmem"
	"mobula/objstore/store"
)

func (o *startOptions) joinToken() (*headwire.Token, error) {
	token, err := readToken(cmp.Or(o.token, os.Getenv(envToken)))
	if err != nil {
		return nil, err
	}
	kind, what := headwire.JoinToken, "join"
	if o.head {
		kind, what = headwire.HeadToken, "head"
	}
	if token == nil || token.Kind != kind {
		return nil, misuse("--token wants the %s token, or the file that the head wrote it to (it is in the output of  mobula start --head)", what)
	}
	return token, nil
}

// nodeConfig is what the flags say of the node, without its devices: to find these takes longer.
func (o *startOptions) nodeConfig() (c node.Config, err error) {
	c = node.Config{Starter: node.Processes{}, Version: version, Name: o.nodeName, Embedded: o.embedded}
	if c.Command, err = os.Executable(); err != nil {
		return c, fmt.Errorf("find this program: %w", err)
	}
	fail := func(flag string, err error) (node.Config, error) {
		return c, misuse("--%s: %v", flag, err)
	}
	c.Resources.CPU = sched.Whole(machineCPUs())
	if o.cpus != "" {
		if c.Resources.CPU, err = sched.ParseAmount(o.cpus); err != nil {
			return fail("num-cpus", err)
		}
	}
	memory, err := sysmem.System.Left()
	if err != nil {
		return c, fmt.Errorf("find out how much memory there is: %w", err)
	}
	c.Resources.Memory = memory.Total
	c.Store = store.Config{Capacity: store.DefaultCapacity(memory)}
	for flag, size := range map[string]struct {
		text string
		to   *int64
	}{"memory": {o.memory, &c.Resources.Memory}, "object-store": {o.store, &c.Store.Capacity}, "job-quota": {o.jobQuota, &c.Store.DefaultQuota}} {
		if size.text == "" {
			continue
		}
		if *size.to, err = bytesize.Parse(size.text); err != nil {
			return fail(flag, err)
		}
	}
	if c.Resources.Custom, err = parsePairs(o.resources, sched.ParseAmount); err != nil {
		return fail("resources", err)
	}
	if c.Labels, err = parsePairs(o.labels, parseLabel); err != nil {
		return fail("labels", err)
	}
	if err := c.Resources.Validate(); err != nil {
		return fail("resources", err)
	}
	c.NoTasks = o.cpus != "" && c.Resources.IsZero()
	return c, nil
}

// parsePairs reads NAME=VALUE,NAME=VALUE.
func parsePairs[V any](text string, value func(string) (V, error)) (map[string]V, error) {
	pairs := map[string]V{}
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, given, ok := strings.Cut(part, "=")
		if !ok || !sched.ValidLabel(name) {
			return nil, fmt.Errorf("%q is not of the form NAME=VALUE, with commas between them", part)
		}
		v, err := value(given)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		pairs[name] = v
	}
	return pairs, nil
}

func parseLabel(text string) (string, error) {
	if !sched.ValidLabel(text) {
		return "", fmt.Errorf("%q is no value of a label: it is made of letters, digits and any of - _ . / : as in eu-west", text)
	}
	return text, nil
}

// localCluster is a node in this process, with the head of its cluster or without.
type localCluster struct {
	head *head.Head // nil for a node that has joined
	node *node.Node
	http servers
}

// pages is a line about the dashboard, "" where there is none.
func (c *localCluster) pages() string {
	if c.http.pages == nil {
		return ""
	}
	return fmt.Sprintf("Dashboard         %s ; a link that opens it:  mobula dashboard\n", c.http.pages.Address())
}

// metrics is the same about metrics that are not the dashboard's.
func (c *localCluster) metrics() string {
	if c.http.metrics == nil {
		return ""
	}
	return fmt.Sprintf("Metrics           %smetrics\n", c.http.metrics.Address())
}

func (c *localCluster) close() error {
	err := errors.Join(c.http.close(), c.node.Close())
	if c.head != nil {
		err = errors.Join(err, c.head.Close())
	}
	return err
}

// open starts what the flags say.
func (o *startOptions) open(ctx context.Context, logger *slog.Logger) (*localCluster, error) {
	conf, err := o.nodeConfig()
	if err != nil {
		return nil, err
	}
	if err := o.addDevices(ctx, &conf); err != nil {
		return nil, err
	}
	conf.Logger = logger
	if !o.head {
		return o.join(ctx, conf)
	}
	hc := head.Config{Name: o.name, Version: version, Logger: logger, Host: loopback, Listen: net.JoinHostPort(loopback, "0")}
	if !o.embedded { // else it keeps nothing: it ends with its notebook
		hc.Host = reachable(o.host)
		hc.Listen = net.JoinHostPort(o.host, cmp.Or(o.port, strconv.Itoa(defaultPort)))
		if hc.Dir, err = o.headDir(); err != nil {
			return nil, err
		}
		hc.Log, hc.Restore = replog.In(hc.Dir, logger), o.restore
		if o.address != "" {
			token, err := o.joinToken()
			if err != nil {
				return nil, err
			}
			_ = os.Unsetenv(envToken) // it is not for the workers
			hc.Join = &head.Join{Addresses: withPorts(o.address), Token: token}
		}
	}
	c := &localCluster{}
	if c.head, err = head.Start(ctx, hc); err != nil {
		return nil, explainHead(err)
	}
	conf.Head = &node.HeadConfig{Dial: c.head.Dial, Listen: net.JoinHostPort(hc.Host, "0")}
	if c.node, err = node.Start(ctx, conf); err != nil {
		return nil, errors.Join(err, c.head.Close())
	}
	return c, nil
}

func (o *startOptions) join(ctx context.Context, conf node.Config) (*localCluster, error) {
	token, err := o.joinToken()
	if err != nil {
		return nil, err
	}
	_ = os.Unsetenv(envToken) // it is not for the workers
	conf.Head = &node.HeadConfig{Addresses: withPorts(o.address), Token: token}
	if o.host != "" {
		conf.Head.Listen = net.JoinHostPort(o.host, "0")
	}
	n, err := node.Start(ctx, conf)
	if err != nil {
		return nil, explainDial(err, headAdvice)
	}
	return &localCluster{node: n}, nil
}

// explainHead adds what to do where another head, or another program, is in the way.
func explainHead(err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w: if that is a head of yours, end it with  mobula stop ; or give another port with --port (0: a free one)", err)
	case errors.Is(err, filelock.ErrHeld):
		return fmt.Errorf("%w: end it with  mobula stop  or give this one another directory with --dir", err)
	}
	return err
}

// headDir is where the state of a head is.
func (o *startOptions) headDir() (string, error) {
	if o.dir != "" {
		return filepath.Abs(o.dir)
	}
	base := os.Getenv("XDG_STATE_HOME")
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("find a place for the head's state: %w: give one with --dir", err)
		}
		base = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(base, "mobula", "head"), nil
}

// withPorts reads the addresses of one head or of several, with commas between them.
func withPorts(addresses string) []string {
	var all []string
	for address := range strings.SplitSeq(strings.TrimPrefix(addresses, "mobula://"), ",") {
		all = append(all, withPort(strings.TrimSpace(address)))
	}
	return all
}

// withPort adds the port of heads where none is given.
func withPort(address string) string {
	address = strings.TrimPrefix(address, "mobula://")
	if _, _, err := net.SplitHostPort(address); err != nil {
		return net.JoinHostPort(strings.Trim(address, "[]"), strconv.Itoa(defaultPort))
	}
	return address
}

// reachable is the host by which others find a listener of this machine.
func reachable(host string) string {
	if ip := net.ParseIP(host); host != "" && (ip == nil || !ip.IsUnspecified()) {
		return host
	}
	addresses, err := net.InterfaceAddrs()
	if err == nil {
		for _, a := range addresses {
			if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() && n.IP.To4() != nil {
				return n.IP.String()
			}
		}
	}
	return "127.0.0.1"
}
