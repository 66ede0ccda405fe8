package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"mobula/cluster/gpu"
	"mobula/cluster/node"
	"mobula/cluster/sched"
	"mobula/internal/bytesize"
)

// gpuConfig finds GPUs with this very program as the probe.
func gpuConfig() (gpu.Config, error) {
	exe, err := os.Executable()
	if err != nil {
		return gpu.Config{}, fmt.Errorf("find this program, to look for GPUs: %w", err)
	}
	return gpu.Config{Probe: []string{exe, "gpus", "-o", "json"}}, nil
}

// gpuCount is how many GPUs are to be offered; -1 is all that are found.
func (o *startOptions) gpuCount() (int, error) {
	if o.gpus == "" {
		return -1, nil
	}
	n, err := strconv.Atoi(o.gpus)
	if err != nil || n < 0 {
		return 0, misuse("--num-gpus: %q is no number of devices", o.gpus)
	}
	return n, nil
}

// addDevices has the node offer and watch the GPUs that are found, as many of them as were asked for, or offer simulated ones where there are
// not so many.
func (o *startOptions) addDevices(ctx context.Context, to *node.Config) error {
	n, err := o.gpuCount()
	if n == 0 || err != nil {
		return err
	}
	c, err := gpuConfig()
	if err != nil {
		return err
	}
	found := gpu.Discover(ctx, c)
	to.Devices, to.WatchDevices = found.Devices(), found.Watcher()
	switch {
	case n > len(to.Devices):
		to.Devices, to.WatchDevices = gpu.Simulated(n), nil
	case n >= 0:
		to.Devices = to.Devices[:n]
	}
	to.Resources.GPU = sched.Whole(len(to.Devices))
	return nil
}

// gpusCommand is  mobula gpus.
func gpusCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "gpus",
		Short: "show the GPUs of this machine, and which a node would offer",
		Long: `Show the GPUs of this machine, whether they work, and which of them a node that is started here would
offer: CUDA_VISIBLE_DEVICES bounds these. Where there are none, it says why.`,
		Example: `  mobula gpus
  mobula gpus -o json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return showGPUs(cmd.Context(), cmd.OutOrStdout(), output) },
	}
	outputFlag(cmd, &output)
	return cmd
}

func showGPUs(ctx context.Context, out io.Writer, output string) error {
	c, err := gpuConfig()
	if err != nil {
		return err
	}
	c.Always = true
	found := gpu.Discover(ctx, c)
	if output == asJSON {
		return writeJSON(out, struct {
			gpu.Report
			Offered []gpu.Unit `json:"offered"`
			Notes   []string   `json:"notes,omitempty"`
		}{found.Report, append([]gpu.Unit{}, found.Units...), found.Notes})
	}
	return writeGPUs(out, found)
}

func writeGPUs(out io.Writer, found *gpu.Inventory) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if len(found.Report.GPUs) > 0 {
		fmt.Fprintln(w, "GPU\tNAME\tMEMORY\tFREE\tHEALTH\tOFFERED\tID")
	}
	for _, g := range found.Report.GPUs {
		name, offered := g.Name, yesNo(found, g.ID)
		if g.MIG {
			name, offered = name+", cut up", "-"
		}
		writeGPU(w, strconv.Itoa(g.Index), name, g.Memory, string(g.Health.State), offered, g.ID)
		for _, in := range g.Instances {
			writeGPU(w, fmt.Sprintf("%d:%d", g.Index, in.Index), in.Name, in.Memory, "", yesNo(found, in.ID), in.ID)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, g := range found.Report.GPUs {
		if len(g.Health.Reasons) > 0 {
			fmt.Fprintf(out, "GPU %d: %s\n", g.Index, oneLine(strings.Join(g.Health.Reasons, "; ")))
		}
	}
	for _, note := range found.Notes {
		fmt.Fprintf(out, "Note: %s\n", oneLine(note))
	}
	last := fmt.Sprintf("Driver %s, told by %s.", cmp.Or(found.Report.Driver, "unknown"), found.Report.Source)
	if why := found.Why(); why != "" {
		last = "No GPU is offered: " + why
	}
	_, err := fmt.Fprintln(out, oneLine(last))
	return err
}

func writeGPU(w io.Writer, index, name string, m gpu.Memory, health, offered, id string) {
	size := func(n int64) string {
		if n == 0 {
			return "-"
		}
		return bytesize.Format(n)
	}
	cells := []string{index, cmp.Or(name, "-"), size(m.Total), size(m.Free), cmp.Or(health, "-"), offered, cmp.Or(id, "-")}
	for i := range cells {
		cells[i] = oneLine(cells[i])
	}
	fmt.Fprintln(w, strings.Join(cells, "\t")) // Flush tells errors
}

func yesNo(found *gpu.Inventory, id string) string {
	if slices.ContainsFunc(found.Units, func(u gpu.Unit) bool { return u.ID == id }) {
		return "yes"
	}
	return "no"
}
