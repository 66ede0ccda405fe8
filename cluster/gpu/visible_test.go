package gpu

import (
	"strings"
	"testing"
)

// machine has two equal GPUs, one that is cut up, and one that is lost and cannot tell its uuid.
func machine() []GPU {
	return []GPU{
		{Index: 0, ID: "GPU-aaaa1111", Name: "H100", Health: Health{State: OK}},
		{Index: 1, ID: "GPU-aaaa2222", Name: "H100", Health: Health{State: OK}},
		{Index: 2, ID: "GPU-bbbb", Name: "H100", MIG: true, Health: Health{State: OK}, Instances: []Instance{
			{Index: 0, ID: "MIG-x1"}, {Index: 2, ID: "MIG-GPU-bbbb/2/0"},
		}},
		{Index: 3, Name: "H100", Health: Health{Lost, []string{"gone"}}},
	}
}

func env(values map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, ok := values[name]
		return v, ok
	}
}

func ids(units []Unit) string {
	var all []string
	for _, u := range units {
		all = append(all, u.ID)
	}
	return strings.Join(all, " ")
}

func TestCUDAVisibleDevices(t *testing.T) {
	for _, tt := range []struct{ text, want, note string }{
		{"", "", ""},
		{" ", "", ""},
		{"-1", "", ""},
		{"NoDevFiles", "", ""},
		{"0", "GPU-aaaa1111", ""},
		{"1,0", "GPU-aaaa2222 GPU-aaaa1111", ""},
		{" 1 , 0 ", "GPU-aaaa2222 GPU-aaaa1111", ""},
		{"1,1", "GPU-aaaa2222", ""},
		{"2", "MIG-x1 MIG-GPU-bbbb/2/0", ""},
		{"3,0", "GPU-aaaa1111", ""},
		{"0,-1,1", "GPU-aaaa1111", `"-1" is neither a number nor a uuid`},
		{"0,,1", "GPU-aaaa1111", `"" is neither`},
		{"0,7,1", "GPU-aaaa1111", "there is no GPU 7; as in CUDA, it and what follows it are not offered"},
		{"99999999999999999999", "", "there is no GPU 99999999999999999999"},
		{"GPU-aaaa1", "GPU-aaaa1111", ""},
		{"GPU-aaaa2222,GPU-aaaa1111", "GPU-aaaa2222 GPU-aaaa1111", ""},
		{"GPU-aaaa", "", "GPU-aaaa begins the uuids of 2 devices"},
		{"GPU-cccc,0", "", "there is no device GPU-cccc"},
		{"GPU-b", "MIG-x1 MIG-GPU-bbbb/2/0", ""},
		{"MIG-x", "MIG-x1", ""},
		{"MIG-GPU-bbbb/2/0,0", "MIG-GPU-bbbb/2/0 GPU-aaaa1111", ""},
		{"MIG-", "", "MIG- begins the uuids of 2 devices"},
		{"all", "", `"all" is neither a number nor a uuid`},
	} {
		units, notes := limitsOf(env(map[string]string{envCUDA: tt.text})).apply(machine())
		if note := strings.Join(notes, "\n"); ids(units) != tt.want || (note == "") != (tt.note == "") || !strings.Contains(note, tt.note) {
			t.Errorf("%s=%q: %q, want %q; notes %q, want %q", envCUDA, tt.text, ids(units), tt.want, note, tt.note)
		}
	}
	if units, notes := (limits{}).apply(machine()); len(units) != 4 || len(notes) > 0 {
		t.Errorf("without limits: %s %q", ids(units), notes)
	}
}

func TestNVIDIAVisibleDevices(t *testing.T) {
	const everything = "GPU-aaaa1111 GPU-aaaa2222 MIG-x1 MIG-GPU-bbbb/2/0"
	for _, tt := range []struct{ text, want string }{
		{"all", everything}, {"", everything}, {"void", everything}, {"none", ""},
		{"/var/run/nvidia-container-devices", everything}, {"nvidia.com/gpu=0", everything},
		{"1", "GPU-aaaa2222"}, {"0, 2", "GPU-aaaa1111 MIG-x1 MIG-GPU-bbbb/2/0"}, {"2:2", "MIG-GPU-bbbb/2/0"},
		{"4,5,6,7", everything}, // numbers of the host, in a container that was given four
		{"GPU-aaaa2222", "GPU-aaaa2222"}, {"GPU-aaaa2222,GPU-x,GPU-y,GPU-z", "GPU-aaaa2222"}, {"GPU-bbbb", "MIG-x1 MIG-GPU-bbbb/2/0"}, {"MIG-x1", "MIG-x1"},
		{"9", ""},
	} {
		units, notes := limitsOf(env(map[string]string{envNVIDIA: tt.text})).apply(machine())
		if ids(units) != tt.want || (len(notes) > 0) != (tt.want == "") {
			t.Errorf("%s=%q: %q, want %q; notes %q", envNVIDIA, tt.text, ids(units), tt.want, notes)
		}
	}
	units, _ := limitsOf(env(map[string]string{envNVIDIA: "0", envCUDA: "1,0"})).apply(machine())
	if ids(units) != "GPU-aaaa1111" {
		t.Errorf("both: %s", ids(units))
	}
}

func TestNumbersOfUnequalGPUs(t *testing.T) {
	gpus := machine()
	gpus[1].Name = "L4"
	for order, want := range map[string]int{"": 1, "FASTEST_FIRST": 1, "PCI_BUS_ID": 0} {
		_, notes := limitsOf(env(map[string]string{envCUDA: "1", envOrder: order})).apply(gpus)
		if len(notes) != want {
			t.Errorf("order %q: %q", order, notes)
		}
	}
	if _, notes := limitsOf(env(map[string]string{envCUDA: "GPU-aaaa1111"})).apply(gpus); len(notes) > 0 {
		t.Errorf("uuids have no order: %q", notes)
	}
}

func TestVisibleDevices(t *testing.T) {
	for _, tt := range []struct {
		ids    []string
		want   string
		failed bool
	}{
		{nil, "", false},
		{[]string{"GPU-b", "GPU-a"}, "GPU-b,GPU-a", false},
		{[]string{"MIG-x"}, "MIG-x", false},
		{[]string{"0", "1"}, "0,1", false},
		{[]string{"MIG-x", "MIG-y"}, "", true},
		{[]string{"GPU-a", "MIG-y"}, "", true},
		{[]string{"GPU-a,GPU-b"}, "", true},
		{[]string{""}, "", true},
	} {
		if got, err := VisibleDevices(tt.ids); got != tt.want || (err != nil) != tt.failed {
			t.Errorf("%q: %q, %v", tt.ids, got, err)
		}
	}
}

func FuzzLimits(f *testing.F) {
	for _, text := range []string{"", "0,1", "-1", "GPU-aaaa,0", "2:2", "MIG-GPU-bbbb/2/0", "all", "void", "0,,", "\x00", "GPU-"} {
		f.Add(text, text)
	}
	f.Fuzz(func(t *testing.T, cuda, nvidia string) {
		all := (&Report{GPUs: machine()}).Units()
		apply := func(values map[string]string) []Unit {
			units, _ := limitsOf(env(values)).apply(machine())
			for i, u := range units {
				if !contains(all, u.ID) || contains(units[:i], u.ID) {
					t.Fatalf("%q: %s", values, ids(units))
				}
			}
			return units
		}
		byCUDA, byNVIDIA := apply(map[string]string{envCUDA: cuda}), apply(map[string]string{envNVIDIA: nvidia})
		for _, u := range apply(map[string]string{envCUDA: cuda, envNVIDIA: nvidia}) {
			if !contains(byCUDA, u.ID) || !contains(byNVIDIA, u.ID) {
				t.Fatalf("%q and %q offer %s, which one of them does not", cuda, nvidia, u.ID)
			}
		}
		if more := apply(map[string]string{envCUDA: cuda + ",0"}); len(more) < len(byCUDA) || ids(more[:len(byCUDA)]) != ids(byCUDA) {
			t.Fatalf("what follows %q changes what it names", cuda)
		}
		var each []string
		for _, u := range byCUDA {
			each = append(each, u.ID)
		}
		// What the node offers is what a process sees that is given all of it.
		if text, err := VisibleDevices(each); err == nil && ids(apply(map[string]string{envCUDA: text})) != ids(byCUDA) {
			t.Fatalf("%q does not name %s", text, ids(byCUDA))
		}
	})
}
