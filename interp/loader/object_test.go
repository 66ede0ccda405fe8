package loader

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// walk touches all of a parsed object, as a job would.
func walk(o *object) {
	j := &job{l: &Linker{}}
	v := &view{object: o, syms: make([]*symbol, o.total())}
	for i := range o.total() {
		s := v.symbol(i)
		o.data(i)
		stripVersions(s.name)
		canonical(s.name)
		private(s.name, true)
		packageOf(s.name)
		if s.name != "" {
			mangle(s.name)
		}
		if !s.def {
			continue
		}
		for r := range o.relocs(i) {
			o.local(r.ref)
		}
		for range o.auxes(i) {
		}
		if s.text() {
			inlineNodes(j.funcInfo(s))
		}
		uncommonOf(s.data())
		shiftPC(s.data(), entryPad)
		if len(s.data()) > 0 {
			s.stripName()
		}
		s.openGap()
		o.find(s.name, s.abi)
	}
}

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/archives/*.a")
	if err != nil || len(files) == 0 {
		f.Fatal("no seed archives: ", err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		objs, err := parseArchive(b)
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("an error that does not say damaged: %v", err)
			}
			return
		}
		for _, o := range objs {
			walk(o)
		}
	})
}

// TestDamage flips and cuts every few bytes of a real archive: an error or a harmless change, never a panic.
func TestDamage(t *testing.T) {
	files, err := filepath.Glob("testdata/archives/*.a")
	if err != nil || len(files) == 0 {
		t.Fatal("no archives: ", err)
	}
	rejected := 0
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseArchive(b); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i := 0; i < len(b)-8; i += 29 {
			c := append([]byte{}, b...)
			c[i] ^= byte(1 << (i % 8))
			c[(i*31)%len(c)] = 0xff
			if objs, err := parseArchive(c); err != nil {
				rejected++
			} else {
				for _, o := range objs {
					walk(o)
				}
			}
			if _, err := parseArchive(b[:i]); err == nil {
				t.Fatalf("%s cut at %d is accepted", name, i)
			}
		}
	}
	if rejected == 0 {
		t.Error("no damage was noticed")
	}
}

func TestStripVersions(t *testing.T) {
	for in, want := range map[string]string{
		"main.P": "main.P", "main.P۰2": "main.P", "map[main.K۰12]*main.P۰3": "map[main.K]*main.P",
		"main.(*P۰2).M": "main.(*P).M", "۰": "۰", "a۰b": "a۰b", "x۰1y۰22": "xy",
	} {
		if got := stripVersions(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]bool{
		"main.f": true, "type:*main.P": true, "type:map[string]main.P": true, "go:itab.*main.P,error": true, "type:.eq.main.P": true,
		"domain.f": false, "type:func(int)": false, "example.com/x/main.f": false, "type:struct { F main.P }": true, "slices..dict.Sort[[]main.P]": true,
	} {
		if dependent(name) != want {
			t.Errorf("dependent(%q) is %v", name, !want)
		}
	}
	for name, want := range map[string]bool{
		"main..stmp_3": true, "main..dict.F[int]": true, "main.f·f": true, "type:main.L·1": true, "type:func(...main.P)": false,
		"main.init.0": true, "main.initialise": false, "main.f": false, "main.f..typeAssert.0": true, "main..inittask": true,
	} {
		if private(name, false) != want {
			t.Errorf("private(%q) is %v", name, !want)
		}
	}
	defined := map[string]bool{"main.f": true, "main.(*Box).Get": true, "main.T.M": true}
	for name, want := range map[string][2]bool{
		"main.f": {true, true}, "main.f.func1": {false, true}, "main.f.gowrap2": {false, true}, "main.f-range1": {false, true},
		"main.fun": {false, false}, "main.(*Box[go.shape.int]).Get": {true, true}, "main.T.M-fm": {true, true}, "main.g.f": {false, false},
		"main.f[go.shape.struct { A main.g }]": {true, true},
	} {
		if exact, ok := owner(name, defined); exact != want[0] || ok != want[1] {
			t.Errorf("owner(%q) is %v %v", name, exact, ok)
		}
	}
}
