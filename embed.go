//go:build !mobulahost

package mobula

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"

	"mobula/cluster/gpu"
	"mobula/cluster/head"
	"mobula/cluster/node"
	"mobula/cluster/sched"
	"mobula/cluster/session"
	"mobula/internal/program"
	"mobula/internal/sysmem"
	"mobula/objstore/store"
)

// open joins the cluster of c, or starts one. end undoes it.
func open(ctx context.Context, c Config) (s *session.Session, end func() error, err error) {
	p, err := program.Executable()
	if err != nil {
		return nil, nil, err
	}
	address := cmp.Or(c.Address, os.Getenv("MOBULA_ADDRESS"))
	stop := func() error { return nil }
	if address == "" || c.InProcess {
		if address, stop, err = startCluster(ctx, c, p); err != nil {
			return nil, nil, err
		}
	}
	path, err := os.Executable()
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("find this program: %w", err), stop())
	}
	sc := c.session(address)
	sc.Program, sc.Path = p, path
	if sc.OnLog == nil {
		sc.OnLog = printLog
	}
	if sc.OnPending == nil {
		sc.OnPending = logPending
	}
	if s, err = session.Connect(ctx, sc); err != nil {
		return nil, nil, errors.Join(err, stop())
	}
	return s, func() error { return errors.Join(s.Close(), stop()) }, nil
}

// startCluster starts an embedded cluster: a head that keeps nothing and a node, in this process.
func startCluster(ctx context.Context, c Config, p program.Program) (address string, stop func() error, err error) {
	h, err := head.Start(context.Background(), head.Config{})
	if err != nil {
		return "", nil, err
	}
	n, err := startNode(ctx, c, p, h)
	if err != nil {
		return "", nil, errors.Join(err, h.Close())
	}
	return n.Address(), func() error { return errors.Join(n.Close(), h.Close()) }, nil
}

func startNode(ctx context.Context, c Config, p program.Program, h *head.Head) (*node.Node, error) {
	nc := node.Config{Starter: node.Processes{}, Embedded: true, Head: &node.HeadConfig{Dial: h.Dial}, Labels: c.Labels, Resources: sched.Resources{Memory: c.Memory}}
	if c.InProcess {
		nc.Starter = node.Function(func(ctx context.Context, w node.WorkerSpec) error {
			return session.ServeWorker(ctx, session.Config{Node: w.Node, Program: p}, w.Worker, session.Process)
		})
	}
	var err error
	if nc.Resources.CPU, err = sched.AmountOf(cmp.Or(c.CPUs, float64(runtime.GOMAXPROCS(0)))); err != nil {
		return nil, fmt.Errorf("CPUs: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Resources)) {
		amount, err := sched.AmountOf(c.Resources[name])
		if err != nil {
			return nil, fmt.Errorf("resource %s: %w", name, err)
		}
		if nc.Resources.Custom == nil {
			nc.Resources.Custom = map[string]sched.Amount{}
		}
		nc.Resources.Custom[name] = amount
	}
	nc.Devices = gpu.Simulated(c.GPUs)
	if c.GPUs == 0 {
		found := gpu.Discover(ctx, gpu.Config{})
		nc.Devices, nc.WatchDevices = found.Devices(), found.Watcher()
	}
	memory, err := sysmem.System.Left()
	if err != nil {
		return nil, fmt.Errorf("find out how much memory there is: %w", err)
	}
	nc.Resources.Memory = cmp.Or(nc.Resources.Memory, memory.Total)
	nc.Store = store.Config{Capacity: cmp.Or(c.Store, store.DefaultCapacity(memory))}
	return node.Start(context.Background(), nc)
}

func printLog(l Log) {
	out := os.Stdout
	if l.Stream == "stderr" {
		out = os.Stderr
	}
	name := cmp.Or(l.Name, "worker")
	for line := range strings.Lines(l.Text) {
		fmt.Fprintf(out, "(%s pid=%d) %s\n", name, l.PID, strings.TrimSuffix(line, "\n"))
	}
}

func logPending(reason string) {
	if reason != "" {
		slog.Info("mobula: tasks wait", "reason", reason)
	}
}
