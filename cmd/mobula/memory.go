package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"mobula/cluster/inspect"
	"mobula/cluster/node"
	"mobula/internal/bytesize"
)

// memoryCommand shows what holds memory, on each node.
func memoryCommand(ctx context.Context, args []string, out io.Writer) error {
	var c clusterFlags
	f := flag.NewFlagSet("memory", flag.ContinueOnError)
	c.register(f)
	if err := parse(f, args); err != nil {
		return err
	}
	client, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	memory, err := inspect.Memory(ctx, client)
	if err != nil {
		return err
	}
	warnOfMissing(os.Stderr, memory.Missing)
	if c.format == "json" {
		all := map[string]node.MemoryInfo{}
		for _, m := range memory.Rows {
			all[m.Node] = m.MemoryInfo
		}
		return writeJSON(out, all)
	}
	return writeMemory(out, memory.Rows)
}

func writeMemory(w io.Writer, all []inspect.NodeMemory) error {
	slices.SortStableFunc(all, func(x, y inspect.NodeMemory) int { return cmp.Compare(x.Node, y.Node) })
	for i, m := range all {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s: %s of %s are available\n", oneLine(m.Node), bytesize.Format(m.Available), bytesize.Format(m.Total))
		if s := m.Store; s != nil {
			fmt.Fprintf(w, "object store: %s of %s in use, %s pinned by readers, %s on disk\n",
				bytesize.Format(s.Busy), bytesize.Format(s.Capacity), bytesize.Format(s.Pinned), bytesize.Format(s.SpilledBytes))
		}
		t := &table{columns: []string{"WORKER", "PID", "MEMORY", "LEASES"}}
		slices.SortStableFunc(m.Workers, func(x, y node.WorkerInfo) int { return cmp.Compare(y.Resident, x.Resident) })
		for _, x := range m.Workers {
			t.add(x, short(x.Worker), strconv.Itoa(x.PID), bytesize.Format(x.Resident), strconv.Itoa(len(x.Leases)))
		}
		if len(t.rows) > 0 {
			if err := t.write(w, "table", 0); err != nil {
				return err
			}
		}
	}
	return nil
}
