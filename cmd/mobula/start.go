package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"

	"mobula/cluster/head"
	"mobula/interp/clusterproc"
)

// loopback is where heads and nodes of notebooks listen, for others of the same notebook.
const loopback = "127.0.0.1"

// defaultPort is where heads listen.
const defaultPort = 10001

// startOptions are the flags of  mobula start.
type startOptions struct {
	head, embedded, background bool
	host, port, dir, name      string
	address, token, nodeName   string
	cpus, gpus, memory, store  string
	jobQuota, restore          string
	resources, labels          string
	logLevel, logFile          string
	dashboard, metrics         string
}

// startCommand is  mobula start: a head with a node, or a node.
func startCommand() *cobra.Command {
	o := &startOptions{}
	cmd := &cobra.Command{
		Use:   "start (--head | [--head] --address HOST:PORT --token FILE)",
		Short: "make a cluster of this machine, or join one with it",
		Long: `Make a cluster, with its head and a node of this machine, or join one with a node of this machine.
It runs until it is told to end, by a signal or by  mobula stop .

The head keeps what the cluster must not forget in a folder (--dir): started again with the same one,
it knows everything. It writes tokens there, for nodes that join, users and further heads, and says
where. With --head and --address this machine becomes a further head: of three, any one may be lost.

The node offers what the machine has, unless flags say less, or more.`,
		Example: `  mobula start --head                                           # for this machine and others
  mobula start --head --host 127.0.0.1 --port 0 --background    # for this machine only
  mobula start --address 10.0.0.1:10001 --token join-token      # on each other machine
  mobula start --head --address 10.0.0.1:10001 --token head-token   # on two: three heads in all
  mobula start --head --dashboard 0.0.0.0:8265                  # its pages for other machines, too
  mobula start --head --num-cpus 2 --resources license=1,disk=0.5 --labels zone=eu`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return o.run(cmd.Context(), cmd)
		},
	}
	o.registerCluster(cmd)
	o.registerNode(cmd)
	return cmd
}

// registerCluster declares the flags that say which cluster it is.
func (o *startOptions) registerCluster(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&o.head, "head", false, "make a cluster, with its head here")
	textFlag(cmd, &o.address, "address", "HOST:PORT,...", "head of the cluster to join, or several (default none)")
	textFlag(cmd, &o.token, "token", "FILE", "join token, with --head the head token, or its file (default $MOBULA_TOKEN)")
	textFlag(cmd, &o.host, "host", "HOST", "how others reach this machine (default its first address)")
	textFlag(cmd, &o.port, "port", "PORT", "where the head listens; 0 takes a free one (default "+strconv.Itoa(defaultPort)+")")
	textFlag(cmd, &o.dir, "dir", "DIR", "where the head keeps its state (default $XDG_STATE_HOME/mobula/head)")
	textFlag(cmd, &o.name, "name", "NAME", "name of the cluster, for people (default none)")
	textFlag(cmd, &o.restore, "restore", "FILE", "backup to begin with, in a new --dir; see mobula head (default none)")
	textFlag(cmd, &o.dashboard, "dashboard", "HOST:PORT", "where the head serves its dashboard; off: nowhere (default "+defaultDashboard+")")
	textFlag(cmd, &o.metrics, "metrics", "HOST:PORT", "where metrics are served, too (default at the dashboard alone)")
	f.BoolVar(&o.background, "background", false, "return when the node is ready, and leave it running")
	f.BoolVar(&o.embedded, "embedded", false, "end with the standard input, and listen on no port: a notebook's own cluster")
	_ = f.MarkHidden("embedded") // it is there
	noCompletion(cmd, "address", "host", "port", "name", "dashboard", "metrics")
	completeFlag(cmd, "dir", completeDirs)
}

// registerNode declares the flags that say what the node offers, and those of its log.
func (o *startOptions) registerNode(cmd *cobra.Command) {
	textFlag(cmd, &o.nodeName, "node-name", "NAME", "name of the node (default that of the machine)")
	textFlag(cmd, &o.cpus, "num-cpus", "N", "CPUs that the node offers, as in 2 or 0.5 (default all)")
	textFlag(cmd, &o.gpus, "num-gpus", "N", "GPUs that it offers; more than there are: simulated ones (default all)")
	textFlag(cmd, &o.memory, "memory", "SIZE", "memory that tasks can ask for, as in 4GiB (default all)")
	textFlag(cmd, &o.store, "object-store", "SIZE", "memory that objects may take, as in 2GB (default a share of what is left)")
	textFlag(cmd, &o.jobQuota, "job-quota", "SIZE", "memory that the objects of one job may take, as in 1GB (default no bound)")
	textFlag(cmd, &o.resources, "resources", "NAME=N,...", "what else tasks can ask for, by names of your own (default none)")
	textFlag(cmd, &o.labels, "labels", "NAME=VALUE,...", "labels by which tasks can choose the node (default none)")
	noCompletion(cmd, "node-name", "num-cpus", "num-gpus", "memory", "object-store", "job-quota", "resources", "labels")
	logFlags(cmd, &o.logLevel, &o.logFile)
}

// check finds the mistakes that need no cluster.
func (o *startOptions) check() error {
	switch {
	case !o.head && o.address == "":
		return misuse("give --head to make a cluster, or --address HOST:PORT and --token to join one")
	case o.embedded && (o.port != "" || o.host != "" || o.dir != "" || o.background):
		return misuse("--embedded goes without --host, --port, --dir and --background: nobody else can reach such a cluster")
	case o.embedded && o.head && o.address != "":
		return misuse("--embedded makes a cluster of its own, and --address joins one: give one of them")
	case o.restore != "" && (o.embedded || !o.head || o.address != ""):
		return misuse("--restore is for the first head of a cluster: give it with --head and a new --dir, and without --address")
	case o.head && o.address != "" && o.name != "":
		return misuse("--name is for the first head: the cluster has its name")
	case !o.head && (o.port != "" || o.dir != "" || o.name != ""):
		return misuse("--port, --dir and --name are for --head")
	}
	if o.port != "" {
		if n, err := strconv.Atoi(o.port); err != nil || n < 0 || n > 65535 {
			return misuse("--port %s is no port: give a number up to 65535; 0 takes a free one", o.port)
		}
	}
	if err := o.checkServers(); err != nil {
		return err
	}
	if o.address != "" {
		if _, err := o.joinToken(); err != nil {
			return err
		}
	}
	if _, err := o.gpuCount(); err != nil {
		return err
	}
	if _, err := logLevel(o.logLevel); err != nil {
		return err
	}
	_, err := o.nodeConfig()
	return err
}

// run runs the node until it is told to end, or starts another process that does.
func (o *startOptions) run(ctx context.Context, cmd *cobra.Command) error {
	if o.background {
		return startInBackground(ctx, given(cmd.Flags(), "background"), cmd.OutOrStdout())
	}
	if guarded, err := guard(given(cmd.Flags())); guarded {
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
	if err = o.serveHTTP(context.WithoutCancel(ctx), c, logger); err == nil {
		err = o.tell(c, cmd.OutOrStdout())
	}
	if err != nil {
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
		if o.address != "" {
			fmt.Fprintf(text, `This machine is a further head of the cluster of %s, at %s, with a node.

See the heads     mobula list heads
%sPrograms          connect with  MOBULA_ADDRESS=%s
For good, it is   mobula head remove  that takes it from the heads
End it with       mobula stop
`, o.address, c.head.Address(), c.pages()+c.metrics(), c.node.Address())
			return text.Flush()
		}
		if o.restore != "" {
			fmt.Fprintf(text, "The cluster of %s goes on here. Its tokens are those that it had.\n\n", o.restore)
		}
		writeHeadNotice(text, headNotice{
			address: c.head.Address(), headToken: filepath.Join(dir, head.HeadTokenFile), joinToken: filepath.Join(dir, head.JoinTokenFile), userToken: filepath.Join(dir, head.UserTokenFile),
			socket: c.node.Address(), pages: c.pages() + c.metrics(),
		})
	} else {
		fmt.Fprintf(text, "This node has joined the cluster of %s.\n\nSee it with       mobula status\n%sPrograms          connect with  MOBULA_ADDRESS=%s\nLeave it with     mobula stop\n", o.address, c.metrics(), c.node.Address())
	}
	return text.Flush()
}

type headNotice struct{ address, headToken, joinToken, userToken, socket, pages string }

func writeHeadNotice(w io.Writer, n headNotice) {
	fmt.Fprintf(w, `The cluster's head runs at %[1]s, with a node of this machine.

Add a node        mobula start --address %[1]s --token FILE
                  with FILE a copy of %[2]s
Add a head        mobula start --head --address %[1]s --token FILE
                  with FILE a copy of %[6]s , on two more machines
See it with       mobula status
                  from elsewhere with  --address %[1]s --token FILE  and FILE a copy of %[3]s
%[5]sPrograms          connect with  MOBULA_ADDRESS=%[4]s
                  and on another machine to the node there: its  mobula status  tells the address
End it with       mobula stop
`, n.address, n.joinToken, n.userToken, n.socket, n.pages, n.headToken)
}
