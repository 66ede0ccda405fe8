package gpu

import (
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
)

const smiTable = `0, GPU-a, 81559, 81000, 550.54.15, Disabled, 0, No, NVIDIA H100 80GB HBM3
1, GPU-b, 81559, 512, 550.54.15, Disabled, 3, Yes, NVIDIA H100, the second
2, GPU-c, 40960, 40000, 550.54.15, Enabled, [N/A], [N/A], NVIDIA A100-SXM4-40GB
3, [GPU is lost], [GPU is lost], [GPU is lost], 550.54.15, [GPU is lost], [GPU is lost], [GPU is lost], [GPU is lost]
`

const smiList = `GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-a)
GPU 1: NVIDIA H100, the second (UUID: GPU-b)
GPU 2: NVIDIA A100-SXM4-40GB (UUID: GPU-c)
  MIG 3g.20gb     Device  0: (UUID: MIG-c0)
  MIG 1c.2g.10gb  Device  1: (UUID: MIG-GPU-c/2/0)
`

func TestTableOfSMI(t *testing.T) {
	r := parseTable("a warning, of sorts\n"+smiTable, strings.Split(smiColumns, ","))
	parseInstances(smiList, r.GPUs)
	want := []GPU{
		{Index: 0, ID: "GPU-a", Name: "NVIDIA H100 80GB HBM3", Memory: Memory{81559 << 20, 81000 << 20}, Health: Health{State: OK}},
		{
			Index: 1, ID: "GPU-b", Name: "NVIDIA H100, the second", Memory: Memory{81559 << 20, 512 << 20},
			Health: Health{Degraded, []string{"3 memory errors that could not be corrected since the driver was loaded", ReasonPages}},
		},
		{
			Index: 2, ID: "GPU-c", Name: "NVIDIA A100-SXM4-40GB", Memory: Memory{40960 << 20, 40000 << 20}, MIG: true, Health: Health{State: OK},
			Instances: []Instance{
				{0, "MIG-c0", "NVIDIA A100-SXM4-40GB MIG 3g.20gb", Memory{Total: 20 << 30}},
				{1, "MIG-GPU-c/2/0", "NVIDIA A100-SXM4-40GB MIG 1c.2g.10gb", Memory{Total: 10 << 30}},
			},
		},
		{Index: 3, Health: Health{Lost, []string{"GPU is lost"}}},
	}
	if r.Driver != "550.54.15" || !reflect.DeepEqual(r.GPUs, want) {
		t.Errorf("%+v", r)
	}
}

// program puts a shell script in the place of nvidia-smi.
func program(t *testing.T, script string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, sourceSMI), []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

func TestSMI(t *testing.T) {
	old := "case $1 in *mig.mode*) echo 'Field \"mig.mode.current\" is not a valid field to query.'; exit 2;; esac\necho '0, GPU-a, 1000, 900, 390.1, Tesla K80'"
	full := "case $1 in -L) cat <<X\n" + smiList + "X\n;; *) cat <<X\n" + smiTable + "X\nexit 15;; esac"
	for _, tt := range []struct {
		name, script string
		units        string
		cause        Cause
		text         string
	}{
		{"all columns", full, "GPU-a GPU-b MIG-c0 MIG-GPU-c/2/0", "", ""},
		{"old columns", old, "GPU-a", "", ""},
		{"no driver", "echo NVIDIA-SMI has failed; exit 9", "", NoDriver, "cannot reach the NVIDIA driver"},
		{"no permission", "exit 4", "", NoPermission, "/dev/nvidia*"},
		{"no library", "exit 12", "", NoLibrary, "libnvidia-ml"},
		{"broken", "echo ouch >&2; exit 255", "", Crashed, "nvidia-smi failed: exited with status 255; its last line: ouch"},
		{"nothing", "echo No devices were found", "", NoGPU, "there is no GPU"},
		{"hangs", "echo soon >&2; while :; do :; done", "", Hung, "nvidia-smi hung: it had no answer within"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			program(t, tt.script)
			limit := 20 * time.Second
			if tt.cause == Hung {
				limit = 200 * time.Millisecond
			}
			inv := Discover(t.Context(), Config{Timeout: limit, Lookup: env(map[string]string{envBinary: "/nowhere/mobula"})})
			switch p := inv.Report.Problem; {
			case tt.cause == "" && (p != nil || ids(inv.Units) != tt.units):
				t.Errorf("%s %+v", ids(inv.Units), p)
			case tt.cause != "" && (p == nil || p.Cause != tt.cause || !strings.Contains(p.Text, tt.text) || len(inv.Units) > 0):
				t.Errorf("%+v", p)
			}
		})
	}
}

func FuzzSMI(f *testing.F) {
	f.Add(smiTable, smiList)
	f.Add("0, , , , , , , , ", "GPU 0:")
	f.Add("-1, GPU-a, 99999999999999999999, -5, x, Enabled, -1, Yes, n", "  MIG .999999999gb Device 99999999999999999999999: (UUID: MIG-)")
	f.Fuzz(func(t *testing.T, table, list string) {
		r := parseTable(table, strings.Split(smiColumns, ","))
		parseInstances(list, r.GPUs)
		if len(r.GPUs) > strings.Count(table, "\n")+1 {
			t.Fatalf("%d GPUs of %q", len(r.GPUs), table)
		}
		for _, g := range r.GPUs {
			if g.Index < 0 || g.Memory.Total < 0 || g.Memory.Free < 0 || g.ID != "" && !isUUID(g.ID) || len(g.Instances) > 0 && !g.MIG || g.Health.State == "" {
				t.Fatalf("%+v of %q", g, table)
			}
			for _, u := range g.Units() {
				if !isUUID(u.ID) || u.Memory.Total < 0 {
					t.Fatalf("%+v of %q", u, list)
				}
			}
		}
	})
}
