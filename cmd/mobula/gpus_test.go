package main

import (
	"encoding/json"
	"strings"
	"testing"

	"mobula/cluster/gpu"
	"mobula/cluster/gpu/nvml"
)

// The test binary is its own probe, as mobula is.
func init() { nvml.Main() }

func TestGPUsOfThisMachine(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), []string{"gpus", "-o", "json"}, &out); err != nil {
		t.Fatal(err)
	}
	var got struct {
		gpu.Report
		Offered []gpu.Unit
	}
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil || got.GPUs == nil || got.Offered == nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	out.Reset()
	if err := run(t.Context(), []string{"gpus"}, &out); err != nil {
		t.Fatal(err)
	}
	if p := got.Problem; p != nil && strings.TrimSpace(out.String()) != "No GPU is offered: "+p.Text {
		t.Errorf("%q, want the line %q", out.String(), p.Text)
	}
}

func TestTableOfGPUs(t *testing.T) {
	report := gpu.Report{Source: "nvml", Driver: "580.65.06", GPUs: []gpu.GPU{
		{Index: 0, ID: "GPU-a", Name: "H100", Memory: gpu.Memory{Total: 80 << 30, Free: 79 << 30}, Health: gpu.Health{State: gpu.OK}},
		{Index: 1, ID: "GPU-b", Name: "H100", MIG: true, Health: gpu.Health{State: gpu.Degraded, Reasons: []string{"reset it"}}, Instances: []gpu.Instance{
			{Index: 2, ID: "MIG-b2", Name: "H100 MIG 3g.40gb", Memory: gpu.Memory{Total: 40 << 30}},
		}},
		{Index: 2, Health: gpu.Health{State: gpu.Lost, Reasons: []string{"off the bus"}}},
	}}
	var out strings.Builder
	if err := writeGPUs(&out, &gpu.Inventory{Report: report, Units: report.Units()[1:], Notes: []string{"some\x1b note"}}); err != nil {
		t.Fatal(err)
	}
	want := `GPU  NAME              MEMORY  FREE    HEALTH    OFFERED  ID
0    H100              80 GiB  79 GiB  ok        no       GPU-a
1    H100, cut up      -       -       degraded  -        GPU-b
1:2  H100 MIG 3g.40gb  40 GiB  -       -         yes      MIG-b2
2    -                 -       -       lost      no       -
GPU 1: reset it
GPU 2: off the bus
Note: some  note
Driver 580.65.06, told by nvml.
`
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
