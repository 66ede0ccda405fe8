package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"mobula/cluster/inspect"
	"mobula/cluster/node"
	"mobula/internal/bytesize"
)

// memoryCommand is  mobula memory.
func memoryCommand() *cobra.Command {
	var c clusterFlags
	cmd := &cobra.Command{
		Use:   "memory",
		Short: "show who holds memory",
		Long:  `Show what memory each node has left, what its object store holds, and what its workers use.`,
		Example: `  mobula memory
  mobula memory -o json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.showMemory(cmd) },
	}
	c.register(cmd)
	return cmd
}

func (c *clusterFlags) showMemory(cmd *cobra.Command) error {
	client, err := c.connect(cmd.Context())
	if err != nil {
		return err
	}
	defer client.Close()
	memory, err := inspect.Memory(cmd.Context(), client)
	if err != nil {
		return err
	}
	warnOfMissing(cmd.ErrOrStderr(), memory.Missing)
	if c.output == asJSON {
		all := map[string]node.MemoryInfo{}
		for _, m := range memory.Rows {
			all[m.Node] = m.MemoryInfo
		}
		return writeJSON(cmd.OutOrStdout(), all)
	}
	return writeMemory(cmd.OutOrStdout(), memory.Rows)
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
			if err := t.write(w, asTable, 0); err != nil {
				return err
			}
		}
	}
	return nil
}
