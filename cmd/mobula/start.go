package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"mobula/cluster/head"
	"mobula/cluster/headwire"
	"mobula/cluster/node"
	"mobula/cluster/replog"
	"mobula/cluster/sched"
	"mobula/internal/bytesize"
	"mobula/internal/filelock"
	"mobula/internal/sysmem"
	"mobula/interp/clusterproc"
	"mobula/objstore/store"
)

// defaultPort is where heads listen.
const defaultPort = 10001

// loopback is where heads and nodes of notebooks listen, for others of the same notebook.
const loopback = "127.0.0.1"

// startOptions are the flags of  mobula start.
type startOptions struct {
	head, embedded, background bool
	host, port, dir, name      string
	address, token, nodeName   string
	cpus, gpus, memory, store  string
	jobQuota                   string
	resources, labels          string
	logLevel, logFile          string
}

func parseStart(args []string) (*startOptions, error) {
	o := &startOptions{}
	f := flag.NewFlagSet("start", flag.ContinueOnError)
	f.BoolVar(&o.head, "head", false, "")
	f.BoolVar(&o.embedded, "embedded", false, "")
	f.BoolVar(&o.background, "background", false, "")
	for name, to := range map[string]*string{
		"host": &o.host, "port": &o.port, "dir": &o.dir, "name": &o.name, "address": &o.address, "token": &o.token, "node-name": &o.nodeName,
		"num-cpus": &o.cpus, "num-gpus": &o.gpus, "memory": &o.memory, "object-store": &o.store, "job-quota": &o.jobQuota, "resources": &o.resources, "labels": &o.labels,
		"log-level": &o.logLevel, "log-file": &o.logFile,
	} {
		f.StringVar(to, name, "", "")
	}
	if err := parse(f, args); err != nil {
		return nil, err
	}
	return o, o.check()
}

// check finds the mistakes that need no cluster.
func (o *startOptions) check() error {
	switch {
	case o.head && o.address != "":
		return usageError{"start: --head makes a new cluster, and --address joins one: give one of them"}
	case !o.head && o.address == "":
		return usageError{"start: give --head to make a cluster, or --address HOST:PORT and --token to join one"}
	case o.embedded && (o.port != "" || o.host != "" || o.dir != "" || o.background):
		return usageError{"start: --embedded goes without --host, --port, --dir and --background: nobody else can reach such a cluster"}
	case !o.head && (o.port != "" || o.dir != "" || o.name != ""):
		return usageError{"start: --port, --dir and --name are for --head"}
	}
	if o.port != "" {
		if n, err := strconv.Atoi(o.port); err != nil || n < 0 || n > 65535 {
			return usageError{fmt.Sprintf("start: --port %s is no port: give a number up to 65535; 0 takes a free one", o.port)}
		}
	}
	if o.address != "" {
		if _, err := o.joinToken(); err != nil {
			return err
		}
	}
	if _, err := o.gpuCount(); err != nil {
		return err
	}
	_, err := o.nodeConfig()
	return err
}

func (o *startOptions) joinToken() (*headwire.Token, error) {
	token, err := readToken(cmp.Or(o.token, os.Getenv(envToken)))
	if err != nil {
		return nil, err
	}
	if token == nil || token.Kind != headwire.JoinToken {
		return nil, usageError{"start: --token wants the join token, or the file that the head wrote it to (it is in the output of  mobula start --head)"}
	}
	return token, nil
}

// nodeConfig is what the flags say of the node, without its devices: to find these takes longer.
func (o *startOptions) nodeConfig() (c node.Config, err error) {
	c = node.Config{Starter: node.Processes{}, Version: version, Name: o.nodeName, Embedded: o.embedded}
	fail := func(flag string, err error) (node.Config, error) {
		return c, usageError{fmt.Sprintf("start: --%s: %v", flag, err)}
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
}

func (c *localCluster) close() error {
	err := c.node.Close()
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
		hc.Log = replog.In(hc.Dir, logger)
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
	conf.Head = &node.HeadConfig{Addresses: []string{withPort(o.address)}, Token: token}
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

// startCommand runs a node until it is told to end.
func startCommand(ctx context.Context, args []string, out io.Writer) error {
	o, err := parseStart(args)
	if err != nil {
		return err
	}
	if o.background {
		return startInBackground(ctx, args, out)
	}
	if guarded, err := guard(args); guarded {
		return err
	}
	logger, closeLog, err := logger(o.logLevel, o.logFile)
	if err != nil {
		return err
	}
	defer closeLog()
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // whoever read what it says may have gone: it still ends in order
	if o.embedded {
		ctx = untilEOF(ctx, os.Stdin)
	}
	c, err := o.open(context.WithoutCancel(ctx), logger) // it ends in order: the node tells the head
	if err != nil {
		return err
	}
	if err := o.tell(c, out); err != nil {
		return errors.Join(err, c.close())
	}
	<-ctx.Done()
	return c.close()
}

// untilEOF ends with the input: whoever holds its other end has gone, then.
func untilEOF(ctx context.Context, in io.Reader) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	go func() { // ends with the process at the latest
		defer cancel()
		_, _ = io.Copy(io.Discard, in) // an error is an end, too
	}()
	return ctx
}

// tell says how the cluster is used.
func (o *startOptions) tell(c *localCluster, out io.Writer) error {
	if o.embedded {
		ready := clusterproc.Ready{Address: c.node.Address(), Node: c.node.ID().String(), PID: os.Getpid()}
		if c.head != nil {
			ready.Head, ready.Join = c.head.Address(), c.head.JoinToken().Text()
		}
		return json.NewEncoder(out).Encode(ready)
	}
	text := bufio.NewWriter(out)
	if c.head != nil {
		dir, err := o.headDir()
		if err != nil {
			return err
		}
		writeHeadNotice(text, headNotice{
			address: c.head.Address(), joinToken: filepath.Join(dir, head.JoinTokenFile), userToken: filepath.Join(dir, head.UserTokenFile),
			socket: c.node.Address(),
		})
	} else {
		fmt.Fprintf(text, "This node has joined the cluster of %s.\n\nSee it with       mobula status\nPrograms          connect with  MOBULA_ADDRESS=%s\nLeave it with     mobula stop\n", withPort(o.address), c.node.Address())
	}
	return text.Flush()
}

type headNotice struct{ address, joinToken, userToken, socket string }

func writeHeadNotice(w io.Writer, n headNotice) {
	fmt.Fprintf(w, `The cluster's head runs at %[1]s, with a node of this machine.

Add a node        mobula start --address %[1]s --token FILE
                  with FILE a copy of %[2]s
See it with       mobula status
                  from elsewhere with  --address %[1]s --token FILE  and FILE a copy of %[3]s
Programs          connect with  MOBULA_ADDRESS=%[4]s
                  and on another machine to the node there: its  mobula status  tells the address
End it with       mobula stop
`, n.address, n.joinToken, n.userToken, n.socket)
}

// startTime bounds how long a start in the background is waited for.
const startTime = 30 * time.Second
